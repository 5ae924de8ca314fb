"""What a worker may take, and how much it takes now."""

from __future__ import annotations

import os

from pytest_onnxaccel.core.frozen import record

#: Where Linux says what a container may take (control groups, version 2 and 1).
_CONTAINER = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def machine_memory() -> int:
    """Return memory that this machine, or this container of it, has: bytes; 0 where the system does not tell."""
    try:
        physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return 0
    return min([physical, *filter(None, map(_number_in, _CONTAINER))])


def free_memory() -> int:
    """Return memory that is left on this machine, in this container of it: bytes; 0 where the system does not tell."""
    found = []
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            found += [int(line.split()[1]) << 10 for line in file if line.startswith("MemAvailable:")]
    except (OSError, ValueError, IndexError):
        return 0
    limit, used = (_number_in(f"/sys/fs/cgroup/memory.{name}") for name in ("max", "current"))
    if limit and used:
        found.append(max(limit - used, 1))
    return min(found, default=0)


def _number_in(path: str) -> int:
    try:
        with open(path, encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):  # "max" is not a limit
        return 0


@record(frozen=True)
class Limits:
    """Limits of one stage (load, run, time) of one worker.

    Attributes:
        seconds: wall time of a stage, by a monotonic clock.
        memory: resident bytes of the worker; 0 for no limit.
    """

    seconds: float = 120.0
    memory: int = 0

    @classmethod
    def default(cls) -> Limits:
        """Return the default limits: two minutes for each stage, three quarters of the machine's memory."""
        return cls(memory=machine_memory() * 3 // 4)


def resident(pid: int) -> int:
    """Return resident bytes of process *pid*; 0 where ``/proc`` does not tell."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0


def size_text(size: int) -> str:
    """Return *size* in the unit a person would use: ``812 MB``, ``8.0 GB``."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
