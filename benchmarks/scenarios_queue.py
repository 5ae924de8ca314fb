"""A replayed queue beside requests that really come in, in many rounds: half of ``benchmarks/scenarios.py``.

Each round is two Poisson runs, and both are used twice: the services of each are replayed under the arrivals of the
other, and beside that replay stand the other's real responses. So what a run met by chance, a slow second or a burst
of requests, is in the replayed percentiles and in the real ones, and differences are the method's.

How far apart requests come is settled anew for each round, by what calls in a row take just then: of a machine whose
speed changes from minute to minute, one rate would be twice the load in one round that it is in another, and what is
then compared is how many rounds came close to a load of 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pytest_onnxaccel.numerics.queueing.arrivals import Paced, PacePlan, gaps
from pytest_onnxaccel.numerics.queueing.load_test import responses
from pytest_onnxaccel.numerics.queueing.service_times import measured

Floats = NDArray[np.float64]

#: Makes requests as the plan says.
Pacer = Callable[[PacePlan], Paced]
#: Makes calls in a row: what each took, nanoseconds.
Row = Callable[[], Sequence[float]]

SHARES = (0.50, 0.95, 0.99)
#: Requests of a run that are not counted, replays of each run, and draws of rounds for an interval at 95 %.
WARMUP, REPLAYS, DRAWS = 50, 30, 300


class Run(NamedTuple):
    """Requests that came in as *plan* says."""

    plan: PacePlan
    taken: Paced

    @property
    def before(self) -> list[float]:
        """What lies before each arrival, those that are not counted included, nanoseconds."""
        return gaps(self.plan)[: self.plan.warmup + len(self.taken.response_ns)]


class Round(NamedTuple):
    """Responses of both runs, nanoseconds, and as many for each replay (responses x replays)."""

    live: Floats
    replayed: Floats


def queue(pacer: Pacer, row: Row, load: float, rounds: int, requests: int, seed: int = 0) -> str:
    """Lines: replayed beside live percentiles at about the utilisation *load*, and the recursion by itself.

    Args:
        seed: another one, at least *rounds* away, for arrivals of which none are the same.
    """
    draw = np.random.default_rng(seed)
    runs: list[Run] = []
    found: list[Round] = []
    for number in range(rounds):
        row_ns = row()
        gap = sorted(row_ns)[len(row_ns) // 2] / load
        plans = [PacePlan("poisson", gap, requests, WARMUP, seconds=600, seed=2 * (seed + number) + i) for i in (0, 1)]
        one, other = (Run(plan, pacer(plan)) for plan in plans)
        runs += [one, other]
        live = np.concatenate([np.asarray(run.taken.response_ns, np.float64) for run in (one, other)])
        replays = (replayed(other, row_ns, one, draw), replayed(one, row_ns, other, draw))
        found.append(Round(live, np.concatenate(replays)))
    busy = float(np.mean([np.mean(run.taken.occupied_ns) / run.plan.gap_ns for run in runs]))
    return "\n    ".join((f"{load:.0%} (busy {busy:.0%}), {rounds} rounds", *beside(found), recursion(runs)))


def replayed(services: Run, row_ns: Sequence[float], arrivals: Run, draw: np.random.Generator) -> Floats:
    """Responses (requests x replays) with the services of one run and the arrivals of the other."""
    before = np.repeat(np.asarray(arrivals.before)[:, None], REPLAYS, axis=1)
    return responses(measured(services.taken, row_ns), before, draw)[arrivals.plan.warmup :]


def beside(found: Sequence[Round]) -> list[str]:
    """Percentiles live and replayed over all rounds; how far the latter are off, with an interval over rounds."""
    draw = np.random.default_rng(1)
    off = _off(found)
    again = [_off([found[i] for i in draw.integers(0, len(found), len(found))]) for _ in range(DRAWS)]
    low, high = np.quantile(again, (0.025, 0.975), axis=0)
    live = np.quantile(np.concatenate([part.live for part in found]), SHARES)
    return [
        f"p{share * 100:.0f} live {live[i] / 1e6:.2f} ms, replayed {live[i] * (1 + off[i]) / 1e6:.2f} "
        f"({off[i]:+.1%}; {low[i]:+.1%} to {high[i]:+.1%})"
        for i, share in enumerate(SHARES)
    ]


def _off(found: Sequence[Round]) -> Floats:
    """How far replayed percentiles are off."""
    live = np.quantile(np.concatenate([part.live for part in found]), SHARES)
    return np.quantile(np.concatenate([part.replayed.ravel() for part in found]), SHARES) / live - 1


def trace(run: Run) -> list[float]:
    """Responses by Lindley's recursion over the run's own services in order, begun at its first counted request."""
    found: list[float] = []
    taken = run.taken
    columns = zip(
        run.before[run.plan.warmup :], taken.response_ns, taken.service_ns, taken.wait_ns, taken.found_idle, strict=True
    )
    for gap, response, service, wait, idle in columns:
        if not found:
            found.append(response)
            continue
        left = found[-1] - gap
        found.append((left if left > 0 else wait if idle else 0) + service)
    return found


def recursion(runs: Sequence[Run]) -> str:
    """The recursion beside the runs whose services it got: what is left is the model of a queue, not of services."""
    traced = np.quantile([ns for run in runs for ns in trace(run)], SHARES)
    live = np.quantile([ns for run in runs for ns in run.taken.response_ns], SHARES)
    told = [
        f"p{share * 100:.0f} {ours / real - 1:+.2%}" for share, ours, real in zip(SHARES, traced, live, strict=True)
    ]
    return f"each run's own services in order: {', '.join(told)}"
