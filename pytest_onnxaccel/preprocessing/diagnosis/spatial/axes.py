"""Explanations by the order of axes and of what stands along them: transposed, mirrored, reshaped, rearranged."""

from __future__ import annotations

from itertools import combinations, permutations
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.preprocessing.diagnosis.evidence import Evidence, Finding, Trial

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


def transposed(evidence: Evidence) -> Finding | None:
    """Find the reference's values with axes in another order, or read in another order."""
    for trial in evidence.trials:
        if sorted(trial.reference.shape) != sorted(trial.candidate.shape):
            return None
    if not evidence.trials:
        return None
    left, right = evidence.trials[-1].reference, evidence.trials[-1].candidate
    for order in permutations(range(left.ndim)):
        if left.transpose(order).shape != right.shape:
            continue
        if evidence.explains(lambda trial, order=order: _turn(trial.reference, order)):  # type: ignore[misc]
            return _turned(evidence, left, right, order)
        for flips in _flips(right.shape):
            if evidence.explains(lambda t, o=order, f=flips: _turn(t.reference, o, f)):  # type: ignore[misc]
                return "axis-order", _flipped(evidence, left, order, flips)
    for order in permutations(range(left.ndim)):
        if evidence.explains(lambda t, o=order: _reread(t.reference, t.candidate, o)):  # type: ignore[misc]
            return "axis-order", "the result is reshaped where they should be transposed: right values, wrong places"
    return None


def _turned(evidence: Evidence, left: Array, right: Array, order: tuple[int, ...]) -> Finding:
    axis = evidence.axis(left)
    if axis is not None and order[left.ndim + axis] != left.ndim + axis:
        return (
            "layout",
            f"channels are in another place: the candidate gives {dims(right)}, the reference {dims(left)}",
        )
    return "axis-order", f"the axes are in another order: the candidate's is the reference's transposed to {order}"


def _flipped(evidence: Evidence, left: Array, order: tuple[int, ...], flips: tuple[int, ...]) -> str:
    """Return in words how the candidate's result is the reference's, turned or mirrored."""
    axis = evidence.axis(left)
    places = [at for at in range(left.ndim) if axis is None or at != left.ndim + axis][-2:]
    exchanged = [order[at] for at in places] == places[::-1] and len(places) == 2
    straight = order == tuple(range(left.ndim))
    if len(places) == 2 and set(flips) <= set(places):
        rows, columns = places
        if straight and len(flips) == 2:
            return "turned by 180 degrees: the candidate's rows and columns run backwards"
        if straight:
            return "mirrored: " + ("upside down" if flips == (rows,) else "left is right")
        if exchanged and len(flips) == 1:
            way = "clockwise" if flips == (columns,) else "counter-clockwise"
            return f"turned by 90 degrees: the candidate's result is the reference's turned {way}"
        if exchanged:
            return "rows and columns are exchanged, and both run backwards"
    how = "" if straight else f" transposed to {order},"
    return f"the candidate's result is the reference's,{how} running backwards along axis {_words(flips)}"


def _turn(array: Array, order: tuple[int, ...], flips: tuple[int, ...] = ()) -> Array | None:
    return np.flip(array.transpose(order), flips) if array.ndim == len(order) else None


def _flips(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return the axes that may run backwards: each, and each two."""
    axes = [axis for axis, size in enumerate(shape) if size > 1]
    return [*((axis,) for axis in axes), *combinations(axes, 2)]


def _words(axes: tuple[int, ...]) -> str:
    return " and ".join(str(axis) for axis in axes)


def _reread(left: Array, right: Array, order: tuple[int, ...]) -> Array | None:
    if left.ndim != len(order) or left.size != right.size:
        return None
    return np.ascontiguousarray(left.transpose(order)).reshape(right.shape)


def rearranged(evidence: Evidence) -> Finding | None:
    """Find the reference's values at other places: parts in another order along one axis, or any order."""
    pairs = evidence.trials
    if not pairs or any(t.reference.shape != t.candidate.shape for t in pairs):
        return None
    if not any(len(np.unique(t.reference)) > 8 for t in pairs):
        return None
    first = max(pairs, key=lambda trial: len(np.unique(trial.reference)))
    for axis in range(first.reference.ndim):
        order = _order(evidence, first, axis)
        if order is not None and evidence.explains(lambda t, a=axis, o=order: _taken(t.reference, a, o)):  # type: ignore[misc]
            shown = str(order) if len(order) <= 12 else f"[{', '.join(map(str, order[:6]))}, ...]"
            return "axis-order", f"the parts along axis {axis} stand in another order: {shown} of the reference's"
    if (found := _interleaved(evidence, first)) is not None:
        return found
    for trial in pairs:
        left, right = (np.sort(side, axis=None) for side in (trial.reference, trial.candidate))
        if not evidence.close(left, right):
            return None
    if all(evidence.close(t.reference, t.candidate, 0.05) for t in pairs):
        return None
    return "other", "the result holds the reference's values at other places"


def _order(evidence: Evidence, trial: Trial, axis: int) -> list[int] | None:
    """Return which part of the reference each part of the candidate is; None where that is not one order."""
    count = trial.reference.shape[axis]
    if not 2 <= count <= 256:
        return None
    left, right = (np.moveaxis(side, axis, 0).reshape(count, -1) for side in (trial.reference, trial.candidate))
    order: list[int] = []
    for part in right:
        at = next((k for k in range(count) if k not in order and evidence.close(left[k], part)), None)
        if at is None:
            return None
        order.append(at)
    return order if order != list(range(count)) else None


def _interleaved(evidence: Evidence, first: Trial) -> Finding | None:
    """Find an axis that holds two, such as pixels and channels, of which the other comes first."""
    for axis, size in enumerate(first.reference.shape):
        few = [n for n in range(2, 65) if size % n == 0 and size // n > 1]
        for outer in sorted({*few, *(size // n for n in few)}):
            if evidence.explains(lambda t, a=axis, n=outer: _exchanged(t.reference, a, n)):  # type: ignore[misc]
                way = f"{size // outer} x {outer} where the reference has {outer} x {size // outer}"
                return "axis-order", f"what axis {axis} holds stands in another order: {way}"
    return None


def _exchanged(array: Array, axis: int, outer: int) -> Array | None:
    """Return *array* with *axis* taken as (outer, inner) and turned into (inner, outer)."""
    if array.ndim <= axis or array.shape[axis] % outer:
        return None
    before, after = array.shape[:axis], array.shape[axis + 1 :]
    parted = array.reshape(*before, outer, -1, *after)
    return np.swapaxes(parted, axis, axis + 1).reshape(array.shape)


def _taken(array: Array, axis: int, order: list[int]) -> Array | None:
    return np.take(array, order, axis=axis) if array.shape[axis] == len(order) else None


def dims(array: Array) -> str:
    """Return the size of *array* in words."""
    return "x".join(str(n) for n in array.shape) or "a scalar"
