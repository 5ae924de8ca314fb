"""From service times to what a client sees: a queue under Poisson arrivals, and throughput with a lower bound.

The server takes one request at a time in the order of arrival, as a session does that is not shared between threads.
Waiting follows Lindley's recursion W' = max(0, W + S - A) (D. V. Lindley, "The theory of queues with a single server",
1952); the scenarios and their names are those of MLPerf's LoadGen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.numerics.stats import percentile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

#: Replays of the queue, each with arrivals and service times of its own.
SEEDS = 200
#: Requests of one replay, of which the first part fills the queue and is not counted.
REQUESTS = 4000
FILLING = 400
#: Service times that follow each other stay together in runs of this length: a slow phase of the machine lasts.
RUN = 16
#: Blocks that a throughput is bounded over, and Student's t of 19 degrees of freedom at 95 %, one-sided.
BLOCKS, _T19 = 20, 1.729


@dataclass(frozen=True)
class Response:
    """Response times of a server under Poisson arrivals: waiting and service, nanoseconds.

    Attributes:
        rate_per_s: requests per second.
        utilisation: share of the time in which the server is busy, as *rate* times the mean service time.
        p50_ns, p95_ns, p99_ns: over all replays.
        upper_ns: by percentile (``p99``), what 95 % of the replays stay below; replays differ in their arrivals and in
            the service times that they draw, so this is a bound for a run of :data:`REQUESTS` requests.
    """

    rate_per_s: float
    utilisation: float
    p50_ns: float
    p95_ns: float
    p99_ns: float
    upper_ns: dict[str, float]


def lindley(gaps: Sequence[float], services: Sequence[float]) -> list[float]:
    """Waiting time of each request: *gaps* before each arrival, *services* of each; the first finds nobody waiting."""
    waits = [0.0]
    for gap, service in zip(gaps[1:], services, strict=False):
        waits.append(max(0.0, waits[-1] + service - gap))
    return waits


def utilisation(busy_ns: Sequence[float], rate_per_s: float) -> float:
    """Share of the time in which the server is busy; from 1 on the queue grows for ever."""
    return rate_per_s * sum(busy_ns) / len(busy_ns) / 1e9


def replay(
    busy_ns: Sequence[float],
    rate_per_s: float,
    idle_ns: Sequence[float] = (),
    seed: int = 0,
    seeds: int = SEEDS,
    requests: int = REQUESTS,
    gaps_ns: Sequence[float] = (),
) -> Response:
    """A queue over measured service times, many times over.

    Args:
        busy_ns: service times of calls without a pause, in the order in which they were taken.
        idle_ns: service times of calls after a pause, from the moment the request arrived; they are given to requests
            that find the server idle, which begin with cold caches and sleeping threads. Arrivals being Poisson, the
            pauses must be exponential with the mean of 1/rate. Empty: *busy_ns* serves all.
        gaps_ns: before each arrival, the same in every replay, instead of drawn ones: to compare with a real run.

    Raises:
        ValueError: there are no samples, or the rate is at or past what the server can take (utilisation of 1).
    """
    if not len(busy_ns) or rate_per_s <= 0:
        raise ValueError("a queue needs service times and a rate above 0")
    load = utilisation(busy_ns, rate_per_s)
    if load >= 1:
        raise ValueError(f"at {rate_per_s:g} requests/s the server would be busy for {load:.0%} of the time")
    draw = np.random.default_rng(seed)
    requests = len(gaps_ns) or requests
    if len(gaps_ns):
        gaps = np.repeat(np.asarray(gaps_ns, np.float64)[:, None], seeds, axis=1)
    else:
        gaps = draw.exponential(1e9 / rate_per_s, (requests, seeds))
    busy = _drawn(np.asarray(busy_ns, np.float64), requests, seeds, draw)
    idle = _drawn(np.asarray(idle_ns, np.float64), requests, seeds, draw) if len(idle_ns) else busy
    responses = _responses(gaps, busy, idle)[min(FILLING, requests // 2) :]
    ordered, each = np.sort(responses, axis=None), np.sort(responses, axis=0)
    shares = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
    upper = {key: float(np.quantile(np.quantile(each, share, axis=0), 0.95)) for key, share in shares.items()}
    p50, p95, p99 = (float(np.quantile(ordered, share)) for share in shares.values())
    return Response(rate_per_s, load, p50, p95, p99, upper)


def _drawn(samples: Floats, requests: int, seeds: int, draw: Any) -> Floats:
    """Service times (requests x seeds) in runs that were neighbours when they were measured, round the end."""
    length = min(RUN, len(samples))
    starts = draw.integers(0, len(samples), (-(-requests // length), 1, seeds))
    index = (starts + np.arange(length)[None, :, None]) % len(samples)
    found: Floats = samples[index.reshape(-1, seeds)[:requests]]
    return found


def _responses(gaps: Floats, busy: Floats, idle: Floats) -> Floats:
    """Response times of each request, all replays side by side; see :func:`lindley`."""
    found = np.empty_like(gaps)
    left = np.zeros(gaps.shape[1])  # of the work that was there when the last request came
    for step in range(len(gaps)):
        waits = np.maximum(left - gaps[step], 0.0)
        found[step] = left = waits + np.where(waits > 0, busy[step], idle[step])
    return found


@dataclass(frozen=True)
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
    """Throughput of calls of *batch* samples, with a lower bound over blocks of neighbouring calls.

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
    """The batch size that promises most: by lower bounds, the smaller batch where two are equal."""
    return max(found, key=lambda item: (item.lower_per_s, -item.batch))


def after_pauses(busy_ns: Sequence[float], paused_ns: Sequence[float]) -> float:
    """How many times as long a call takes after a pause as without one, by medians."""
    return percentile(sorted(paused_ns), 0.5) / percentile(sorted(busy_ns), 0.5)
