"""However the host ends, its workers and its staging folder end with it, even workers stuck in native code."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fixtures import hazards
from pytest_onnxaccel.isolation.orphan_reaper import OrphanReaper
from suites.unit.processes import children, eventually, heeds_interrupts, needs_proc, running

pytestmark = needs_proc

ROOT = Path(__file__).parents[3]


def child() -> subprocess.Popen[bytes]:
    """The leader of a process group of its own, as workers are, with a child."""
    script = "sleep 1000 & wait"
    return subprocess.Popen(["/bin/sh", "-c", script], start_new_session=True, stdin=subprocess.DEVNULL)


@pytest.fixture
def group() -> Iterator[subprocess.Popen[bytes]]:
    made = child()
    yield made
    with_group(made.pid, signal.SIGKILL)
    made.wait()


def with_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, number)


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _group_of(pid: int) -> int:
    try:
        return os.getpgid(pid) if running(pid) else 0
    except ProcessLookupError:
        return 0


def abandoned(sentinel: OrphanReaper) -> None:
    """What the system does to its pipe when this process ends."""
    assert sentinel._process.stdin is not None
    sentinel._process.stdin.close()
    sentinel._process.wait(timeout=30)


def test_closed_it_touches_nothing_and_leaves_no_process(tmp_path: Path, group: subprocess.Popen[bytes]) -> None:
    before = set(children())
    (tmp_path / "staging").mkdir()
    sentinel = OrphanReaper(str(tmp_path / "staging"))
    sentinel.started(group.pid)
    sentinel.close()
    sentinel.close()
    assert set(children()) <= before
    assert group.poll() is None
    assert (tmp_path / "staging").exists()


def test_abandoned_it_kills_whole_groups_and_removes_the_folder(tmp_path: Path, group: subprocess.Popen[bytes]) -> None:
    folder = tmp_path / "staging with 'odd' $name;\n*"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "model.onnx").write_bytes(b"x")
    (tmp_path / "other").mkdir()
    sentinel = OrphanReaper(str(folder))
    sentinel.started(group.pid)
    abandoned(sentinel)
    assert group.wait(30) == -signal.SIGKILL
    assert eventually(lambda: not any(_group_of(pid) == group.pid for pid in _pids())), "its child lives on"
    assert not folder.exists()
    assert (tmp_path / "other").exists()


def test_workers_that_ended_are_not_killed_again(tmp_path: Path, group: subprocess.Popen[bytes]) -> None:
    """Their numbers may belong to somebody else by then."""
    sentinel = OrphanReaper(str(tmp_path / "staging"))
    others = [child() for _ in range(3)]
    for process in (*others, group):
        sentinel.started(process.pid)
    sentinel.ended(group.pid)
    sentinel.ended(others[1].pid)
    abandoned(sentinel)
    assert [others[i].wait(30) for i in (0, 2)] == [-signal.SIGKILL] * 2
    assert others[1].poll() is None
    assert group.poll() is None
    with_group(others[1].pid, signal.SIGKILL)
    others[1].wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_is_not_stopped_by_what_stops_the_host(number: int, tmp_path: Path) -> None:
    folder = tmp_path / "staging"
    folder.mkdir()
    sentinel = OrphanReaper(str(folder))
    # It has to have set its traps
    sentinel.started(999_999_999)
    time.sleep(0.3)
    sentinel._process.send_signal(number)
    time.sleep(0.1)
    assert sentinel._process.poll() is None
    abandoned(sentinel)
    assert not folder.exists()


def test_a_sentinel_that_was_killed_does_not_hurt_the_host(tmp_path: Path) -> None:
    sentinel = OrphanReaper(str(tmp_path / "staging"))
    sentinel._process.kill()
    sentinel._process.wait()
    sentinel.started(999_999_999)
    sentinel.ended(999_999_999)
    sentinel.close()


# -- a host that is killed --------------------------------------------------------------------------------------

#: Stages a model, opens a worker, says who is who, and gets stuck in the worker or does nothing.
HOST = """
import json, os, sys, time
import numpy as np
from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.isolation.engine import WorkerEngine
from pytest_onnxaccel.isolation.supervisor import WorkerProcess
from pytest_onnxaccel.isolation.staging.stage_model import stage
from pytest_onnxaccel.isolation.launch import Launch, own_command
from pytest_onnxaccel.isolation.limits import Limits
from pytest_onnxaccel.isolation.orphan_reaper import OrphanReaper

model, folder, stuck = sys.argv[1:]
os.makedirs(folder)
sentinel = OrphanReaper(folder)
worker = WorkerProcess("ort-cpu", Launch(own_command(), folder), sentinel, Limits(seconds=600))
engine = WorkerEngine("pytest_onnxaccel.backends.onnxruntime.cpu:OrtCpu", lambda: worker)
staged = stage(model, model, os.path.join(folder, "000-m"))
session = engine.load(staged.path, LoadOptions(threads=1))
print(json.dumps({"worker": worker.pid, "sentinel": sentinel._process.pid}), flush=True)
if stuck == "stuck":
    session.run({"x": np.ones(1, np.float32)})
time.sleep(600)
"""


@pytest.mark.parametrize("stuck", ["stuck", "idle"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda n: n.name)
def test_nothing_is_left_of_a_host_that_was_killed(number: signal.Signals, stuck: str, tmp_path: Path) -> None:
    model = tmp_path / "endless.onnx"
    model.write_bytes(hazards.endless_loop().SerializeToString())
    folder, temporary = tmp_path / "staging", tmp_path / "tmp"
    temporary.mkdir()
    shared = {name for name in os.listdir("/dev/shm") if "onnxaccel" in name}
    host = subprocess.Popen(
        [sys.executable, "-c", HOST, str(model), str(folder), stuck],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TMPDIR": str(temporary)},
        preexec_fn=heeds_interrupts,
    )
    try:
        assert host.stdout is not None
        pids: dict[str, Any] = json.loads(host.stdout.readline())
        assert all(running(pid) for pid in pids.values())
        assert (folder / "000-m" / "model.onnx").exists()
        if stuck == "stuck":
            assert eventually(lambda: busy(pids["worker"])), "the worker never got to the loop"
        host.send_signal(number)
        assert host.wait(60) != 0
        assert eventually(lambda: not any(running(pid) for pid in pids.values())), pids
        assert eventually(lambda: not folder.exists())
        assert list(temporary.iterdir()) == []
        assert {name for name in os.listdir("/dev/shm") if "onnxaccel" in name} <= shared
    finally:
        host.kill()
        host.wait()
        assert host.stdout is not None
        host.stdout.close()


def busy(pid: int) -> bool:
    """It computes: a worker that waits for a request takes no CPU time."""

    def spent() -> int:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    before = spent()
    time.sleep(0.3)
    return spent() - before > 0.05 * os.sysconf("SC_CLK_TCK")
