"""Adopts what a finished process leaves running, so that no orphan goes unseen."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from suites.unit.processes import children, eventually

_PR_SET_CHILD_SUBREAPER = 36


@contextlib.contextmanager
def adopted() -> Iterator[Callable[[], list[str]]]:
    """Within, orphans of any depth become this process's children (Linux; elsewhere none are seen).

    Yields a function that waits for those which came since to end, and gives the command lines of those that do not.
    """
    if not sys.platform.startswith("linux"):
        yield list
        return
    system = ctypes.CDLL(None)
    before = set(children())
    system.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def alive() -> list[int]:
        for pid in set(children()) - before:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        return sorted(set(children()) - before)

    try:
        yield lambda: [] if eventually(lambda: not alive()) else [_command(pid) for pid in alive()]
    finally:
        system.prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def _command(pid: int) -> str:
    try:
        return f"process {pid}: " + Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(
            errors="replace"
        )
    except OSError:
        return f"process {pid}"
