"""A replayed queue beside requests that really come in, in many short rounds: half of ``benchmarks/scenarios.py``."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import numpy as np  # noqa: TID253
from numpy.typing import NDArray  # noqa: TID253

from pytest_onnxaccel.numerics.pacing import Paced, PacePlan, gaps
from pytest_onnxaccel.numerics.scenarios import responses, utilisation
from pytest_onnxaccel.numerics.services import Services, measured

Floats = NDArray[np.float64]

#: Makes requests as the plan says.
Pacer = Callable[[PacePlan], Paced]

SHARES = (0.50, 0.95, 0.99)
#: Requests of a round that are not counted, and replays of all rounds.
WARMUP, REPLAYS = 20, 200


def queue(pacer: Pacer, row_ns: Sequence[float], load: float, rounds: int, requests: int) -> str:
    """Lines: replayed beside live percentiles at about the utilisation *load*, and the recursion by itself.

    Args:
        row_ns: calls in a row, which say how far apart requests come.
    """
    gap = sorted(row_ns)[len(row_ns) // 2] / load
    parts: list[Services] = []
    lives: list[tuple[PacePlan, Paced]] = []
    order = random.Random(0)
    for number in range(rounds):
        for side in order.sample(("measured", "live"), 2):
            seed = number + (1_000_000 if side == "measured" else 0)
            plan = PacePlan("poisson", gap, requests, WARMUP, seconds=600, seed=seed)
            taken = pacer(plan)
            if side == "measured":
                parts.append(measured(taken, row_ns))
            else:
                lives.append((plan, taken))
    services = Services.pooled(parts)
    live = [ns for _, taken in lives for ns in taken.response_ns]
    traced = [ns for plan, taken in lives for ns in trace(gaps(plan)[plan.warmup :], taken)]
    busy = utilisation(services, 1e9 / gap)
    lines = (f"{load:.0%} (busy {busy:.0%})", *beside(live, replayed(services, lives)), recursion(live, traced))
    return "\n    ".join(lines)


def replayed(services: Services, lives: Sequence[tuple[PacePlan, Paced]]) -> Floats:
    """Responses (requests x replays) under the arrivals of the live rounds; each round begins with nobody waiting."""
    draw = np.random.default_rng(0)
    rounds = []
    for plan, taken in lives:
        before = np.asarray(gaps(plan)[: plan.warmup + len(taken.response_ns)])
        rounds.append(responses(services, np.repeat(before[:, None], REPLAYS, axis=1), draw)[plan.warmup :])
    return np.concatenate(rounds)


def beside(live: Sequence[float], replays: Floats) -> list[str]:
    """Percentiles live and of all replays, and where nine of ten single replays lie around the latter.

    Each has the arrivals of the live run: that is what one run differs by, by the chance of its services alone.
    """
    told = []
    for share in SHARES:
        seen, found = float(np.quantile(live, share)), float(np.quantile(replays, share))
        low, high = np.quantile(np.quantile(replays, share, axis=0), (0.05, 0.95)) / found - 1
        told.append(
            f"p{share * 100:.0f} live {seen / 1e6:.2f} ms, replayed {found / 1e6:.2f} ({found / seen - 1:+.1%}; "
            f"replays of that length spread {low:+.1%} to {high:+.1%})"
        )
    return told


def trace(before: Sequence[float], taken: Paced) -> list[float]:
    """Responses by Lindley's recursion over the run's own services in order, begun at its first counted request.

    Args:
        before: the gap before each counted request.
    """
    found: list[float] = []
    columns = zip(before, taken.response_ns, taken.service_ns, taken.wait_ns, taken.found_idle, strict=False)
    for gap, response, service, wait, idle in columns:
        if not found:
            found.append(response)
            continue
        left = found[-1] - gap
        found.append((left if left > 0 else wait if idle else 0) + service)
    return found


def recursion(live: Sequence[float], traced: Sequence[float]) -> str:
    """The recursion beside the run whose services it got: what is left is the model of a queue, not of services."""
    told = [f"p{q * 100:.0f} {np.quantile(traced, q) / np.quantile(live, q) - 1:+.2%}" for q in SHARES]
    return f"the live run's own services in order: {', '.join(told)}"
