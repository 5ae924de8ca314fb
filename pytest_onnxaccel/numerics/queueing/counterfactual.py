"""What a request would have taken as one of another kind: each in the mood that it met the machine in.

Requests of two kinds must not be compared as they come. A slow one makes the next wait, and slow moments last, so those
that wait are those of slow moments, more than waiting makes them slow. But which kind a request is of follows from what
went before and from the moment at which it came in, which is chance. So among requests that came after the like, kinds
differ by what they are alone (sequential ignorability: J. M. Robins, "A new approach to causal inference in mortality
studies with a sustained exposure period", 1986). What went before is told by what the last requests took.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

#: Averages over the requests before one, by the requests after which a weight is halved.
HALF_LIVES = (1, 8)
#: Share of the requests, at either end, that say no more of the next one's mood than one further in: a stall passes.
EXTREME = 0.05
#: Fewer requests do not show a mood.
FEWEST = 64
#: Moods are of what kinds leave, and kinds of what moods leave: each is found from the other, so often.
TURNS = 2


def as_kinds(taken: Floats, kinds: Sequence[Flags]) -> list[Floats | None]:
    """Return what each request would take as one of each of *kinds*, in order; None for a kind without members.

    Of its own kind it is what it was. Of another it is the member that stands where it stands among its own, by what
    moods leave, as that one would have been in this one's mood. So each member counts as much as any other, and what
    came together, as a burst of slow requests of whichever kinds, stays together in each of them.

    Args:
        taken: of each request in order, 0 or more.
        kinds: which requests are of each kind; every request is of one.
    """
    mood = regimes(taken, kinds)
    left = taken / mood
    ranks = np.empty(len(taken))
    ordered = [np.flatnonzero(kind)[np.argsort(left[kind], kind="stable")] for kind in kinds]
    for members in ordered:
        ranks[members] = (np.arange(len(members)) + 0.5) / max(1, len(members))
    alike = (members[(ranks * len(members)).astype(np.intp)] if len(members) else None for members in ordered)
    return [None if like is None else taken[like] * (mood / mood[like]) for like in alike]


def regimes(taken: Floats, kinds: Sequence[Flags]) -> Floats:
    """Return the factor to expect for each request from those before it; 1 where they are too few.

    Least squares of the logarithms: a constant for each kind and a weight for each average.
    """
    mood = np.zeros(len(taken))
    if len(taken) < FEWEST:
        return np.exp(mood)
    # A coarse clock reads 0, which has no logarithm
    logs = np.log(np.maximum(taken, np.mean(taken) / 100 or 1.0))
    middles = [np.median(logs[kind]) if kind.any() else 0.0 for kind in kinds]
    for _ in range(TURNS):
        off = logs - np.select(list(kinds), middles)
        off = np.clip(off, *np.quantile(off, (EXTREME, 1 - EXTREME)))
        before = _before(off - off.mean())
        columns = np.column_stack([*kinds, before])
        weights = np.linalg.lstsq(columns, logs, rcond=None)[0][len(kinds) :]
        mood = before @ weights
        middles = [np.mean((logs - mood)[kind]) if kind.any() else 0.0 for kind in kinds]
    return np.exp(mood)


def _before(off: Floats) -> Floats:
    """Return weighted averages of what came before each (requests x half-lives); 0 before the first."""
    found = np.zeros((len(off), len(HALF_LIVES)))
    for column, half in enumerate(HALF_LIVES):
        keep, total, weight = 0.5 ** (1 / half), 0.0, 0.0
        for place, value in enumerate(off.tolist()):
            found[place, column] = total / weight if weight else 0.0
            total, weight = keep * total + value, keep * weight + 1
    return found
