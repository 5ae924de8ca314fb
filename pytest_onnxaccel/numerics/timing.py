"""The timing loop, run inside the worker so that transport never enters a figure."""

from __future__ import annotations

import time
from collections.abc import Callable

from pytest_onnxaccel.spec import Timing, TimingPlan


def measure(call: Callable[[], object], plan: TimingPlan) -> Timing:
    """Time *call* by a monotonic nanosecond clock, with the process's CPU time beside it.

    Warm-up lasts ``plan.warmup`` calls or a fifth of ``plan.seconds``, whichever ends first; sampling ends after
    ``plan.samples`` calls or ``plan.seconds``, but never before ``plan.least`` calls.
    """
    wall, cpu = time.perf_counter_ns, time.process_time_ns
    start = wall()
    call()
    first = wall() - start
    warmed, limit = 1, start + int(plan.seconds * 0.2e9)
    while warmed < plan.warmup and wall() < limit:
        call()
        warmed += 1
    walls: list[int] = []
    cpus: list[int] = []
    limit = wall() + int(plan.seconds * 1e9)
    while len(walls) < plan.samples and (len(walls) < plan.least or wall() < limit):
        cpu_start, wall_start = cpu(), wall()
        call()
        wall_end, cpu_end = wall(), cpu()
        walls.append(wall_end - wall_start)
        cpus.append(cpu_end - cpu_start)
    return Timing(tuple(walls), tuple(cpus), warmed, first)
