"""Waiting for the end of a child without sleeping past it."""

from __future__ import annotations

import os
import select
import subprocess
from typing import Protocol


class Process(Protocol):
    """What can be waited for."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...


def ended_within(process: Process, seconds: float) -> bool:
    """Return whether *process* ends within *seconds*; it is reaped then.

    ``Popen.wait`` with a time limit sleeps longer and longer between its looks; where the system gives a descriptor of
    the process, this wakes with its end.
    """
    if process.poll() is not None:
        return True
    try:
        handle = os.pidfd_open(process.pid)
    except (AttributeError, OSError):
        try:
            process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return False
        return True
    try:
        ready = select.poll()
        ready.register(handle, select.POLLIN)
        ready.poll(seconds * 1000)
    finally:
        os.close(handle)
    return process.poll() is not None
