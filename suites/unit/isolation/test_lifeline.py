"""The other processes of a run wake when the controlling one stops or ends, however it ends."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_onnxaccel.isolation.lifeline import Lifeline, reading_ends
from pytest_onnxaccel.isolation.orphan_reaper import OrphanReaper
from suites.unit.processes import children, eventually, needs_proc, open_files, running

ROOT = Path(__file__).parents[3]


def ended(handle: int) -> bool:
    """Reading would not wait."""
    return bool(select.select([handle], [], [], 0)[0])


def test_stopping_and_letting_go_are_told_apart(tmp_path: Path) -> None:
    before = open_files()
    lifeline = Lifeline(str(tmp_path))
    going, alive = reading_ends(str(tmp_path))
    assert (ended(going), ended(alive)) == (False, False)
    lifeline.stop()
    assert (ended(going), ended(alive)) == (True, False)
    assert os.read(going, 1) == b""
    lifeline.stop()
    lifeline.close()
    lifeline.close()
    assert os.read(alive, 1) == b""
    os.close(going)
    os.close(alive)
    assert open_files() == before


def test_a_controlling_process_that_is_gone_already(tmp_path: Path) -> None:
    """Who opens the pipes late reads their end, and does not wait for a writer."""
    Lifeline(str(tmp_path)).close()
    handles = reading_ends(str(tmp_path))
    assert [os.read(handle, 1) for handle in handles] == [b"", b""]
    for handle in handles:
        os.close(handle)


def test_no_pipes(tmp_path: Path) -> None:
    """A folder on another machine, or a file system without named pipes: nothing is watched."""
    before = open_files()
    assert reading_ends(str(tmp_path / "nowhere")) == []
    os.mkfifo(tmp_path / "onnxaccel-going")
    assert reading_ends(str(tmp_path)) == []
    lifeline = Lifeline(str(tmp_path / "nowhere"))
    lifeline.stop()
    lifeline.close()
    assert open_files() == before


#: Guarded: starts a worker of its own group, says who is who, and waits for good; takes SIGTERM as told.
GUARDED = """
import signal, subprocess, sys, time
from pytest_onnxaccel.isolation.orphan_reaper import OrphanReaper
folder, controller, heeds = sys.argv[1:]
signal.signal(signal.SIGTERM, (lambda *_: sys.exit(3)) if heeds == "heeds" else signal.SIG_IGN)
sentinel = OrphanReaper(folder, controller)
worker = subprocess.Popen(["sleep", "1000"], start_new_session=True)
sentinel.started(worker.pid)
print(worker.pid, flush=True)
time.sleep(1000)
"""


@needs_proc
@pytest.mark.parametrize("heeds", ["heeds", "ignores"])
@pytest.mark.parametrize("how", ["stops", "dies"])
def test_a_guarded_process_ends_with_its_controlling_one(how: str, heeds: str, tmp_path: Path) -> None:
    controller, folder = tmp_path / "controller", tmp_path / "staging"
    controller.mkdir()
    folder.mkdir()
    lifeline = Lifeline(str(controller))
    command = [sys.executable, "-c", GUARDED, str(folder), str(controller), heeds]
    guarded = subprocess.Popen(
        command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=tmp_path
    )
    try:
        assert guarded.stdout is not None
        worker = int(guarded.stdout.readline())
        if how == "stops":
            lifeline.stop()
            if heeds == "ignores":
                # It is asked, not made to: whoever still has something to put in order may take the time
                with pytest.raises(subprocess.TimeoutExpired):
                    guarded.wait(3)
                lifeline.close()
        else:
            lifeline.close()
        assert guarded.wait(30) == (3 if heeds == "heeds" else -signal.SIGKILL)
        assert eventually(lambda: not running(worker))
        assert eventually(lambda: not folder.exists())
    finally:
        lifeline.close()
        guarded.kill()
        guarded.wait()
        guarded.stdout.close()


@needs_proc
def test_a_sentinel_that_watches_leaves_nothing(tmp_path: Path) -> None:
    """Neither its second process nor a descriptor, and the pipes' end afterwards hurts nobody."""
    files, before = open_files(), set(children())
    lifeline = Lifeline(str(tmp_path))
    sentinel = OrphanReaper(str(tmp_path / "staging"), str(tmp_path))
    group = os.getpgid(sentinel._process.pid)
    sentinel.close()
    lifeline.close()
    assert eventually(lambda: not _members(group))
    assert set(children()) <= before
    sentinel._process.stdin = None
    assert open_files() == files


def _members(group: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if os.getpgid(int(entry.name)) == group and running(int(entry.name)):
                    found.append(int(entry.name))
            except ProcessLookupError:
                continue
    return found
