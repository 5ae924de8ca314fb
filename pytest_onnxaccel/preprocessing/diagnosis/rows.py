"""Kinds of differences of rows, such as boxes, scores and labels: another form, order, factor, or place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import permutations
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.preprocessing.diagnosis.evidence import Finding
from pytest_onnxaccel.preprocessing.diagnosis.values import listed
from pytest_onnxaccel.preprocessing.guarded_call import Pair, call
from pytest_onnxaccel.preprocessing.search.found import Found

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

#: Samples that an explanation must hold for.
SAMPLES = 6
#: How far an explanation may be off, as a share of the largest value.
LOOSE = 1e-4

Sides = Sequence[tuple[Any, Any]]


def explained(pair: Pair, found: Sequence[Found]) -> Finding | None:
    """Return what makes the candidate's rows of the reference's, on every sample that differs; else None."""
    sides: list[tuple[Array, Array]] = []
    for one in [one for one in found if one.failure.stage == "values"][:SAMPLES]:
        mine, theirs = call(pair.reference, one.failure.image).value, call(pair.candidate, one.failure.image).value
        if mine is None or theirs is None or mine.shape != theirs.shape or mine.dtype.kind not in "iuf":
            return None
        sides.append((mine, theirs))
    if not sides or sum(left.size for left, _ in sides) < 6:
        return None
    for step in (_counted, _filled, _forms, _columns, _order, _whole, _clipped, _narrow):
        finding = step(sides)
        if finding is not None:
            return finding
    return None


def _same(left: Array, right: Array, scale: float) -> bool:
    return left.shape == right.shape and bool(np.all(np.abs(left.astype(np.float64) - right) <= LOOSE * scale))


def _holds(sides: Sides, guess: Callable[[Array], Array]) -> bool:
    """Return whether *guess* makes each candidate's result of the reference's."""
    scale = max(float(np.abs(side).max(initial=0)) for pair in sides for side in pair) or 1.0
    return all(_same(guess(left.astype(np.float64)), right, scale) for left, right in sides)


def _counted(sides: Sides) -> Finding | None:
    """Find whole numbers that are one constant apart."""
    if any(side.dtype.kind not in "iu" for pair in sides for side in pair):
        return None
    steps = {int(step) for left, right in sides for step in np.unique(right.astype(np.int64) - left.astype(np.int64))}
    if len(steps) != 1 or len({int(v) for left, _ in sides for v in np.unique(left)[:5]}) < 2:
        return None
    return "scale", f"every number is off by {steps.pop()}: counted from another one"


def _filled(sides: Sides) -> Finding | None:
    """Find sequences that are equal but for what fills them up, behind or in front."""
    if any(side.dtype.kind not in "iu" or not side.ndim for pair in sides for side in pair):
        return None
    gone: set[tuple[int, int]] = set()
    for left, right in sides:
        apart = (left != right).reshape(-1, left.shape[-1])
        # no value behind the first of a row that differs is equal, or none before the last
        behind = (np.maximum.accumulate(apart, axis=1) == apart).all()
        before = (np.maximum.accumulate(apart[:, ::-1], axis=1) == apart[:, ::-1]).all()
        if not (behind or before) or apart.all():
            return None
        gone |= {(int(a), int(b)) for a, b in zip(left[left != right], right[left != right], strict=True)}
    if len(gone) != 1:
        return None
    mine, theirs = gone.pop()
    return "pad-value", f"what the sequence is filled up with differs: {theirs} where the reference has {mine}"


def _whole(sides: Sides) -> Finding | None:
    """Find whole numbers that are one off: cut off where the reference rounds, or rounded otherwise."""
    if any(side.dtype.kind not in "iu" for pair in sides for side in pair):
        return None
    steps = np.concatenate([(left.astype(np.int64) - right.astype(np.int64)).reshape(-1) for left, right in sides])
    levels = len(np.unique(np.concatenate([left.reshape(-1) for left, _ in sides])))
    # few numbers are labels, of which one for another is no rounding
    if levels < 32 or np.abs(steps).max() != 1 or np.count_nonzero(steps) < 8:
        return None
    if steps.min() == 0:
        return "truncation", "integers are one too low and never too high: cut off where the reference rounds"
    return (
        "precision",
        f"{np.count_nonzero(steps) / steps.size:.2%} of the integers are off by one: rounded differently",
    )


def _forms(sides: Sides) -> Finding | None:
    """Find boxes of four numbers in another form, and columns in another order."""
    if any(left.ndim < 1 or not 2 <= left.shape[-1] <= 6 for left, _ in sides):
        return None
    count = sides[0][0].shape[-1]
    if any(left.shape[-1] != count for left, _ in sides):
        return None
    if count == 4:
        for words, guess in _FORMS:
            if _holds(sides, guess):
                return "layout", f"boxes in another form: {words}"
    for order in permutations(range(count)):
        if order != tuple(range(count)) and _holds(sides, lambda rows, order=order: rows[..., order]):  # type: ignore[misc]
            return "layout", f"the columns stand in another order: {list(order)} of the reference's"
    return None


def _to_size(rows: Array) -> Array:
    return np.concatenate([rows[..., :2], rows[..., 2:] - rows[..., :2]], axis=-1)


def _to_corner(rows: Array) -> Array:
    return np.concatenate([rows[..., :2], rows[..., 2:] + rows[..., :2]], axis=-1)


def _to_centre(rows: Array) -> Array:
    return np.concatenate([(rows[..., :2] + rows[..., 2:]) / 2, rows[..., 2:] - rows[..., :2]], axis=-1)


def _from_centre(rows: Array) -> Array:
    return np.concatenate([rows[..., :2] - rows[..., 2:] / 2, rows[..., :2] + rows[..., 2:] / 2], axis=-1)


#: In words, and what makes the candidate's boxes of the reference's.
_FORMS: tuple[tuple[str, Callable[[Array], Array]], ...] = (
    ("corner and size (x, y, w, h) where the reference has two corners", _to_size),
    ("two corners where the reference has corner and size (x, y, w, h)", _to_corner),
    ("centre and size where the reference has two corners", _to_centre),
    ("two corners where the reference has centre and size", _from_centre),
)


def _columns(sides: Sides) -> Finding | None:
    """Find a factor and an offset for each column, or for all values."""
    wide = all(left.ndim >= 2 and left.shape[-1] == sides[0][0].shape[-1] <= 16 for left, _ in sides)
    count = sides[0][0].shape[-1] if wide else 1
    lines = []
    for column in range(count):
        left, right = (
            np.concatenate([pair[k].reshape(-1, count)[:, column] for pair in sides]).astype(np.float64) for k in (0, 1)
        )
        if not (np.isfinite(left).all() and np.isfinite(right).all()) or len(np.unique(left)) < 4:
            return None
        lines.append(np.polyfit(left, right, 1))
    factors, offsets = np.array(lines).T
    if not _holds(sides, lambda rows: (rows.reshape(-1, count) * factors + offsets).reshape(rows.shape)):
        return None
    largest = max(float(np.abs(left).max(initial=0)) for left, _ in sides) or 1.0
    moved, scaled = np.abs(offsets).max() > LOOSE * largest, np.abs(factors - 1).max() > LOOSE
    if moved and not scaled:
        return "offset", f"moved by {listed(np.round(offsets, 9))}"
    if scaled and not moved:
        return "scale", f"off by a factor of {listed(factors)}"
    return ("scale", f"off by a factor of {listed(factors)} and an offset of {listed(offsets)}") if scaled else None


def _clipped(sides: Sides) -> Finding | None:
    """Find values of one side that are the other's, clipped to a range."""
    for place, (words, other) in enumerate((("reference", "candidate"), ("candidate", "reference"))):
        values = np.concatenate([pair[place].reshape(-1) for pair in sides])
        low, high = float(values.min()), float(values.max())
        turned = [(pair[1 - place], pair[place]) for pair in sides]
        past = np.concatenate([free[(free < low) | (free > high)].reshape(-1) for free, _ in turned])
        if len(np.unique(past)) < 2:
            continue  # one value that became another, such as a padding
        if low < high and _holds(turned, lambda rows, ends=(low, high): np.clip(rows, *ends)):  # type: ignore[misc]
            return "value-range", f"the {words}'s values are clipped to {low:g} to {high:g}, the {other}'s are not"
    return None


def _narrow(sides: Sides) -> Finding | None:
    """Find values that are the reference's, computed in half precision."""
    if any(left.dtype not in (np.float32, np.float64) for left, _ in sides):
        return None
    exact = all(np.array_equal(right, right.astype(np.float16)) for _, right in sides)
    if exact and _holds([(left.astype(np.float16), right) for left, right in sides], lambda rows: rows):
        return "precision", f"the candidate computes in float16, the reference in {sides[0][0].dtype}"
    return None


def _order(sides: Sides) -> Finding | None:
    """Find the reference's rows in another order."""
    for left, right in sides:
        if not left.ndim or len(left) < 2:
            continue
        ordered = [side.reshape(len(side), -1) for side in (left, right)]
        mine, theirs = (side[np.lexsort(np.round(side, 6).T[::-1])] for side in ordered)
        if not _same(mine, theirs, float(np.abs(mine).max(initial=0)) or 1.0):
            return None
    if not any(left.ndim and len(left) > 1 for left, _ in sides):
        return None
    backwards = all(_same(left[::-1], right, float(np.abs(left).max(initial=0)) or 1.0) for left, right in sides)
    what = "rows" if any(left.ndim > 1 for left, _ in sides) else "values"
    return "axis-order", f"the same {what} " + ("backwards" if backwards else "in another order")
