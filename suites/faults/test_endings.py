"""A run that is ended from outside: its reports hold what ended before, and of its processes and folders nothing stays."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from suites.faults.running import Run, model
from suites.unit.processes import eventually

#: Seconds after which nothing may be left; on an idle machine it takes less than one.
SOON = 10.0


@pytest.fixture(params=[(), ("-n", "2")], ids=["alone", "xdist"])
def parallel(request: pytest.FixtureRequest) -> tuple[str, ...]:
    if request.param:
        pytest.importorskip("xdist")
    return tuple(request.param)


@pytest.fixture
def under_way(launch: Callable[..., Run], tmp_path: Path, parallel: tuple[str, ...]) -> Callable[..., Run]:
    """``under_way(fault)``: a run in which one model passed, and another one's worker hangs or is stopped."""

    def start(fault: str) -> Run:
        models = [model(tmp_path / "good.onnx"), model(tmp_path / "slow.onnx", fault)]
        run = launch("-v", "-k", "structure or contract", "--onnx-timeout=600", *parallel, models=models)
        done = "good.onnx::contract[faulty]"
        assert eventually(lambda: run.process.poll() is not None or (run.began() and _told(run, done))), run.out
        return run

    return start


def _told(run: Run, nodeid: str) -> bool:
    return any(nodeid in line and "PASSED" in line for line in run.out.splitlines())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_reports_are_complete_and_nothing_is_left(
    number: signal.Signals, under_way: Callable[..., Run], record_property: Callable[[str, object], None]
) -> None:
    run = under_way("hang in run")
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


@pytest.mark.parametrize("fault", ["hang in run", "stop in load"])
def test_nothing_is_left_of_a_run_that_was_killed(
    fault: str, under_way: Callable[..., Run], record_property: Callable[[str, object], None]
) -> None:
    """No report can be written; neither an xdist worker nor a worker that is stopped stays."""
    run = under_way(fault)
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
        assert eventually((tmp_path / name).exists), run.out
        run.process.send_signal(signal.SIGTERM)
    assert run.wait().status == -signal.SIGTERM
    run.gone_after(SOON)


def test_a_signalled_xdist_worker_ends_its_own(under_way: Callable[..., Run], parallel: tuple[str, ...]) -> None:
    """A service may signal every process of the group: the workers', too."""
    if not parallel:
        pytest.skip("there is no other process without pytest-xdist")
    run = under_way("hang in run")
    for line in run.left():
        pid, _, command = line.partition(":")
        if pid.isdigit() and "execnet" in command:
            os.kill(int(pid), signal.SIGTERM)
    run.process.send_signal(signal.SIGTERM)
    assert run.wait().status == 2, run.out
    run.gone_after(SOON)
    assert run.agrees()["summary"]["passed"] == 3
