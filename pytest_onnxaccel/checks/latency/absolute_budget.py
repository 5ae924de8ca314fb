"""Budgets in milliseconds: what the user waits for decides a pass, what the model computes decides a failure.

A percentile *passes* when the upper bound of its wall time is inside the limit. It *fails* when the lower bound of
its time on a CPU, corrected by a speed probe for how slow the machine was just then, is past the limit too. Anything
between is *inconclusive*: the reason says how much of the excess was waiting for a CPU.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.backends.protocol import Session
from pytest_onnxaccel.checks.latency.clocks import by_cpu, on_cpu, side_by_side
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.results import Verdict
from pytest_onnxaccel.core.specs import LatencyBudget
from pytest_onnxaccel.isolation.remote_blocks import take_blocks
from pytest_onnxaccel.numerics.timing import perf_counters as counters
from pytest_onnxaccel.numerics.timing.block_bounds import Estimate, estimate
from pytest_onnxaccel.numerics.timing.blocks import Block
from pytest_onnxaccel.numerics.timing.order_stats import least_samples, percentile

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

#: Percentiles that a budget may limit, by the name of their field.
PERCENTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
#: Numbers of samples at which the figures are looked at, in multiples of the first.
LOOKS = (1, 2, 4)
#: Chance of a bound on the wrong side of the truth, over all looks.
ERROR = 0.05
#: Time after which no more samples are taken, seconds.
SECONDS = 20.0
#: A block has so many calls at least, and lasts about so long.
CALLS, BLOCK_NS, MOST_CALLS = 10, 2e6, 64
#: Blocks at the first look.
BLOCKS = 20
#: Fewest of the blocks that tell what several threads compute.
_FEWEST = 5
#: Calls of a block where one call takes longer than this.
SLOW_CALLS, SLOW_NS = 2, 100e6

#: A limit that is so many times the slowest call seen is kept, however few calls there were.
FAR = 100
#: A limit of which the fastest call seen is so many times as much is not kept, whatever waited: where neighbours make
#: most calls longer, some are still left alone.
FAR_PAST = 1000

WALL_ALONE = "this system does not report how long threads wait for a CPU: the budget is judged on wall time alone"


@record(frozen=True)
class Judged:
    """One limit and what became of it: a verdict with its reason in numbers."""

    verdict: Verdict
    text: str


@record(frozen=True)
class Sampled:
    """Samples of one session, and what they say of each limit.

    Attributes:
        basis: what the failing side was judged on: ``cpu``, ``queue`` (wall less run-queue delay) or ``wall``.
    """

    blocks: tuple[Block, ...]
    judged: Mapping[str, Judged]
    basis: str


def limits(budget: LatencyBudget) -> dict[str, float]:
    """Return the limits of *budget* in nanoseconds, by percentile."""
    found = {key: getattr(budget, f"{key}_ns") for key in PERCENTILES}
    return {key: value for key, value in found.items() if value is not None}


def sample(
    session: Session,
    feeds: Mapping[str, Array],
    wanted: Mapping[str, float],
    typical_ns: float,
    seconds: float = SECONDS,
) -> Sampled:
    """Take blocks until every limit of *wanted* is decided, or *seconds* have gone.

    Args:
        session: the model, in a worker.
        feeds: one sample, arrays by input name.
        wanted: limits in nanoseconds, by percentile such as ``p95``.
        typical_ns: of one call.
        seconds: time limit of sampling.
    """
    confidence = 1 - ERROR / len(LOOKS)
    calls = (
        SLOW_CALLS if typical_ns > SLOW_NS else max(CALLS, min(MOST_CALLS, math.ceil(BLOCK_NS / max(typical_ns, 1))))
    )
    first = max(BLOCKS * calls, *(2 * least_samples(PERCENTILES[key], confidence) for key in wanted))
    each = (calls + 1) * typical_ns / 1e9
    end = time.perf_counter() + seconds
    blocks: list[Block] = []
    for look in LOOKS:
        need = math.ceil(look * first / calls)
        while len(blocks) < need and (time.perf_counter() < end or not blocks):
            count = max(1, min(need - len(blocks), math.floor(1.0 / max(each, 1e-6))))
            blocks += take_blocks([(session, feeds)], [0] * count, calls, probe=True)
        found = judge(blocks, session.info.facts, wanted, confidence)
        if len(blocks) < need or all(one.verdict is not Verdict.INCONCLUSIVE for one in found.judged.values()):
            break
    return found


def judge(
    blocks: Sequence[Block], facts: Mapping[str, Any], wanted: Mapping[str, float], confidence: float = 0.95
) -> Sampled:
    """Return what *blocks* say of each limit of *wanted*."""
    own, basis = on_processor(blocks, facts)
    walls = [list(block.wall_ns) for block in blocks]
    judged = {
        key: _limit(key, limit, estimate(walls, PERCENTILES[key], confidence),
                    estimate(own, PERCENTILES[key], confidence), basis, blocks, confidence)
        for key, limit in wanted.items()
    }  # fmt: skip
    return Sampled(tuple(blocks), judged, basis)


def on_processor(blocks: Sequence[Block], facts: Mapping[str, Any]) -> tuple[list[list[float]], str]:
    """Return each call's time without what it waited for a CPU, at the machine's own speed; and how that was measured.

    One thread on a CPU: its CPU time. Several threads, or a device: wall time less what any thread waited, in the
    blocks that were disturbed least. Neither
    told by the system: CPU time by the threads that may work side by side, else the wall time.
    """
    own: list[list[float]]
    if by_cpu(blocks, facts):
        own, basis = [[1.0 * min(w, c) for w, c in zip(b.wall_ns, b.cpu_ns, strict=True)] for b in blocks], "cpu"
    elif all("queued_ns" in block.noise for block in blocks):
        blocks = _least_disturbed(blocks)
        own, basis = [[wall * (1 - _waited(block)) for wall in block.wall_ns] for block in blocks], "queue"
    elif on_cpu(blocks, facts):
        side = side_by_side(blocks, facts)
        own, basis = [[min(w, c / side) for w, c in zip(b.wall_ns, b.cpu_ns, strict=True)] for b in blocks], "cpu"
    else:
        return [[float(wall) for wall in block.wall_ns] for block in blocks], "wall"
    return [[value / slow for value in values] for values, slow in zip(own, slowness(blocks), strict=True)], basis


def _least_disturbed(blocks: Sequence[Block]) -> Sequence[Block]:
    """Return the quarter of *blocks* whose threads waited least."""
    count = max(_FEWEST, len(blocks) // 4)
    chosen = sorted(sorted(range(len(blocks)), key=lambda i: _waited(blocks[i]))[:count])
    return [blocks[i] for i in chosen]


def _waited(block: Block) -> float:
    """Return the share of the block that its threads waited for a CPU."""
    return min(1.0, block.noise["queued_ns"] / max(1, block.first_ns + sum(block.wall_ns)))


def slowness(blocks: Sequence[Block]) -> list[float]:
    """Return how many times as long as in the run's best moments the speed probe took before each block; 1 at least."""
    known = sorted(block.probe_ns for block in blocks if block.probe_ns)
    best = percentile(known, 0.1) if known else 0.0
    return [max(1.0, block.probe_ns / best) if best and block.probe_ns else 1.0 for block in blocks]


def _limit(
    key: str, limit: float, wall: Estimate, own: Estimate, basis: str, blocks: Sequence[Block], confidence: float
) -> Judged:
    shown = f"{key} of {_ms(wall.value)}"
    slowest, fastest = (end(end(block.wall_ns) for block in blocks) for end in (max, min))
    if wall.upper is None and far_inside(limit, slowest):
        return Judged(Verdict.PASSED, far_text(key, limit, slowest, wall.samples))
    computed = wall.upper is not None and own.lower is not None and own.lower > limit  # which says more
    if far_past(limit, fastest) and not computed:
        return Judged(Verdict.FAILED, far_past_text(key, limit, fastest, wall.samples))
    if wall.upper is None:
        need = least_samples(PERCENTILES[key], confidence)
        worth = f", worth {wall.effective} independent ones," if wall.effective < wall.samples else ""
        return Judged(Verdict.INCONCLUSIVE, f"{wall.samples} samples{worth} cannot bound {key}, which needs {need}")
    if wall.upper <= limit:
        return Judged(Verdict.PASSED, f"{shown} is at most {_ms(wall.upper)}, limit {_ms(limit)}")
    over = wall.value - limit
    if own.lower is not None and own.lower > limit and over > 0:
        alone = " (wall time alone)" if basis == "wall" else ""
        return Judged(
            Verdict.FAILED,
            f"{shown} is over the limit of {_ms(limit)}, and the model itself computes for {_ms(own.value)}, "
            f"at least {_ms(own.lower)}{alone}",
        )
    if over <= 0:
        worth = f"{wall.samples} samples worth {wall.effective} independent ones"
        return Judged(
            Verdict.INCONCLUSIVE,
            f"{shown} is inside the limit of {_ms(limit)}, but may be as much as {_ms(wall.upper)} ({worth})",
        )
    waited = max(0.0, min(over, wall.value - own.value))
    if waited < 0.05 * over:
        low = "unbounded" if own.lower is None else _ms(own.lower)
        return Judged(Verdict.INCONCLUSIVE, f"{key} over by {_ms(over)}, but its lower bound of {low} is not")
    return Judged(
        Verdict.INCONCLUSIVE,
        f"{key} over by {_ms(over)}, of which {_ms(waited)} waiting for a CPU or on a slower one "
        f"(limit {_ms(limit)}{facts_of(blocks)}): measure on a quieter machine",
    )


def far_inside(limit: float, slowest: float) -> bool:
    """Return whether *limit* is so far above the slowest call that no number of samples would tell more.

    A percentile would have to be :data:`FAR` times what was ever seen.
    """
    return limit >= FAR * slowest


def far_text(key: str, limit: float, slowest: float, samples: int) -> str:
    """Why a percentile that so few samples cannot bound is inside its limit all the same."""
    return (
        f"{samples} samples cannot bound {key}, but the slowest took {_ms(slowest)}, of which the limit of "
        f"{_ms(limit)} is {limit / max(slowest, 1.0):.0f} times"
    )


def far_past(limit: float, fastest: float) -> bool:
    """Return whether even the *fastest* call is so far past *limit* that no wait for a CPU explains it."""
    return fastest >= FAR_PAST * limit


def far_past_text(key: str, limit: float, fastest: float, samples: int) -> str:
    """Why a limit is not kept whatever the model waited for."""
    return (
        f"{key} is over the limit of {_ms(limit)}: the fastest of {samples} calls took {_ms(fastest)}, "
        f"{fastest / limit:,.0f} times as much"
    )


def facts_of(blocks: Sequence[Block]) -> str:
    """Return what the machine did during *blocks*, as far as it counts; empty where nothing does."""
    return noise_text(counters.total([block.noise for block in blocks]), sum(b.end_ns - b.start_ns for b in blocks))


def noise_text(found: Mapping[str, float], span_ns: float) -> str:
    """Return ``; run queue 12 %, steal 3 %, 40 involuntary switches``: the counters that are more than nothing."""
    names = {
        "queued_ns": "run queue", "steal_ns": "steal", "pressure_ns": "CPU pressure", "throttled_ns": "throttling",
    }  # fmt: skip
    shares = {name: found[key] / max(1.0, span_ns) for key, name in names.items() if key in found}
    parts = [f"{name} {share:.0%}" for name, share in shares.items() if share >= 0.01]
    if found.get("switches", 0) >= 1:
        parts.append(f"{found['switches']:.0f} involuntary switches")
    return "; " + ", ".join(parts) if parts else ""


def _ms(nanoseconds: float) -> str:
    return f"{nanoseconds / 1e6:.3g} ms"
