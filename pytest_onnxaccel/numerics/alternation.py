"""Two calls timed side by side: order alternated, inputs varied, one pair of samples at a time.

A machine that slows down slows both sides of a pair, so the ratio within a pair holds where two loops one after the
other do not. See :mod:`~pytest_onnxaccel.preprocessing.speed` for what is made of the pairs.
"""

from __future__ import annotations

import gc
import math
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pytest_onnxaccel.numerics.stats import bounds, percentile

#: A sample lasts at least so long, by repeated calls: the clock itself takes about 0.1 us.
LEAST_SAMPLE_NS = 100_000
#: Calls of one sample at most: of functions that are still faster the clock's share is accepted.
MOST_CALLS = 200

#: A call under test; its argument counts the calls, so that it can choose another input each time.
Call = Callable[[int], object]


@dataclass
class Pairs:
    """Samples of two sides taken in pairs; nanoseconds of one call.

    Attributes:
        calls: calls that one sample is the mean of.
    """

    calls: int = 1
    first: list[float] = field(default_factory=list)
    second: list[float] = field(default_factory=list)
    first_cpu: list[float] = field(default_factory=list)
    second_cpu: list[float] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.first)

    def ratio_of_minima(self) -> float:
        """How many times as long the first side takes, by the fastest sample of each: noise only ever adds."""
        return min(self.first) / max(min(self.second), 1e-9)

    def interval(self, confidence: float) -> tuple[float, float]:
        """Bounds of the median ratio within a pair, each of *confidence*; infinite where there are too few pairs.

        By order statistics, which is the sign test turned round: it assumes nothing of how samples are spread.
        """
        ratios = sorted(a / max(b, 1e-9) for a, b in zip(self.first, self.second, strict=True))
        low, high = bounds(ratios, 0.5, confidence)
        return (0.0 if low is None else low), (math.inf if high is None else high)

    def medians_ns(self) -> tuple[float, float]:
        """Median wall time of each side."""
        return percentile(sorted(self.first), 0.5), percentile(sorted(self.second), 0.5)

    def cpu_ratio(self) -> float:
        """How many times as much CPU time the first side takes, by medians; NaN where none was measured."""
        first, second = percentile(sorted(self.first_cpu), 0.5), percentile(sorted(self.second_cpu), 0.5)
        return first / second if second > 0 else math.nan


class Alternation:
    """Takes pairs of two calls in the order ABBA or BAAB, drawn at random for each four."""

    def __init__(self, first: Call, second: Call, seed: int = 0) -> None:
        self._sides = (first, second)
        self._draw = random.Random(seed)
        self._count = 0
        slowest = max(self._warm(side) for side in self._sides)
        self.pairs = Pairs(calls=max(1, min(MOST_CALLS, math.ceil(LEAST_SAMPLE_NS / max(slowest, 1)))))

    def _warm(self, side: Call) -> int:
        """Nanoseconds of the fastest of three calls; the first pays for imports, caches and tables."""
        taken = []
        for _ in range(3):
            start = time.perf_counter_ns()
            side(self._count)
            taken.append(time.perf_counter_ns() - start)
            self._count += 1
        return min(taken)

    def take(self, upto: int, seconds: float) -> None:
        """Take pairs until there are *upto*, or *seconds* have gone."""
        end = time.perf_counter() + seconds
        with no_collection():
            while len(self.pairs) < upto and time.perf_counter() < end:
                leader = self._draw.randrange(2)
                for order in ((leader, 1 - leader), (1 - leader, leader)):
                    self._pair(order)

    def _pair(self, order: tuple[int, int]) -> None:
        walls, cpus = [0.0, 0.0], [0.0, 0.0]
        for side in order:
            walls[side], cpus[side] = self._sample(self._sides[side])
        self.pairs.first.append(walls[0])
        self.pairs.second.append(walls[1])
        self.pairs.first_cpu.append(cpus[0])
        self.pairs.second_cpu.append(cpus[1])

    def _sample(self, call: Call) -> tuple[float, float]:
        calls, count = self.pairs.calls, self._count
        cpu_start, start = time.process_time_ns(), time.perf_counter_ns()
        for index in range(count, count + calls):
            call(index)
        end, cpu_end = time.perf_counter_ns(), time.process_time_ns()
        self._count += calls
        return (end - start) / calls, (cpu_end - cpu_start) / calls


@contextmanager
def no_collection() -> Iterator[None]:
    """Python's garbage collector off: a collection lands on whichever side is running."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
