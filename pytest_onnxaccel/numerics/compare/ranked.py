"""Indices into scores: one is right when the score that it points at is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.numerics.compare.distances import as_floats

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.generic]


@record(frozen=True)
class Pointed:
    """What the indices of both sides point at.

    Attributes:
        differ: how many indices differ.
        bad: which of them are wrong, of the indices' shape as *ours* has it.
        ours, theirs: the scores that they point at, of the same shape; NaN where an index points at nothing.
        why: what is wrong with the first of them, where it is not the score.
    """

    differ: int
    bad: NDArray[np.bool_]
    ours: NDArray[Any]
    theirs: NDArray[Any]
    why: str = ""


def of_labels(array: Array, labels: Sequence[int | float | str]) -> NDArray[np.int64]:
    """Return the place of each element of *array* in *labels*; -1 for one that is not there."""
    places: dict[Any, int] = {}
    for place, label in enumerate(labels):
        places.setdefault(label, place)
    plain = (item.decode(errors="replace") if isinstance(item, bytes) else item for item in array.reshape(-1).tolist())
    return np.array([places.get(item, -1) for item in plain], np.int64).reshape(array.shape)


def as_indices(array: Array, scores: tuple[int, ...], axis: int) -> NDArray[np.int64] | None:
    """Return *array* in the shape of *scores*, with as many along *axis* as there are; None where that cannot be."""
    others = [size for place, size in enumerate(scores) if place != axis]
    rest = int(np.prod(others, dtype=np.int64))
    if not rest or array.size % rest or array.dtype.kind not in "iuf":
        return None
    shape = list(scores)
    shape[axis] = array.size // rest
    values = np.asarray(array)
    if values.dtype.kind == "f" and not (np.isfinite(values).all() and (values == np.floor(values)).all()):
        return None
    found: NDArray[np.int64] = values.astype(np.int64).reshape(shape)
    return found


def pointed(
    ours: NDArray[np.int64], theirs: NDArray[np.int64], scores: Array, axis: int, allowed: NDArray[Any], ordered: bool
) -> Pointed:
    """Compare indices by the scores that they point at.

    Args:
        ours: the candidate's, as :func:`as_indices` gives them.
        theirs: the reference's, of the same shape.
        scores: that both point into.
        axis: of *scores*, along which they point.
        allowed: what two equally good scores may differ by, of the shape of *scores*.
        ordered: the indices come in the order of their scores; otherwise any order will do.
    """
    values, size = as_floats(scores), scores.shape[axis]
    outside = (ours < 0) | (ours >= size)
    a = np.where(outside, np.nan, np.take_along_axis(values, np.where(outside, 0, ours), axis))
    b = np.take_along_axis(values, np.clip(theirs, 0, size - 1), axis)
    loose = np.take_along_axis(allowed, np.clip(theirs, 0, size - 1), axis)
    if not ordered:
        turn, other = np.argsort(a, axis=axis, kind="stable"), np.argsort(b, axis=axis, kind="stable")
        back = np.argsort(turn, axis=axis, kind="stable")
        b, loose = (np.take_along_axis(np.take_along_axis(x, other, axis), back, axis) for x in (b, loose))
    with np.errstate(all="ignore"):
        wrong = ~((np.abs(a - b) <= loose) | (a == b) | (np.isnan(a) & np.isnan(b) & ~outside))
    why = ""
    if outside.any():
        why = f"index {int(ours[outside][0])} points outside of {size}"
    twice = _twice(ours, axis)
    if twice.any() and not _twice(theirs, axis).any():
        wrong |= twice
        why = why or f"index {int(ours[twice][0])} is there twice"
    return Pointed(int(np.count_nonzero(ours != theirs)), wrong, a, b, why)


def _twice(indices: NDArray[np.int64], axis: int) -> NDArray[np.bool_]:
    """Return indices that stand along *axis* before as well."""
    order = np.argsort(indices, axis=axis, kind="stable")
    line = np.take_along_axis(indices, order, axis)
    same = np.zeros(indices.shape, bool)
    here = [slice(None)] * indices.ndim
    here[axis] = slice(1, None)
    same[tuple(here)] = np.diff(line, axis=axis) == 0
    found = np.zeros(indices.shape, bool)
    np.put_along_axis(found, order, same, axis)
    return found
