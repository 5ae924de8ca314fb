"""The figures of a failure: the first element that differs, and how bad it is on the whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.preprocessing.guarded_call import Failure, Pair
from pytest_onnxaccel.preprocessing.report import FirstDifference, plain
from pytest_onnxaccel.preprocessing.results.differences import beyond, differences, magnitude, ulp

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


def channel_axis(shape: tuple[int, ...], depth: int) -> int | None:
    """Return the axis of *shape*, from the end, that holds *depth* channels: the last, else the third from the end."""
    if depth > 1:
        for axis in (-1, -3):
            if len(shape) >= -axis and shape[axis] == depth:
                return axis
    return None


def first_difference(pair: Pair, failure: Failure) -> FirstDifference | None:
    """Return the first element out of tolerance; None where a side raised or the shapes differ."""
    left, right = failure.reference, failure.candidate
    if left is None or right is None or left.shape != right.shape:
        return None
    bad = beyond(left, right, pair.bound, pair.scale_at(failure.path))
    if bad is None:
        return None
    index = tuple(int(i) for i in np.unravel_index(int(np.argmax(bad)), bad.shape))
    calls = failure.stage in ("aliasing", "determinism")
    sides = ("first call", "later") if calls else ("reference", "candidate")
    return FirstDifference(index, left[index], right[index], sides)


def worst(pair: Pair, failure: Failure) -> dict[str, Any]:
    """Return the figures of *failure*, empty where a side raised or the shapes differ."""
    left, right = failure.reference, failure.candidate
    if left is None or right is None or left.shape != right.shape or not left.size:
        return {}
    scale = pair.scale_at(failure.path)
    bad = beyond(left, right, pair.bound, scale)
    if bad is None:
        return {}
    apart = differences(left, right)
    index = np.unravel_index(int(np.argmax(apart)), apart.shape)
    axis = channel_axis(left.shape, pair.domain.depth)
    planes = apart.reshape(-1, 1) if axis is None else np.moveaxis(apart, axis, -1).reshape(-1, left.shape[axis])
    unit = ulp(left.dtype, max(scale, magnitude(left))) or 1.0
    return {
        "max_abs": float(apart.max()),
        "scaled_ulp": float(apart.max() / unit),
        "differing": int(bad.sum()),
        "of": int(bad.size),
        "index": [int(i) for i in index],
        "reference": plain(left[index]),
        "candidate": plain(right[index]),
        "per_channel": [float(value) for value in planes.max(0)],
    }
