"""Boxes that NonMaxSuppression chose otherwise: how many of them hang on values that nearly tie."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_onnxaccel.checks.parity.outputs.comparer import Sample
from pytest_onnxaccel.core.comparisons import Suppression
from pytest_onnxaccel.numerics.compare.distances import as_floats
from pytest_onnxaccel.numerics.compare.suppression import Suppressing, may_choose
from pytest_onnxaccel.numerics.compare.tolerance_floor import floor

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array
    from pytest_onnxaccel.checks.parity.outputs.ranked import Inner

#: Each of two values may be off by what was seen, either way.
_TIMES = 4.0
#: Where more than this share of the boxes, and two, were chosen otherwise, it is no luck of near ties.
_MOST_OPEN = 0.1


def open_choices(known: Suppression, sample: Sample, inner: Inner) -> tuple[int, int]:
    """Return how many boxes the reference alone chose, and the candidate alone, where either choice is right.

    The candidate's choice is held against what the reference's operator reads, within what both sides' scores and boxes
    differ by, and no more than rounding. Nothing where it is not a right one, where that cannot be told, or where so
    many differ that luck is not a reason.
    """

    def both(name: str) -> tuple[Array | None, Array | None]:
        if name in sample.ours and name in sample.theirs:
            return sample.ours[name], sample.theirs[name]
        return inner(name, sample.number)

    (mine, other), boxes, scores = both(known.chosen), both(known.boxes), both(known.scores)
    off = _apart(*boxes), _apart(*scores)
    if mine is None or other is None or mine.ndim != 2 or other.ndim != 2:
        return 0, 0
    if off[0] is None or off[1] is None or boxes[1] is None or scores[1] is None:
        return 0, 0
    limits = [_number(both(one)[1]) if isinstance(one, str) else one for one in known.limits]
    most, overlap, least = limits
    if most is None or overlap is None or least is None:
        return 0, 0
    of = Suppressing(as_floats(boxes[1]), as_floats(scores[1]), most, overlap, least, known.center)
    if not may_choose(mine, of, off[1], off[0]):
        return 0, 0
    ours, theirs = ({tuple(map(int, row)) for row in one} for one in (mine, other))
    if max(len(theirs - ours), len(ours - theirs)) > max(2, _MOST_OPEN * len(theirs)):
        return 0, 0
    return len(theirs - ours), len(ours - theirs)


def _number(limit: Array | None) -> float | None:
    """Return the one number that a computed limit is; None where that is not known."""
    return float(as_floats(limit).reshape(())) if limit is not None and limit.size == 1 else None


def _apart(ours: Array | None, theirs: Array | None) -> float | None:
    """Return what values of both sides are apart, for two of them; None where that is more than rounding."""
    if ours is None or theirs is None or ours.shape != theirs.shape or not theirs.size:
        return None
    rtol, atol = floor(theirs, theirs.dtype.name)
    a, b = as_floats(ours), as_floats(theirs)
    with np.errstate(invalid="ignore"):
        apart = float(np.max(np.abs(a - b)))
        most = float(atol + rtol * np.max(np.abs(b)))
    if not np.isfinite(apart) or apart > most:
        return None
    spacing = float(np.spacing(np.max(np.abs(theirs)))) if theirs.dtype.kind == "f" else 0.0
    return _TIMES * max(apart, spacing)
