"""Tests that ask for a model in a run that has none are told in one line, and fail a strict run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from fixtures import graphs
from pytest_onnxaccel.plugin.run.without_model import line, nearest_manifest

MARKED = """
import pytest

@pytest.mark.conversion_parity(reference="reference")
def test_{name}(onnx_model, backend): ...
"""


@pytest.fixture
def monorepo(tmp_path: Path) -> Path:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    for name in ("one", "two"):
        tests = tmp_path / "models" / name / "tests"
        tests.mkdir(parents=True)
        (tests / f"test_{name}.py").write_text(MARKED.format(name=name))
        (tests.parent / "onnxaccel.toml").write_text('[models.net]\npath = "net.onnx"\n')
        onnx.save(graphs.mlp(), tests.parent / "net.onnx")
    return tmp_path


@pytest.mark.parametrize("more", [(), ("-n", "1")])
def test_manifests_of_its_folders_are_named(gate: Callable, monorepo: Path, more: tuple[str, ...]) -> None:
    run = gate("--onnx-backend=ort-cpu", *more)
    assert run.status == 0, run.out
    assert "not judged: 2 tests skipped, because the run has no model" in run.out
    assert "run pytest in models/one, models/two" in run.out
    strict = gate("--onnx-backend=ort-cpu", "--onnx-strict", *more)
    assert strict.status == 1, strict.out
    assert "which --onnx-strict does not accept" in strict.out


def test_its_remedy_holds(gate: Callable, monorepo: Path) -> None:
    manifest = "--onnx-manifest=models/one/onnxaccel.toml"
    run = gate("--onnx-backend=ort-cpu", "--onnx-strict", manifest, "models/one")
    assert run.status == 0, run.out
    assert "not judged" not in run.out
    assert {row["check"] for row in run.rows} >= {"parity"}


def test_a_plain_run_of_xdist_says_so_too(gate: Callable, tmp_path: Path) -> None:
    (tmp_path / "test_x.py").write_text(
        "def test_x(onnx_model): ...\ndef test_y(request): request.getfixturevalue('onnx_model')\n"
    )
    for more in ((), ("-n", "1")):
        run = gate("test_x.py", "-q", *more)
        assert run.status == 0
        assert "not judged: 2 tests skipped, because the run has no model - give --onnx-model=PATH" in run.out


def test_a_skip_of_the_users_own_is_not_meant(gate: Callable, tmp_path: Path) -> None:
    (tmp_path / "test_x.py").write_text(
        "import pytest\n\n@pytest.mark.skip(reason='not today')\ndef test_x(onnx_model): ...\n"
    )
    run = gate("test_x.py", "--onnx-strict")
    assert run.status == 0, run.out
    assert "not judged" not in run.out


def test_the_nearest_manifest_is_found(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b" / "c"
    inner.mkdir(parents=True)
    assert nearest_manifest(inner, tmp_path) == ""
    (tmp_path / "onnxaccel.toml").touch()  # it is the run's own
    assert nearest_manifest(inner, tmp_path) == ""
    (tmp_path / "a" / "onnxaccel.toml").touch()
    assert nearest_manifest(inner, tmp_path) == "a"
    (tmp_path / "a" / "b" / "onnxaccel.toml").touch()
    assert nearest_manifest(inner, tmp_path) == "a/b"
    assert nearest_manifest(tmp_path.parent, tmp_path) == ""


def test_many_folders_are_counted() -> None:
    told = line({f"test_{n}": f"m{n}" for n in range(5)}, strict=False)
    assert "5 tests" in told
    assert "m0, m1, m2 and 2 more" in told
    assert "1 test skipped" in line({"test": ""}, strict=True)
