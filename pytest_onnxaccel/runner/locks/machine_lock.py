"""A readers-writer lease on the machine or a device across processes: a timing holds it alone, all else shares it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager


class MachineLock:
    """Two lock files in *folder*, which all processes of a run share.

    Args:
        folder: is made where it is missing.
        name: of what is locked, as a part of a file's name.

    The lock is shared by ordinary checks and held alone by a timing. A process that wants either passes a
    turnstile first, so that a waiting timing is not starved by checks that come later. Locks belong to open files, so
    a process that dies frees them.
    """

    def __init__(self, folder: str, name: str = "machine") -> None:
        os.makedirs(folder, exist_ok=True)
        self._machine = os.path.join(folder, f"onnxaccel-{name}.lock")
        self._turnstile = os.path.join(folder, f"onnxaccel-{name}-turnstile.lock")

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Share the machine with other checks, never during a timing."""
        with self._held(fcntl.LOCK_SH):
            yield

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the machine alone, as far as this run goes."""
        with self._held(fcntl.LOCK_EX):
            yield

    @contextmanager
    def _held(self, kind: int) -> Iterator[None]:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        machine = os.open(self._machine, flags, 0o600)
        try:
            turnstile = os.open(self._turnstile, flags, 0o600)
            try:
                fcntl.flock(turnstile, fcntl.LOCK_EX)
                fcntl.flock(machine, kind)
            finally:
                os.close(turnstile)
            yield
        finally:
            os.close(machine)
