"""What requests take by themselves: without what they waited for a CPU, at the machine's own speed.

It is what a scenario fails by. CPU time says it of one thread alone: several threads spin for each other, and on a
crowded machine one of them waits for a CPU while the others burn theirs. Of several threads it is the wall time less
what any of them waited, which leaves out too much rather than too little.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_onnxaccel.checks.latency.absolute_budget import on_processor, slowness
from pytest_onnxaccel.checks.latency.clocks import by_cpu, on_cpu, side_by_side
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.numerics.queueing.arrivals import Paced
from pytest_onnxaccel.numerics.queueing.load_test import certain_share, saturation
from pytest_onnxaccel.numerics.queueing.service_times import Services, alone
from pytest_onnxaccel.numerics.timing.block_bounds import estimate
from pytest_onnxaccel.numerics.timing.blocks import Block
from pytest_onnxaccel.numerics.timing.order_stats import middle

#: Requests in order are bounded in groups of so many: neighbours share their machine's mood.
_GROUP = 5
#: Fewest of the requests that tell what several threads compute.
_FEWEST = 100


@record(frozen=True)
class OwnTime:
    """Requests by themselves.

    Attributes:
        services: of each request that tells, nanoseconds.
        taken_ns: the same in order, as they were served.
        basis: what it was told by: ``cpu``, ``queue`` (wall less the wait for a CPU) or ``wall``.
        waited: share of the time that threads waited for a CPU; None where the system does not tell.
    """

    services: Services
    taken_ns: tuple[float, ...]
    basis: str
    waited: float | None = None

    def least(self) -> Services:
        """Return the services as short as their mean may be by what is certain of it."""
        share, found = certain_share(self.taken_ns), self.services
        idle, following, busy = (
            tuple(ns * share for ns in kind) for kind in (found.idle_ns, found.next_ns, found.busy_ns)
        )
        return Services(idle, following, busy, found.mean_ns * share)

    def load(self, rate_per_s: float) -> float:
        """Share of the time that it is busy for at least, at that rate; from 1 on it cannot serve it."""
        least = self.least()
        return max(saturation(least, rate_per_s), rate_per_s * least.mean_ns / 1e9)

    def lower(self, share: float) -> float | None:
        """Lower bound of a percentile of single requests; None where there are too few."""
        groups = [self.taken_ns[i : i + _GROUP] for i in range(0, len(self.taken_ns), _GROUP)]
        return estimate(groups, share).lower

    def told(self) -> str:
        """``; threads waited 40% of the time for a CPU``, or nothing."""
        if self.waited is None or self.waited < 0.01:
            return ""
        return f"; its threads together waited {self.waited:.0%} of the time for a CPU"


def own_time(blocks: Sequence[Block], run: Paced | None, facts: Mapping[str, Any]) -> OwnTime:
    """Return what the requests of *run* take by themselves, or calls in a row where there was no run.

    Args:
        blocks: of calls in a row, taken next to the run, each with the speed probe before it.
        run: with what threads waited counted, where the system tells.
        facts: of the session.
    """
    own, basis = on_processor(blocks, facts)
    row = [ns for values in own for ns in values]
    span = sum(block.first_ns + sum(block.wall_ns) for block in blocks)
    if run is None:
        queued = [block.noise.get("queued_ns") for block in blocks]
        waited = None if None in queued else sum(filter(None, queued)) / max(1, span)
        return OwnTime(Services.of(row), tuple(row), basis, waited)
    slow = middle(slowness(blocks))
    waited = sum(run.queued_ns) / max(1, sum(run.occupied_ns)) if run.queued_ns else None
    if run.queued_ns and not by_cpu(blocks, facts):
        run = _least_disturbed(run)
    taken, basis = _requests(blocks, run, facts)
    taken = [ns / slow for ns in taken]
    return OwnTime(alone(run, taken, row), tuple(taken), basis, waited)


def _least_disturbed(run: Paced) -> Paced:
    """Return the quarter of the requests whose threads waited least: all together may wait longer than a request."""
    shares = [queued / max(1, ns) for queued, ns in zip(run.queued_ns, run.occupied_ns, strict=True)]
    count = max(_FEWEST, len(shares) // 4)
    chosen = sorted(sorted(range(len(shares)), key=lambda i: shares[i])[:count])
    every = (run.response_ns, run.wait_ns, run.cpu_ns, run.found_idle, run.queued_ns)
    return Paced(*(tuple(values[i] for i in chosen) for values in every))  # type: ignore[arg-type]


def _requests(blocks: Sequence[Block], run: Paced, facts: Mapping[str, Any]) -> tuple[list[float], str]:
    """Each request of *run* by itself, at the speed that the machine had, and what that was told by."""
    whole = run.occupied_ns
    if by_cpu(blocks, facts):
        return [float(min(ns, cpu)) for ns, cpu in zip(whole, run.cpu_ns, strict=True)], "cpu"
    if run.queued_ns:
        return [float(max(0, ns - queued)) for ns, queued in zip(whole, run.queued_ns, strict=True)], "queue"
    if on_cpu(blocks, facts):
        side = side_by_side(blocks, facts)
        return [min(ns, cpu / side) for ns, cpu in zip(whole, run.cpu_ns, strict=True)], "cpu"
    return [float(ns) for ns in whole], "wall"
