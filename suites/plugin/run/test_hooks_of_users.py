"""A ``conftest.py`` that looks at every item, as written for repositories of functions and doctests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from fixtures import graphs

CONFTEST = """
import pytest


def pytest_collection_modifyitems(config, items):
    for item in items:
        if "database" in item.fixturenames:
            item.add_marker(pytest.mark.skip(reason="no database"))
        item.add_marker(pytest.mark.slow)
        assert item.name and item.nodeid and item.path and item.location and item.keywords and item.listchain()
    items.sort(key=lambda item: item.name)


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: all of them")


@pytest.fixture
def database(): ...


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    report.description = str(getattr(item, "obj", None).__doc__)
    return report
"""

TESTS = '''
def test_stored(database): ...


def test_model(onnx_model, backend): ...


def double(x):
    """
    >>> double(2)
    4
    """
    return 2 * x
'''


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    onnx.save(graphs.small_cnn(), tmp_path / "net.onnx")
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_x.py").write_text(TESTS)
    (tmp_path / "onnxaccel.toml").write_text(
        '[models.net]\npath = "net.onnx"\nbackends = ["ort-cpu"]\n'
        '[preprocessing.same]\nreference = "test_x:double"\ncandidate = "test_x:double"\n'
    )
    return tmp_path


@pytest.mark.parametrize("more", [(), ("-n", "2")])
def test_every_item_has_what_a_hook_may_ask(gate: Callable, repository: Path, more: tuple[str, ...]) -> None:
    run = gate("--doctest-modules", "-m", "slow and not latency and not batch", "-v", *more)
    assert "INTERNALERROR" not in run.out
    assert run.status == 0, run.out
    assert "onnxaccel.toml::same::parity" in run.out
    # Two tests, a doctest, four checks of the model and one of functions; a test is skipped
    assert "7 passed, 1 skipped" in run.out


def test_a_marker_of_ours_on_every_item_is_judged_where_it_can_be(gate: Callable, repository: Path) -> None:
    (repository / "conftest.py").write_text(
        "import pytest\n\n"
        "def pytest_collection_modifyitems(items):\n"
        "    for item in items:\n"
        "        if 'onnx_model' in item.fixturenames or 'structure' in item.name:\n"
        "            item.add_marker(pytest.mark.conversion_parity(rtol=1e-3))\n"
    )
    run = gate("-k", "structure or test_model")
    assert run.status == 0, run.out
    assert {row["check"] for row in run.rows} == {"structure", "parity"}
