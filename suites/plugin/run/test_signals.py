"""SIGTERM and SIGHUP end a run as Ctrl-C does; what somebody else handles stays theirs."""

from __future__ import annotations

import json
import signal
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest

from fixtures import graphs
from pytest_onnxaccel.plugin.interruption.signals import Signals

ALONE: Any = SimpleNamespace()
XDIST_WORKER: Any = SimpleNamespace(workerinput={})


@pytest.fixture(autouse=True)
def _as_before() -> Any:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    for number in before:
        signal.signal(number, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_first_one_interrupts_and_the_second_ends_hard(number: signal.Signals) -> None:
    signals = Signals(ALONE)
    with pytest.raises(KeyboardInterrupt, match=number.name):
        signal.raise_signal(number)
    assert signals.received == number.name
    assert signal.getsignal(signal.SIGTERM) is signal.getsignal(signal.SIGHUP) is signal.SIG_DFL


def test_in_an_xdist_worker_the_second_one_is_passed_over() -> None:
    """The group of processes gets one, and the controlling process sends one."""
    signals = Signals(XDIST_WORKER)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGTERM)
    signals.restore()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_while_the_reports_are_written_the_first_one_waits() -> None:
    signals = Signals(ALONE)
    signals.pytest_sessionfinish()
    signal.raise_signal(signal.SIGTERM)
    assert signals.received == "SIGTERM"
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_handlers_of_others_stay() -> None:
    def theirs(*_: object) -> None: ...

    signal.signal(signal.SIGTERM, theirs)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # what nohup does
    signals = Signals(ALONE)
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGHUP)) == (theirs, signal.SIG_IGN)
    signals.restore()
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGHUP)) == (theirs, signal.SIG_IGN)


def test_a_handler_that_was_set_after_ours_stays() -> None:
    def theirs(*_: object) -> None: ...

    signals = Signals(ALONE)
    signal.signal(signal.SIGTERM, theirs)
    signals.pytest_unconfigure()
    assert signal.getsignal(signal.SIGTERM) is theirs
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL


# -- in a run ---------------------------------------------------------------------------------------------------

#: The controlling process tells how far it has come: what it has not heard of it cannot report.
HEARD = """
import pytest
CONTROLS = []
def pytest_configure(config):
    # Not by the environment: the run that this is a test of may be a worker's itself
    CONTROLS.append(not hasattr(config, "workerinput"))
@pytest.hookimpl(trylast=True)
def pytest_runtest_logreport(report):
    if CONTROLS[0] and "test_interrupted" in report.nodeid:
        open("heard", "w").close()
"""

TESTS = """
import os, signal, time
def test_first(): pass
def test_interrupted():
    while not os.path.exists("heard"):
        time.sleep(0.01)
    os.kill(os.getppid() if {parallel} else os.getpid(), signal.SIGTERM)
    time.sleep(60)
def test_never(): pass
"""


@pytest.mark.parametrize("parallel", [False, True], ids=["alone", "xdist"])
def test_reports_hold_what_ended(pytester: pytest.Pytester, parallel: bool) -> None:
    if parallel:
        pytest.importorskip("xdist")
    (pytester.path / "m.onnx").write_bytes(graphs.mlp().SerializeToString())
    pytester.makeconftest(HEARD)
    pytester.makepyfile(test_x=TESTS.format(parallel=parallel))
    run = pytester.runpytest_subprocess(
        "-p", "no:cacheprovider", "--onnx-model=m.onnx", "--onnx-backend=ort-cpu", "-k", "structure or test_x",
        "--onnx-report=r.json", "--junitxml=j.xml", "test_x.py", ".", *(["-n", "1"] if parallel else []),
    )  # fmt: skip
    assert run.ret == pytest.ExitCode.INTERRUPTED
    report = json.loads((pytester.path / "r.json").read_text())
    assert report["run"]["interrupted"] == "SIGTERM"
    assert report["run"]["exit_status"] == 2
    (unfinished,) = report["run"]["unfinished"]
    assert unfinished.endswith("test_interrupted")
    run.stdout.fnmatch_lines(["interrupted: SIGTERM; did not end: *test_interrupted"])
    cases = [case.get("name") for case in ElementTree.parse(pytester.path / "j.xml").iter("testcase")]
    # What never ended has no case: without a result, readers would count it as passed
    assert "test_first" in cases
    assert None not in cases
    assert not {"test_interrupted", "test_never"} & set(cases)


def test_a_run_that_stops_by_itself_says_why(pytester: pytest.Pytester) -> None:
    (pytester.path / "m.onnx").write_bytes(graphs.mlp().SerializeToString())
    pytester.makepyfile("def test_x(): assert 0\ndef test_y(): pass\n")
    common = ("-p", "no:cacheprovider", "--onnx-model=m.onnx", "-k", "test_x or test_y", "--onnx-report=r.json", ".")
    assert pytester.runpytest_subprocess(*common, "-x").ret == 1
    assert json.loads((pytester.path / "r.json").read_text())["run"]["interrupted"] == "stopping after 1 failures"
    assert pytester.runpytest_subprocess(*common).ret == 1
    assert json.loads((pytester.path / "r.json").read_text())["run"]["interrupted"] == ""
