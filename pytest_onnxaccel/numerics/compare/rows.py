"""Rows that are sorted by a score: which row of one side is which of the other, where near ties may have swapped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.core.frozen import record

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[Any]

#: Two scores that are this many units in the last place apart may come in either order.
ULPS = 4.0
#: So many times the difference of the sorted scores of both sides: each of two scores may move by it, either way.
_TIMES = 4.0
#: Pairs of rows that are looked at; past them, only rows that stand this far from each other.
_PAIRS, _WINDOW = 1 << 22, 256
_TINY = 1e-30
_EPS = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}


@record(frozen=True)
class Table:
    """The rows of one output, of one sample of a batch.

    Attributes:
        ours, theirs: rows x values, as floats.
        allowed: what each value of *theirs* may be off by, of its shape.
    """

    ours: Floats
    theirs: Floats
    allowed: Floats


@record(frozen=True)
class Scores:
    """What rows are sorted by.

    Attributes:
        ours, theirs: one for each row.
        near: two scores that are not further apart may come in either order.
        loose: what a score itself may be off by, where that is more.
    """

    ours: Floats
    theirs: Floats
    near: float
    loose: float = 0.0


@record(frozen=True)
class Matching:
    """Which row is which.

    Attributes:
        pairs: for each row of the reference the candidate's, -1 for none.
        cut: rows of the reference, and of the candidate, that stand at the cut: as good as the last one that is kept,
            and without a counterpart. Which of several is kept there is open.
        complete: every row has a counterpart that agrees with it.
    """

    pairs: NDArray[np.intp]
    cut: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())
    complete: bool = True

    @property
    def swapped(self) -> int:
        """Rows that stand at another place in the candidate."""
        return int(np.count_nonzero((self.pairs >= 0) & (self.pairs != np.arange(self.pairs.size))))


def near(ours: Floats, theirs: Floats, dtype: str, most: float) -> float:
    """Return how far apart scores are that may come in either order, by what those of both sides differ by.

    Args:
        ours: the candidate's scores.
        theirs: the reference's scores.
        dtype: of the scores; whole numbers tie where they are equal.
        most: never further than this.
    """
    eps = _EPS.get(dtype, 0.0)
    if not ours.size or not theirs.size:
        return 0.0
    count = min(ours.size, theirs.size)
    with np.errstate(all="ignore"):
        apart = np.abs(np.sort(ours)[::-1][:count] - np.sort(theirs)[::-1][:count])
        size = np.abs(theirs)
    gap = float(np.max(apart[np.isfinite(apart)], initial=0.0))
    scale = float(np.max(size[np.isfinite(size)], initial=0.0))
    return min(max(_TIMES * gap, ULPS * eps * scale), max(most, ULPS * eps * scale))


def match(
    tables: Sequence[Table], scores: Scores | None, cuts: bool = True, spare: tuple[int, int] = (0, 0)
) -> Matching:
    """Pair the rows of both sides so that as many as can be agree in every table.

    Args:
        tables: of outputs that share their rows; at least one.
        scores: without any, the order is not looked at, and nothing is excused by the cut.
        cuts: rows may be left out at the cut: what sorts keeps the best of more.
        spare: rows of the reference, and of the candidate, that may be without a counterpart: another choice of them
            is right, too.
    """
    ours, theirs = tables[0].ours.shape[0], tables[0].theirs.shape[0]
    found = np.full(theirs, -1, np.intp)
    taken = np.full(ours, -1, np.intp)
    for row in range(min(ours, theirs)):
        if _agree(tables, scores, row, np.array([row]))[0]:
            found[row] = taken[row] = row
    open_rows = [row for row in range(theirs) if found[row] < 0]
    options: dict[int, list[int]] = {}

    reach = ours if len(open_rows) * ours <= _PAIRS else _WINDOW

    def candidates(row: int) -> list[int]:
        if row not in options:
            rows = np.arange(max(0, row - reach), min(ours, row + reach + 1))
            options[row] = [int(i) for i in rows[_agree(tables, scores, row, rows)]]
        return options[row]

    for row in open_rows:
        _augment(row, candidates, found, taken)
    left = [row for row in range(theirs) if found[row] < 0], [row for row in range(ours) if taken[row] < 0]
    cut = _at_the_cut(scores, *left) if scores is not None and cuts else ((), ())
    if any(left) and len(left[0]) <= spare[0] and len(left[1]) <= spare[1]:
        cut = tuple(left[0]), tuple(left[1])
    _nearest(tables, scores, found, [r for r in left[0] if r not in cut[0]], [r for r in left[1] if r not in cut[1]])
    return Matching(found, cut, not any(left))


def _agree(tables: Sequence[Table], scores: Scores | None, row: int, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return which of the candidate's *rows* are the reference's *row*."""
    good = np.ones(rows.size, bool)
    for table in tables:
        a, b = table.ours[rows], table.theirs[row]
        with np.errstate(all="ignore"):
            same = (np.abs(a - b) <= table.allowed[row]) | (a == b) | (np.isnan(a) & np.isnan(b))
        good &= same.all(axis=1)
    if scores is not None:
        with np.errstate(all="ignore"):
            a, b = scores.ours[rows], scores.theirs[row]
            good &= (np.abs(a - b) <= scores.near) | (a == b) | (np.isnan(a) & np.isnan(b))
    return good


def _augment(row: int, candidates: Any, found: NDArray[np.intp], taken: NDArray[np.intp]) -> None:
    """Pair *row* with a free row, or with one whose partner can take another (augmenting paths, breadth first)."""
    came: dict[int, int] = {}
    waiting = [row]
    for here in waiting:
        for there in candidates(here):
            if there in came:
                continue
            came[there] = here
            if taken[there] >= 0:
                waiting.append(int(taken[there]))
                continue
            while True:  # turn the path around, from its free end
                partner = came[there]
                before = int(found[partner])
                found[partner], taken[there] = there, partner
                if partner == row:
                    return
                there = before


def _at_the_cut(scores: Scores, theirs: Sequence[int], ours: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return rows without a counterpart that are as good as the worst that is kept; as many on either side."""
    if not scores.ours.size or scores.ours.size != scores.theirs.size:
        return (), ()
    last = float(np.min(scores.theirs)), float(np.min(scores.ours))
    if last[0] != last[1] and not abs(last[0] - last[1]) <= max(scores.near, scores.loose):
        return (), ()  # which row is kept last is open, and how good it is is not
    first = [row for row in theirs if scores.theirs[row] - last[0] <= scores.near]
    second = [row for row in ours if scores.ours[row] - last[1] <= scores.near]
    count = min(len(first), len(second))
    return tuple(first[len(first) - count :]), tuple(second[len(second) - count :])


def _nearest(
    tables: Sequence[Table],
    scores: Scores | None,
    found: NDArray[np.intp],
    theirs: Sequence[int],
    ours: Sequence[int],
) -> None:
    """Pair what is left, so that figures say what is off: the nearest whose score ties, else the one at its place."""
    free = list(ours)
    for row in theirs:
        if not free:
            return
        options = [i for i in free if scores is None or abs(scores.ours[i] - scores.theirs[row]) <= scores.near]
        if not options:
            continue
        apart = sum(
            (
                np.nan_to_num(np.abs(t.ours[options] - t.theirs[row]) / (t.allowed[row] + _TINY), nan=np.inf).sum(
                    axis=1
                )
                for t in tables
            ),
            np.zeros(len(options)),
        )
        found[row] = options[int(np.argmin(apart))]
        free.remove(int(found[row]))
    for row in theirs:
        if found[row] < 0 and free:
            found[row] = row if row in free else free[0]
            free.remove(int(found[row]))
