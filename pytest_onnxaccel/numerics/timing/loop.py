"""The timing loop, run inside the worker so that transport never enters a figure."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pytest_onnxaccel.core.specs import Timing, TimingPlan
from pytest_onnxaccel.numerics.timing.order_stats import middle

#: Warm-up ends when the medians of two such runs of calls agree to :data:`STEADY`.
GROUP = 5
STEADY = 0.05


def measure(call: Callable[[], object], plan: TimingPlan) -> Timing:
    """Time *call* by a monotonic nanosecond clock, with the process's CPU time next to it.

    Warm-up lasts at least ``plan.warmup`` calls, goes on until two medians in a row agree to 5 % where the plan asks
    for a steady state, and ends after a fifth of ``plan.seconds`` in any case; sampling ends after ``plan.samples``
    calls or ``plan.seconds``, but never before ``plan.least`` calls.
    """
    wall, cpu = time.perf_counter_ns, time.process_time_ns
    begun = time.monotonic_ns()
    start = wall()
    call()
    first = wall() - start
    warmed = 1 + _warm_up(call, plan, start + int(plan.seconds * 0.2e9))
    walls: list[int] = []
    cpus: list[int] = []
    with no_collection():
        limit = wall() + int(plan.seconds * 1e9)
        while len(walls) < plan.samples and (len(walls) < plan.least or wall() < limit):
            cpu_start, wall_start = cpu(), wall()
            call()
            wall_end, cpu_end = wall(), cpu()
            walls.append(wall_end - wall_start)
            cpus.append(cpu_end - cpu_start)
    return Timing(tuple(walls), tuple(cpus), warmed, first, begun, time.monotonic_ns())


def _warm_up(call: Callable[[], object], plan: TimingPlan, limit: int) -> int:
    """Return calls made after the first one, until *limit* on the performance counter."""
    wall = time.perf_counter_ns
    taken: list[int] = []
    while wall() < limit and (len(taken) + 1 < plan.warmup or (plan.steady and not settled(taken))):
        start = wall()
        call()
        taken.append(wall() - start)
    return len(taken)


def settled(taken: list[int]) -> bool:
    """Return whether the medians of the last two runs of :data:`GROUP` calls agree."""
    if len(taken) < 2 * GROUP:
        return False
    before, now = middle(taken[-2 * GROUP : -GROUP]), middle(taken[-GROUP:])
    return abs(now - before) <= STEADY * before


@contextmanager
def no_collection() -> Iterator[None]:
    """Switch the garbage collector off: a collection would land on the call that is running."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
