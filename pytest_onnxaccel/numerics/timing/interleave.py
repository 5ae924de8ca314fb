"""Sides timed in alternation, one pair of samples at a time: the order turns round within each round.

A machine that slows down slows all sides of a round, so the ratio within a pair holds where two loops one after the
other do not. Functions in one process are sampled by :class:`Calls`, sessions by blocks
(:mod:`~pytest_onnxaccel.checks.latency.paired_ratio`); what is made of the pairs is the same for both.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pytest_onnxaccel.core import progress
from pytest_onnxaccel.numerics.timing.loop import no_collection
from pytest_onnxaccel.numerics.timing.order_stats import bounds, percentile

#: A sample of :class:`Calls` lasts at least so long, by repeated calls: the clock itself takes about 0.1 us.
LEAST_SAMPLE_NS = 100_000
#: Calls of one sample at most: of functions that are still faster the clock's share is accepted.
MOST_CALLS = 200

#: A call under test; its argument counts the calls, so that it can choose another input each time.
Call = Callable[[int], object]
#: Takes one sample, (wall, CPU) nanoseconds of one call, for each of the sides that are named by number.
Taker = Callable[[Sequence[int]], Sequence[tuple[float, float]]]


@dataclass
class Pairs:
    """Samples of two sides taken in pairs; nanoseconds of one call."""

    first: list[float] = field(default_factory=list)
    second: list[float] = field(default_factory=list)
    first_cpu: list[float] = field(default_factory=list)
    second_cpu: list[float] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.first)

    def ratio_of_minima(self) -> float:
        """Return how many times as long the first side takes, by the fastest sample of each: noise only ever adds."""
        return min(self.first) / max(min(self.second), 1e-9)

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return bounds of the median ratio within a pair, each of *confidence*.

        Infinite where there are too few pairs.
        """
        return interval(self.first, self.second, confidence)[1:]

    def medians_ns(self) -> tuple[float, float]:
        """Return the median wall time of each side."""
        return percentile(sorted(self.first), 0.5), percentile(sorted(self.second), 0.5)

    def cpu_ratio(self) -> float:
        """Return how many times as much CPU time the first side takes, by medians; NaN where none was measured."""
        first, second = percentile(sorted(self.first_cpu), 0.5), percentile(sorted(self.second_cpu), 0.5)
        return first / second if second > 0 else math.nan


def interval(first: Sequence[float], second: Sequence[float], confidence: float) -> tuple[float, float, float]:
    """Return the median ratio within pairs, with bounds of *confidence* each; infinite for too few pairs.

    The median is that of the logarithms, so that turning the ratio round turns the figures round. The bounds are order
    statistics, which is the sign test turned round: it assumes nothing of how samples are spread.
    """
    logs = sorted(math.log(max(a, 1e-9) / max(b, 1e-9)) for a, b in zip(first, second, strict=True))
    low, high = bounds(logs, 0.5, confidence)
    middle = percentile(logs, 0.5)
    return math.exp(middle), (0.0 if low is None else math.exp(low)), (math.inf if high is None else math.exp(high))


def bounds_text(low: float, high: float, form: str = ".3g") -> str:
    """``0.98 to 1.03``, or that there were too few pairs for any bound."""
    if low <= 0 and math.isinf(high):
        return "no bounds: too few pairs in the time"
    return f"{low:{form}} to " + ("unbounded" if math.isinf(high) else f"{high:{form}}")


class Alternation:
    """Takes rounds of *sides* in a drawn order and at once in the reverse one: ABBA, ABCCBA.

    Args:
        rounds: handed to *take* at once.
    """

    def __init__(self, take: Taker, sides: int = 2, seed: int = 0, rounds: int = 1) -> None:
        self.rounds = rounds
        self._take = take
        self._draw = random.Random(seed)
        self.walls: tuple[list[float], ...] = tuple([] for _ in range(sides))
        self.cpus: tuple[list[float], ...] = tuple([] for _ in range(sides))

    def __len__(self) -> int:
        """Return samples of each side."""
        return len(self.walls[0])

    def take(self, upto: int, seconds: float) -> None:
        """Sample until there are *upto* pairs, or *seconds* have gone."""
        end = time.perf_counter() + seconds
        while len(self) < upto and time.perf_counter() < end:
            order: list[int] = []
            for _ in range(min(self.rounds, math.ceil((upto - len(self)) / 2))):
                drawn = self._draw.sample(range(len(self.walls)), len(self.walls))
                order += [*drawn, *reversed(drawn)]
            for side, (wall, cpu) in zip(order, self._take(order), strict=True):
                self.walls[side].append(wall)
                self.cpus[side].append(cpu)
            progress.tell(f"{len(self)}/{upto} pairs")

    def pairs(self, first: int = 0, second: int = 1) -> Pairs:
        """Return the samples of two sides."""
        return Pairs(self.walls[first], self.walls[second], self.cpus[first], self.cpus[second])


class Calls:
    """Samples of functions in this process, each the mean of some calls; a :data:`Taker`.

    Attributes:
        calls: calls that one sample is the mean of.
    """

    def __init__(self, *sides: Call) -> None:
        self._sides = sides
        self._count = 0
        slowest = max(self._warm(side) for side in sides)
        self.calls = max(1, min(MOST_CALLS, math.ceil(LEAST_SAMPLE_NS / max(slowest, 1))))

    def _warm(self, side: Call) -> int:
        """Return the nanoseconds of the fastest of three calls; the first pays for imports, caches and tables."""
        taken = []
        for _ in range(3):
            start = time.perf_counter_ns()
            side(self._count)
            taken.append(time.perf_counter_ns() - start)
            self._count += 1
        return min(taken)

    def __call__(self, order: Sequence[int]) -> list[tuple[float, float]]:
        with no_collection():
            return [self._sample(self._sides[side]) for side in order]

    def _sample(self, call: Call) -> tuple[float, float]:
        calls, count = self.calls, self._count
        cpu_start, start = time.process_time_ns(), time.perf_counter_ns()
        for index in range(count, count + calls):
            call(index)
        end, cpu_end = time.perf_counter_ns(), time.process_time_ns()
        self._count += calls
        return (end - start) / calls, (cpu_end - cpu_start) / calls
