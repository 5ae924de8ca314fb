"""Which processes and files there are: to see that nothing is left behind."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")

#: Generous: it is waited for an event, which on an idle machine takes milliseconds.
PATIENCE = 30.0


def _stat(pid: int) -> list[str]:
    try:
        # The name of the program, in brackets, may hold anything
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def running(pid: int) -> bool:
    """Process *pid* is there and no zombie."""
    found = _stat(pid)
    return bool(found) and found[0] not in "ZX"


def children(parent: int | None = None) -> dict[int, str]:
    """State by process id of the children of *parent*, by default this process, zombies included."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            stat = _stat(int(entry.name))
            if len(stat) > 1 and int(stat[1]) == (parent or os.getpid()):
                found[int(entry.name)] = stat[0]
    return found


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def eventually(true: Callable[[], bool]) -> bool:
    """*true* becomes so within :data:`PATIENCE` seconds."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def heeds_interrupts() -> None:
    """In a child before it starts: a run in the background of a shell ignores SIGINT, and its children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
