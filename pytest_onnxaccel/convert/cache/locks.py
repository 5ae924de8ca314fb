"""Locks between processes: a file that one of them holds at a time. Standard library only."""

from __future__ import annotations

import fcntl
import os
import time

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


def acquire(path: str, patience: float) -> int:
    """Lock the file at *path*, made where it is not there, and return its descriptor: closing that frees the lock.

    A process that dies frees it too. Who holds it may remove the file.

    Args:
        path: that of the lock file.
        patience: seconds to wait for the process that holds it.

    Raises:
        OSError: it cannot be made, or is held for longer.
    """
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    deadline = time.monotonic() + patience
    while True:
        handle = os.open(path, _FLAGS, 0o600)
        try:
            if _locked(handle, path):
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)
        if time.monotonic() >= deadline:
            raise OSError("another run has been converting the same for too long")
        time.sleep(0.05)


def _locked(handle: int, path: str) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Between its opening and now the file may have been removed: that lock would keep nobody out
        return os.path.samestat(os.fstat(handle), os.lstat(path))
    except (BlockingIOError, FileNotFoundError):
        return False
