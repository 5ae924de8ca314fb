"""A run that is ended from outside: its reports hold what ended before, and of processes and folders nothing stays."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from suites.faults.running import Run, model

#: Seconds after which nothing may be left; on an idle machine it takes less than one.
SOON = 10.0


XDIST = pytest.param(("-n", "2"), id="xdist", marks=pytest.mark.skipif(not find_spec("xdist"), reason="needs xdist"))
BOTH = pytest.mark.parametrize("parallel", [pytest.param((), id="alone"), XDIST])

#: The controlling process tells how far it has come: what it has not heard of it cannot report.
HEARD = """
import os, pytest
@pytest.hookimpl(trylast=True)
def pytest_runtest_logreport(report):
    if "PYTEST_XDIST_WORKER" not in os.environ and report.nodeid == "slow.onnx::contract[faulty]":
        open("heard", "w").close()
"""

UnderWay = Callable[[str, tuple[str, ...]], Run]


@pytest.fixture
def under_way(launch: Callable[..., Run], tmp_path: Path) -> UnderWay:
    """``under_way(fault, parallel)``: a run in which one model passed, and another one's worker hangs or is stopped."""

    def start(fault: str, parallel: tuple[str, ...]) -> Run:
        (tmp_path / "conftest.py").write_text(HEARD)
        models = [model(tmp_path / "good.onnx"), model(tmp_path / "slow.onnx", fault)]
        run = launch("-v", "-k", "structure or contract", "--onnx-timeout=600", *parallel, models=models)
        heard = tmp_path / "heard"
        assert run.reaches(lambda: run.began() and heard.exists() and _good_passed(run)), run.out
        return run

    return start


def _good_passed(run: Run) -> bool:
    """Both checks of the one model, and the structure of the other."""
    return run.out.count("PASSED") == 3


@BOTH
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_reports_are_complete_and_nothing_is_left(
    number: signal.Signals,
    parallel: tuple[str, ...],
    under_way: UnderWay,
    record_property: Callable[[str, object], None],
) -> None:
    run = under_way("hang in run", parallel)
    run.process.send_signal(number)
    assert run.wait().status == 2, run.out
    seconds = run.gone_after(SOON)
    record_property("seconds_until_gone", seconds)
    print(f"nothing is left after {seconds:.2f} s")
    report = run.agrees()
    assert {r["nodeid"] for r in report["results"]} == {
        "good.onnx::structure", "good.onnx::contract[faulty]", "slow.onnx::structure"
    }  # fmt: skip
    assert report["summary"]["passed"] == 3
    assert report["run"]["exit_status"] == 2
    assert report["run"]["unfinished"] == ["slow.onnx::contract[faulty]"]
    assert report["run"]["interrupted"] == {2: "KeyboardInterrupt", 15: "SIGTERM"}[number]
    assert "interrupted: " in run.out


@BOTH
@pytest.mark.parametrize("fault", ["hang in run", "stop in load"])
def test_nothing_is_left_of_a_run_that_was_killed(
    fault: str, parallel: tuple[str, ...], under_way: UnderWay, record_property: Callable[[str, object], None]
) -> None:
    """No report can be written; neither an xdist worker nor a worker that is stopped stays."""
    run = under_way(fault, parallel)
    run.process.send_signal(signal.SIGKILL)
    run.wait()
    seconds = run.gone_after(SOON)
    record_property("seconds_until_gone", seconds)
    print(f"nothing is left after {seconds:.2f} s")
    assert not run.json.exists()


def test_a_second_signal_ends_at_once(launch: Callable[..., Run], tmp_path: Path) -> None:
    """The first one runs into a test's own clean-up that hangs; nobody has to wait for it."""
    (tmp_path / "test_slow.py").write_text(
        "import time\n"
        "def test_slow():\n"
        "    try:\n        open('sleeps', 'x').close()\n        time.sleep(600)\n"
        "    finally:\n        open('cleans', 'x').close()\n        time.sleep(600)\n"
    )
    run = launch("test_slow.py", models=[model(tmp_path / "m.onnx")])
    for name in ("sleeps", "cleans"):
        assert run.reaches((tmp_path / name).exists), run.out
        run.process.send_signal(signal.SIGTERM)
    assert run.wait().status == -signal.SIGTERM
    run.gone_after(SOON)


@pytest.mark.parametrize("parallel", [XDIST])
def test_a_signalled_xdist_worker_ends_its_own(under_way: UnderWay, parallel: tuple[str, ...]) -> None:
    """A service may signal every process of the group: the workers', too."""
    run = under_way("hang in run", parallel)
    for line in run.left():
        pid, _, command = line.partition(":")
        if pid.isdigit() and "execnet" in command:
            os.kill(int(pid), signal.SIGTERM)
    run.process.send_signal(signal.SIGTERM)
    assert run.wait().status == 2, run.out
    run.gone_after(SOON)
    assert run.agrees()["summary"]["passed"] == 3


@pytest.mark.parametrize("parallel", [XDIST])
def test_the_death_of_an_xdist_worker_is_a_row(under_way: UnderWay, parallel: tuple[str, ...]) -> None:
    """pytest-xdist reports it and starts another one; the JSON report must know of it as well."""
    run = under_way("hang in run", parallel)
    (begun,) = run.temporary.glob("onnxaccel-*/**/began")
    folder = run.temporary / begun.relative_to(run.temporary).parts[0]  # that the guard of the xdist worker removes
    owner = next(line.rpartition(f"{folder} ")[2] for line in run.left() if f"{folder} " in line)
    os.kill(int(owner.split()[0]), signal.SIGKILL)
    assert run.wait().status == 1, run.out
    report = run.agrees()
    (row,) = (r for r in report["results"] if r["verdict"] == "failed")
    assert (row["nodeid"], row["code"]) == ("slow.onnx::contract[faulty]", "E_CRASH")
    run.gone_after(SOON)
