"""What else the machine did while something was timed: read before and after, the difference is the noise.

Standard library only and at home in Python 3.9, because it runs in the workers of every backend.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence

#: What a reading may hold. All are counters that only grow; those that the system does not keep are left out.
#: ``queued_ns``: time that threads of this process stood ready without a CPU (``/proc/self/task/*/schedstat``).
#: ``switches``: times that this process was put off a CPU against its will.
#: ``steal_ns``: time that the hypervisor gave this machine's CPUs to others.
#: ``pressure_ns``: time in which some process of the machine waited for a CPU (PSI).
#: ``throttled_ns``: time that this container stood still because its CPU quota was used up.
KEYS = ("queued_ns", "switches", "steal_ns", "pressure_ns", "throttled_ns")


def read() -> dict[str, float]:
    """Return the counters of :data:`KEYS` that this system keeps."""
    found = {
        "queued_ns": _queued(),
        "switches": _switches(),
        "steal_ns": _steal(),
        "pressure_ns": _pressure(),
        "throttled_ns": _throttled(),
    }
    return {key: value for key, value in found.items() if value is not None}


def grown(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """Return what came between two readings; a counter of a thread that ended in between counts nothing."""
    return {key: max(0.0, after[key] - before[key]) for key in after if key in before}


def total(parts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the sum of several stretches, of what all of them tell."""
    keys = [key for key in KEYS if parts and all(key in part for part in parts)]
    return {key: sum(part[key] for part in parts) for key in keys}


def cpu_clock_counts() -> bool:
    """Return whether the CPU clock of a process is fine enough for single calls; Windows counts in steps of 15.6 ms."""
    return time.get_clock_info("process_time").resolution < 1e-3


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read().splitlines()
    except OSError:
        return []


def _queued() -> float | None:
    """Return the nanoseconds of all threads; the kernel keeps them where it is built with CONFIG_SCHED_INFO."""
    try:
        threads = os.listdir("/proc/self/task")
    except OSError:
        return None
    found = [lines[0].split() for thread in threads if (lines := _lines(f"/proc/self/task/{thread}/schedstat"))]
    values = [float(fields[1]) for fields in found if len(fields) > 1]
    return sum(values) if values else None


def _switches() -> float | None:
    try:
        import resource
    except ImportError:
        return None
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw)


def _steal() -> float | None:
    fields = next((line.split() for line in _lines("/proc/stat")[:1]), [])
    if len(fields) < 9 or fields[0] != "cpu":
        return None
    return float(fields[8]) * 1e9 / os.sysconf("SC_CLK_TCK")


def _pressure() -> float | None:
    for line in _lines("/proc/pressure/cpu"):
        if line.startswith("some"):
            return float(line.rpartition("total=")[2]) * 1e3
    return None


def _throttled() -> float | None:
    for line in _lines("/sys/fs/cgroup/cpu.stat"):
        if line.startswith("throttled_usec"):
            return float(line.split()[1]) * 1e3
    return None
