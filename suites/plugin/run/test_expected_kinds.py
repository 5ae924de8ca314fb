"""``raises=``: a check that does not hold is an AssertionError, a fault is none; what is printed stays the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from fixtures import graphs

OFF = '@pytest.mark.conversion_parity(reference="other.onnx")\n'
SAME = '@pytest.mark.conversion_parity(reference="same.onnx")\n'
BROKEN = '@pytest.mark.conversion_parity(reference="broken.onnx")\n'
SLOW = '@pytest.mark.latency_budget(p95="1ns")\n'
BODY = "def test_x(onnx_model, backend): ...\n"


@pytest.fixture
def suite(tmp_path: Path, gate: Callable) -> Callable:
    onnx.save(graphs.small_cnn(), tmp_path / "net.onnx")
    onnx.save(graphs.small_cnn(), tmp_path / "same.onnx")
    (tmp_path / "broken.onnx").write_bytes(b"\x08\x07broken")
    other = graphs.small_cnn()
    data = bytearray(other.graph.initializer[0].raw_data)
    data[:4] = b"\x00\x00\x40\x41"
    other.graph.initializer[0].raw_data = bytes(data)
    onnx.save(other, tmp_path / "other.onnx")

    def run(text: str, *arguments: str):
        (tmp_path / "test_x.py").write_text("import pytest\n\n" + text)
        return gate("--onnx-model=net.onnx", "--onnx-backend=ort-cpu", "test_x.py", "-k", "test_x.py", *arguments)

    return run


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("kind", ["AssertionError", "pytest.fail.Exception", "(ValueError, AssertionError)"])
def test_a_failed_check_is_expected(suite: Callable, kind: str, strict: bool) -> None:
    run = suite(f"@pytest.mark.xfail(raises={kind}, strict={strict})\n{OFF}{BODY}")
    assert run.status == 0, run.out
    assert "1 xfailed" in run.out
    assert run.report["summary"]["xfailed"] == 1


@pytest.mark.parametrize(
    ("mark", "says"), [("raises=AssertionError, strict=True", "XPASS(strict)"), ("raises=AssertionError", "1 xpassed")]
)
def test_one_that_holds_is_not(suite: Callable, mark: str, says: str) -> None:
    run = suite(f"@pytest.mark.xfail({mark})\n{SAME}{BODY}")
    assert run.status == int("strict" in mark), run.out
    assert says in run.out


@pytest.mark.parametrize(
    ("declared", "kind", "code"),
    [
        (BROKEN, "AssertionError", "E_PARSE"),  # a fault is no assertion
        (OFF, "ValueError", "V_PARITY"),
        (BROKEN + SLOW, "AssertionError", "E_PARSE"),  # a verdict does not hide the fault beside it
    ],
)
def test_another_kind_is_not_expected(suite: Callable, declared: str, kind: str, code: str) -> None:
    run = suite(f"@pytest.mark.xfail(raises={kind})\n{declared}{BODY}")
    assert run.status == 1, run.out
    assert "1 failed" in run.out
    assert code in run.out
    assert "Traceback" not in run.out


def test_what_is_printed_is_what_any_failure_prints(suite: Callable, tmp_path: Path) -> None:
    junit = tmp_path / "junit.xml"
    run = suite(OFF + BODY, f"--junitxml={junit}")
    assert run.status == 1
    assert "V_PARITY" in run.out
    for hidden in ("Traceback", "AssertionError", "failed.py", "results.py"):
        assert hidden not in run.out
    assert '<failure message="Failed: ' in junit.read_text()


def test_a_rerun_that_waits_for_assertions(suite: Callable) -> None:
    pytest.importorskip("pytest_rerunfailures")
    again = "@pytest.mark.flaky(reruns=2, only_rerun=[AssertionError])\n"
    assert "2 rerun in" in suite(again + OFF + BODY).out
    run = suite(again + BROKEN + BODY)
    assert run.status == 1
    assert "1 failed" in run.out
    assert " rerun in" not in run.out


def test_a_builtin_check_and_a_unittest(suite: Callable) -> None:
    hook = (
        "def pytest_collection_modifyitems(items):\n"
        "    for item in items:\n"
        "        if item.name.startswith('parity'):\n"
        "            item.add_marker(pytest.mark.xfail(raises=AssertionError, strict=True))\n"
    )
    case = (
        "import unittest\n\n"
        "class TestX(unittest.TestCase):\n"
        "    @pytest.mark.xfail(raises=AssertionError)\n"
        '    @pytest.mark.usefixtures("onnx_model", "backend")\n'
        f"    {OFF}    def test_x(self): ...\n"
    )
    run = suite(case)
    assert run.status == 0, run.out
    assert "1 xfailed" in run.out
    (run.folder / "conftest.py").write_text("import pytest\n\n" + hook)
    run = suite("", "--onnx-reference=other.onnx", "-k", "parity")
    assert run.status == 0, run.out
    assert "1 xfailed" in run.out
