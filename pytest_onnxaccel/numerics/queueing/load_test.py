"""From service times to what a client sees: a queue under Poisson arrivals, and throughput with a lower bound.

The server takes one request at a time in the order of arrival, as a session does that is not shared between threads.
Waiting follows Lindley's recursion W' = max(0, W + S - A) (D. V. Lindley, "The theory of queues with a single server",
1952); the scenarios and their names are those of MLPerf's LoadGen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.numerics.queueing.service_times import Services
from pytest_onnxaccel.numerics.timing.order_stats import percentile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

#: Replays of the queue, each with arrivals and service times of its own.
SEEDS = 200
#: Requests of one replay, of which the first part fills the queue and is not counted.
REQUESTS = 4000
FILLING = 400
#: Blocks that a throughput is bounded over, and Student's t of 19 degrees of freedom at 95 %, one-sided.
BLOCKS, _T19 = 20, 1.729


@record(frozen=True)
class Response:
    """Response times of a server under Poisson arrivals: waiting and service, nanoseconds.

    Attributes:
        rate_per_s: requests per second.
        utilisation: see :func:`utilisation`; of the services' own run.
        p50_ns, p95_ns, p99_ns: over all replays.
        upper_ns: by percentile (``p99``), what 95 % of the replays stay below; they differ in their arrivals, so this
            is a bound for a run of :data:`REQUESTS` requests on a machine as the services met it.
    """

    rate_per_s: float
    utilisation: float
    p50_ns: float
    p95_ns: float
    p99_ns: float
    upper_ns: dict[str, float]


def utilisation(services: Services, rate_per_s: float) -> float:
    """Return the share of the time in which the server is busy, of a run at that rate."""
    return rate_per_s * services.mean_ns / 1e9


def saturation(services: Services, rate_per_s: float) -> float:
    """Return the utilisation while requests wait; from 1 on the queue grows for ever.

    This holds however long a request takes that does not wait (P. D. Welch, "On a generalized M/G/1 queuing
    process", 1964).
    """
    return rate_per_s * sum(services.busy_ns) / len(services.busy_ns) / 1e9


def steady(services: Services, rate_per_s: float) -> bool:
    """Return whether the server keeps up, in the run and while requests wait."""
    return max(utilisation(services, rate_per_s), saturation(services, rate_per_s)) < 1


def replay(
    services: Services,
    rate_per_s: float,
    seed: int = 0,
    seeds: int = SEEDS,
    requests: int = REQUESTS,
) -> Response:
    """Return a queue over measured service times, many times over.

    Raises:
        ValueError: the rate is 0, or at or past what the server can take (:func:`saturation` of 1).
    """
    if rate_per_s <= 0:
        raise ValueError("a queue needs a rate above 0")
    if (load := saturation(services, rate_per_s)) >= 1:
        raise ValueError(f"at {rate_per_s:g} requests/s the server would be busy for {load:.0%} of the time")
    draw = np.random.default_rng(seed)
    gaps = draw.exponential(1e9 / rate_per_s, (requests, seeds))
    found = responses(services, gaps, draw)[min(FILLING, requests // 2) :]
    ordered, each = np.sort(found, axis=None), np.sort(found, axis=0)
    shares = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
    upper = {key: float(np.quantile(np.quantile(each, share, axis=0), 0.95)) for key, share in shares.items()}
    p50, p95, p99 = (float(np.quantile(ordered, share)) for share in shares.values())
    return Response(rate_per_s, utilisation(services, rate_per_s), p50, p95, p99, upper)


def responses(services: Services, gaps: Floats, draw: np.random.Generator) -> Floats:
    """Return response times of each request, nanoseconds, of replays side by side that begin with nobody waiting.

    Args:
        services: measured service times, nanoseconds.
        gaps: before each arrival, nanoseconds (requests x replays); the result has its shape.
        draw: says where in *services* each replay begins. From there it takes them in the order in which they were
            measured, round the end: a slow phase of the machine lasts, and where it is cut a queue ends too early.
    """
    kinds = np.asarray((services.idle_ns, services.next_ns, services.busy_ns))
    count, (requests, replays) = kinds.shape[1], gaps.shape
    start = draw.integers(0, count, replays)
    found = np.empty_like(gaps)
    left = np.zeros(replays)  # of the work that was there when the last request came
    place = np.zeros(replays, np.intp)  # in its busy period
    for step in range(requests):
        waits = np.maximum(left - gaps[step], 0.0)
        place = np.where(waits > 0, np.minimum(place + 1, 2), 0)
        found[step] = left = waits + kinds[place, (start + step) % count]
    return found


@record(frozen=True)
class Throughput:
    """Samples per second of one batch size, calls one after the other.

    Attributes:
        lower_per_s: what holds with 95 %; equal to ``per_s`` where there are too few calls to bound it.
    """

    batch: int
    per_s: float
    lower_per_s: float
    calls: int


def throughput(wall_ns: Sequence[float], batch: int) -> Throughput:
    """Return the throughput of calls of *batch* samples, with a lower bound over blocks of neighbouring calls.

    Calls of one time are alike, so single calls would pretend to know more than they do: blocks hardly depend on each
    other (batch means with Student's t; see A. M. Law, "Simulation Modeling and Analysis").
    """
    calls = len(wall_ns)
    if not calls or sum(wall_ns) <= 0:
        raise ValueError("a throughput needs timed calls")
    mean = sum(wall_ns) / calls
    upper, each = mean, calls // BLOCKS
    if each:
        means = [sum(wall_ns[i * each : (i + 1) * each]) / each for i in range(BLOCKS)]
        middle = sum(means) / BLOCKS
        spread = math.sqrt(sum((v - middle) ** 2 for v in means) / (BLOCKS - 1))
        upper = mean + _T19 * spread / math.sqrt(BLOCKS)
    return Throughput(batch, batch * 1e9 / mean, batch * 1e9 / upper, calls)


def best(found: Sequence[Throughput]) -> Throughput:
    """Return the batch size that promises most: by lower bounds, the smaller batch where two are equal."""
    return max(found, key=lambda item: (item.lower_per_s, -item.batch))


def after_pauses(busy_ns: Sequence[float], paused_ns: Sequence[float]) -> float:
    """Return how many times as long a call takes after a pause as without one, by medians."""
    return percentile(sorted(paused_ns), 0.5) / percentile(sorted(busy_ns), 0.5)
