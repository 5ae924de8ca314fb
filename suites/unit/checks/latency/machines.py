"""A machine whose moods are written down, and sessions that run on it: timings without a clock."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_onnxaccel.backends.protocol import SessionInfo
from pytest_onnxaccel.core.specs import Timing, TimingPlan
from pytest_onnxaccel.numerics.timing.blocks import Block

MS = 1e6
ONE_THREAD = {"provider": "CPUExecutionProvider", "threads": 1}


@dataclass
class Machine:
    """What a call costs here and now.

    Attributes:
        waiting: milliseconds that call number n waits for a CPU.
        slow: how many times as long call number n computes: a neighbour on the sibling thread.
    """

    waiting: Callable[[int], float] = lambda n: 0.0
    slow: Callable[[int], float] = lambda n: 1.0
    jitter: float = 0.01
    calls: int = 0
    draw: random.Random = field(default_factory=lambda: random.Random(0))

    def call(self, cost_ms: float) -> tuple[int, int]:
        """Wall and CPU nanoseconds of one call that costs *cost_ms* of computing."""
        self.calls += 1
        cpu = cost_ms * self.slow(self.calls) * (1 + self.jitter * self.draw.uniform(-1, 1))
        return int((cpu + self.waiting(self.calls)) * MS), int(cpu * MS)


@dataclass
class Timed:
    """A session that costs *cost_ms* of computing on *machine*, *threads* of them side by side."""

    machine: Machine
    cost_ms: float
    facts: Mapping[str, Any] = field(default_factory=lambda: ONE_THREAD)
    side: float = 1.0
    plans: list[TimingPlan] = field(default_factory=list)

    @property
    def info(self) -> SessionInfo:
        return SessionInfo((), (), facts=self.facts)

    def time(self, feeds: Mapping[str, Any], plan: TimingPlan) -> Timing:
        self.plans.append(plan)
        first = self.machine.call(self.cost_ms)[0]
        found = [self.machine.call(self.cost_ms) for _ in range(plan.samples)]
        return Timing(tuple(w for w, _ in found), tuple(int(c * self.side) for _, c in found), plan.warmup, first)

    def run(self, feeds: Mapping[str, Any]) -> dict[str, Any]:
        raise AssertionError("nothing is run, only timed")

    def close(self) -> None: ...


def bursts(ms: float, period: int = 60, length: int = 20) -> Callable[[int], float]:
    """*ms* for *length* calls in a row of each *period*: how neighbours come."""
    return lambda n: ms if n % period < length else 0.0


def block(wall_ms: float, cpu_ms: float | None = None, calls: int = 10, **more: Any) -> Block:
    """A block of equal calls."""
    cpu = wall_ms if cpu_ms is None else cpu_ms
    return Block((int(wall_ms * MS),) * calls, (int(cpu * MS),) * calls, int(wall_ms * MS), **more)
