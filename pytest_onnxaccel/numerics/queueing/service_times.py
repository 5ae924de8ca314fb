"""Service times of a server in a Poisson run, by what a request meets: nobody, one other, or a server well at work.

A server that is idle now and then is not as warm as one that never is, so calls in a row say too little of any kind;
the first call after a pause is the slowest, and the one behind it may still be slower than the rest. A slow phase of
the machine makes all kinds slow at once, so they are kept side by side.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.numerics.queueing.arrivals import Paced
from pytest_onnxaccel.numerics.queueing.counterfactual import as_kinds


@record(frozen=True)
class Services:
    """What a request would have taken at each moment of a run, nanoseconds; sequences of one length, in order.

    Attributes:
        idle_ns: had it found the server idle: from the moment it came in, so waking up is part of it.
        next_ns: had it waited for one that found the server idle: from the end of its waiting.
        busy_ns: had it waited for one that had waited too.
        mean_ns: of the requests as they were served; it depends on how many of each kind there were, which the
            sequences do not say.
    """

    idle_ns: tuple[float, ...]
    next_ns: tuple[float, ...]
    busy_ns: tuple[float, ...]
    mean_ns: float

    @classmethod
    def of(cls, busy_ns: Sequence[float], idle_ns: Sequence[float] = ()) -> Services:
        """Return plain service times, given in order: of every request, or with others for those that find it idle.

        Raises:
            ValueError: there are none, or *idle_ns* has another length.
        """
        if not len(busy_ns) or len(idle_ns) not in (0, len(busy_ns)):
            raise ValueError(f"a queue needs service times, as many of each kind: {len(busy_ns)} and {len(idle_ns)}")
        busy = tuple(map(float, busy_ns))
        return cls(tuple(map(float, idle_ns)) or busy, busy, busy, sum(busy) / len(busy))


def measured(run: Paced, row_ns: Sequence[float]) -> Services:
    """Return service times of *run*, of ``poisson`` pace.

    Args:
        run: a paced run: arrivals and completions of its requests.
        row_ns: calls in a row, in order: what stands for requests that wait where nobody had to.

    Raises:
        ValueError: nothing was measured.
    """
    return _beside(run.found_idle, run.occupied_ns, row_ns)


def computed(run: Paced, row_cpu_ns: Sequence[float], parallel: float = 1.0) -> Services:
    """Return the same by CPU time alone, over *parallel* threads: the time on a machine without neighbours."""
    return _beside(run.found_idle, [ns / parallel for ns in run.cpu_ns], [ns / parallel for ns in row_cpu_ns])


def _beside(found_idle: Sequence[bool], taken_ns: Sequence[float], row_ns: Sequence[float]) -> Services:
    taken, idle = np.asarray(taken_ns, np.float64), np.asarray(found_idle, bool)
    count = len(taken)
    if not count or count != len(idle):
        raise ValueError(f"no run of requests: {count} service times of {len(idle)} requests")
    row = np.asarray(row_ns if len(row_ns) else taken_ns, np.float64)
    follows = np.append(False, idle[:-1]) & ~idle
    # What was already going on when the first counted request came in is not known: it counts as well at work
    first, behind, later = as_kinds(taken, (idle, follows, ~idle & ~follows))
    if later is None:
        later = row[np.arange(count) * len(row) // count] if behind is None else behind
    behind = later if behind is None else behind
    first = taken if first is None else first
    return Services(tuple(first.tolist()), tuple(behind.tolist()), tuple(later.tolist()), float(taken.mean()))
