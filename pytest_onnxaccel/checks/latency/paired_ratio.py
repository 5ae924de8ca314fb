"""How many times as fast is one session as another: alternating blocks, paired ratios, bounds, and a control.

Method: separate sessions with equal use (one session shared by several arms would leave the others cache-cold, which
reads as 5 to 7 %); blocks in ABBA order with a drawn start; the first call of a block dropped; the median of the
paired log-ratios with bounds by the sign test; looks at growing numbers of pairs that share one error; and two sessions
of the same model among the arms, whose ratio must be 1 or the machine is too noisy to decide.
After nanobench's ``compare()``; see docs/latency.md.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.backends.protocol import Session
from pytest_onnxaccel.checks.latency.clocks import by_cpu
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.specs import TimingPlan
from pytest_onnxaccel.isolation.remote_blocks import take_blocks
from pytest_onnxaccel.numerics.timing import perf_counters as counters
from pytest_onnxaccel.numerics.timing.blocks import Block
from pytest_onnxaccel.numerics.timing.interleave import Alternation, interval
from pytest_onnxaccel.numerics.timing.order_stats import percentile

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

#: Numbers of pairs at which the figures are looked at; each look may err, so they share :data:`ERROR`.
LOOKS = (20, 40, 80, 160)
#: Chance of a bound on the wrong side of the truth, over all looks.
ERROR = 0.01
#: Time after which no further look is waited for, seconds.
SECONDS = 10.0
#: Slow models may take so many times as long to reach the first look.
STRETCH = 3
#: How far the control may be from 1.
CONTROL = 0.03
#: A block lasts about so long, within :data:`CALLS`.
BLOCK_NS = 2e6
CALLS = (3, 64)
#: Above this a call takes long enough to be a block of its own.
SLOW_NS = 100e6


@record(frozen=True)
class Arm:
    """One side: *label* for messages, a session that no other arm uses, and what it is fed."""

    label: str
    session: Session
    feeds: Mapping[str, Array]


@record(frozen=True)
class Interval:
    """A ratio with its bounds."""

    ratio: float
    low: float
    high: float

    def __str__(self) -> str:
        low, high = f"{self.low:.3g}", "unbounded" if math.isinf(self.high) else f"{self.high:.3g}"
        return f"{self.ratio:.3g} ({low} to {high})"


@record(frozen=True)
class Ratio:
    """How many times as long the first arm takes as the second: above 1 the second is the faster one.

    Attributes:
        wall, cpu: by each clock; outside the bounds with a chance of :data:`ERROR` at most each.
        clock: which of them decides, ``wall`` or ``cpu``.
        control: the ratio of two sessions of the same model, by the deciding clock; None where there was no twin.
        first_ms, second_ms: median wall time of a call.
        calls: in a block, of which one is a sample.
        noise: what the machine did meanwhile, summed over the blocks.
        start_ns, end_ns: by the machine's monotonic clock.
    """

    wall: Interval
    cpu: Interval
    clock: str
    control: Interval | None
    first_ms: float
    second_ms: float
    pairs: int
    calls: int
    seconds: float
    noise: Mapping[str, float]
    start_ns: int = 0
    end_ns: int = 0

    @property
    def decisive(self) -> Interval:
        """The ratio by the clock that decides."""
        return self.cpu if self.clock == "cpu" else self.wall

    @property
    def ratio(self) -> float:
        return self.decisive.ratio

    @property
    def low(self) -> float:
        return self.decisive.low

    @property
    def high(self) -> float:
        return self.decisive.high

    @property
    def fit(self) -> bool:
        """The control shows no difference where there is none."""
        return self.control is None or abs(math.log(self.control.ratio)) <= math.log1p(CONTROL)

    def above(self, factor: float) -> bool:
        """Return whether certainly *factor* or more."""
        return self.fit and self.low >= factor

    def below(self, factor: float) -> bool:
        """Return whether certainly less than *factor*."""
        return self.fit and self.high < factor

    def to_json(self) -> dict[str, Any]:
        """Return it in builtins only."""
        return {**asdict(self), "noise": dict(self.noise)}


def compare(
    first: Arm,
    second: Arm,
    twin: Arm | None = None,
    against: float | None = 1.0,
    seconds: float = SECONDS,
    seed: int = 0,
    looks: Sequence[int] = LOOKS,
) -> Ratio:
    """Time the arms in alternation until the bounds show on which side of *against* their ratio is.

    Args:
        first: the arm whose time is the numerator.
        second: the arm whose time is the denominator.
        twin: another session of the same model as *second*, for the control.
        against: None takes every look that *seconds* allow, for a figure as exact as can be had.
        seconds: time limit of all looks.
        seed: that of the order of the arms.
        looks: numbers of pairs after which the bounds are looked at; they share one error.

    Raises:
        OnnxAccelError: a session fails.
    """
    arms = [first, second, *([twin] if twin is not None else [])]
    begun = time.perf_counter()
    typical = max(_warm(arm) for arm in arms)
    bench = _Bench(arms, _calls(typical))
    each = typical * (bench.calls + 1) * 2 * len(arms)
    alternation = Alternation(bench, len(arms), seed, rounds=max(1, min(10, math.floor(0.5e9 / max(each, 1.0)))))
    confidence = 1 - ERROR / len(looks)
    while True:
        look = next((n for n in looks if n > len(alternation)), looks[-1])
        limit = seconds * (STRETCH if look == looks[0] else 1)
        alternation.take(look, begun + limit - time.perf_counter())
        if not len(alternation):
            alternation.take(2, math.inf)
        found = _ratio(alternation, bench, confidence, time.perf_counter() - begun)
        decided = against is not None and (found.above(against) or found.below(against))
        if decided or len(alternation) < look or look == looks[-1]:
            return found


class _Bench:
    """Takes blocks of *arms* for an :class:`Alternation`, and keeps them for what they tell in addition."""

    def __init__(self, arms: Sequence[Arm], calls: int) -> None:
        self.arms = arms
        self.calls = calls
        self.blocks: list[list[Block]] = [[] for _ in arms]
        self._sides = [(arm.session, arm.feeds) for arm in arms]

    def __call__(self, order: Sequence[int]) -> list[tuple[float, float]]:
        taken = take_blocks(self._sides, order, self.calls)
        for number, block in zip(order, taken, strict=True):
            self.blocks[number].append(block)
        return [block.sample for block in taken]


def _warm(arm: Arm) -> float:
    """Return the same number of calls for every arm; nanoseconds of a typical one."""
    timing = arm.session.time(arm.feeds, TimingPlan(samples=3, warmup=10, seconds=5.0, least=1, steady=False))
    return percentile(sorted(timing.wall_ns), 0.5)


def _calls(typical_ns: float) -> int:
    if typical_ns > SLOW_NS:
        return 1
    return max(CALLS[0], min(CALLS[1], math.ceil(BLOCK_NS / max(typical_ns, 1.0))))


def _ratio(alternation: Alternation, bench: _Bench, confidence: float, seconds: float) -> Ratio:
    walls, cpus = alternation.walls, alternation.cpus
    cpu_decides = all(
        by_cpu(blocks, arm.session.info.facts) for arm, blocks in zip(bench.arms, bench.blocks, strict=True)
    )
    deciding = cpus if cpu_decides else walls
    control = Interval(*interval(deciding[2], deciding[1], confidence)) if len(walls) > 2 else None
    every = [block for blocks in bench.blocks for block in blocks]
    return Ratio(
        Interval(*interval(walls[0], walls[1], confidence)),
        Interval(*interval(cpus[0], cpus[1], confidence)),
        "cpu" if cpu_decides else "wall",
        control,
        percentile(sorted(walls[0]), 0.5) / 1e6,
        percentile(sorted(walls[1]), 0.5) / 1e6,
        len(alternation),
        bench.calls,
        seconds,
        counters.total([block.noise for block in every]),
        min(block.start_ns for block in every),
        max(block.end_ns for block in every),
    )
