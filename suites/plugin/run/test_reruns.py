"""Reruns, expected failures and time-outs count once, and read alike in table, JSON and JUnit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from fixtures import graphs

AGAIN = """
from _pytest.runner import runtestprotocol

def pytest_runtest_protocol(item, nextitem):
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for turn in range(3):
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        last = turn == 2 or not any(r.failed for r in reports)
        for r in reports:
            if r.failed and not last:
                r.outcome = "rerun"
            item.ihook.pytest_runtest_logreport(report=r)
        if last:
            break
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True

def pytest_report_teststatus(report):
    return ("rerun", "R", "RERUN") if report.outcome == "rerun" else None
"""


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    onnx.save(graphs.small_cnn(), tmp_path / "net.onnx")
    other = graphs.small_cnn()
    data = bytearray(other.graph.initializer[0].raw_data)
    data[:4] = b"\x00\x00\x40\x41"
    other.graph.initializer[0].raw_data = bytes(data)
    onnx.save(other, tmp_path / "other.onnx")
    return tmp_path


def test_a_rerun_counts_once(gate: Callable, pair: Path) -> None:
    (pair / "conftest.py").write_text(AGAIN)
    run = gate("--onnx-model=net.onnx", "--onnx-reference=other.onnx", "--onnx-backend=ort-cpu", "-k", "parity")
    assert run.status == 1
    assert "1 failed" in run.out
    assert "2 rerun" in run.out
    assert run.failed() == [("parity", "V_PARITY")]
    assert run.report["summary"]["failed"] == 1


@pytest.mark.parametrize("strict", [True, False])
def test_an_expected_failure_reads_alike(gate: Callable, pair: Path, strict: bool) -> None:
    (pair / "test_x.py").write_text(
        "import pytest\n\n"
        f'@pytest.mark.xfail(strict={strict}, reason="known since May")\n'
        '@pytest.mark.conversion_parity(reference="other.onnx")\n'
        "def test_known(onnx_model, backend): ...\n"
    )
    run = gate(
        "--onnx-model=net.onnx", "--onnx-backend=ort-cpu", "-k", "test_known", f"--junitxml={pair / 'junit.xml'}"
    )
    assert run.status == 0, run.out
    assert "1 xfailed" in run.out
    assert "xfailed: parity" in run.out
    assert "failed: parity" not in run.out.replace("xfailed: parity", "")
    assert run.row("parity")["xfail"] == "known since May"
    assert run.report["summary"] == {"passed": 0, "failed": 0, "inconclusive": 0, "not_applicable": 0, "xfailed": 1}
    junit = (pair / "junit.xml").read_text()
    assert 'type="pytest.xfail"' in junit
    assert 'name="onnxaccel.check" value="parity"' in junit
    assert 'name="onnxaccel"' not in junit


def test_a_test_that_somebody_ends_is_a_result(gate: Callable, pair: Path) -> None:
    (pair / "conftest.py").write_text(
        "import pytest\n\n"
        "@pytest.hookimpl(wrapper=True)\n"
        "def pytest_runtest_call(item):\n"
        "    import pytest_onnxaccel.plugin.state as state\n"
        "    def ends(self, request):\n"
        "        pytest.fail('Timeout (>1.0s) from pytest-timeout.', pytrace=False)\n"
        "    state.State.check = ends\n"
        "    return (yield)\n"
    )
    run = gate("--onnx-model=net.onnx", "--onnx-backend=ort-cpu", "-k", "structure")
    assert (run.status, run.failed()) == (1, [("structure", "E_TIMEOUT")]), run.out
