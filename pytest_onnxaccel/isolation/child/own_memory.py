"""What this process takes of the memory, and took at most since something was loaded; where the system tells."""

from __future__ import annotations

import os
from functools import cache

#: What is read of it at once, bytes; it is shorter.
_WHOLE = 8192


@cache
def _status(pid: int) -> int:
    """Return a descriptor of what the system tells of process *pid*, this one: a fork opens its own."""
    return os.open(f"/proc/{pid}/status", os.O_RDONLY | os.O_CLOEXEC)


def _status_kb(key: bytes) -> float | None:
    try:
        _, found, rest = os.pread(_status(os.getpid()), _WHOLE, 0).partition(key)
    except OSError:
        return None
    return float(rest.split(None, 1)[0]) if found else None


def reset_peak_memory() -> float | None:
    """Start the peak again and return the resident size now, MB; None where the system does not tell."""
    try:
        with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
            file.write("5")
    except OSError:
        pass
    now = _status_kb(b"VmRSS:")
    return None if now is None else now / 1024


def device_memory(session: object) -> float | None:
    """Return what this process has on the device of *session*, MB; None where that is not told."""
    found: float | None = getattr(session, "device_memory_mb", None)
    return found


def peak_memory() -> float | None:
    """Return the peak resident size since the last load, MB."""
    peak = _status_kb(b"VmHWM:")
    return None if peak is None else peak / 1024
