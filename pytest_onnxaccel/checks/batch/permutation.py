"""The metamorphic step of a batch proof: the same samples in another order, one of them replaced by a stranger.

Whatever depends on the order of the samples, or on another sample's values, shows in it. It needs no further run
of the original: what the samples must give is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.numerics.sampling.input_sets import Inputs

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

#: How far out of the guessed range the stranger is: a dependence that saturates inside the range shows there.
_FAR = 8


def order_of(size: int) -> list[int]:
    """Return a fixed permutation; for four or more samples neither the reversal nor a rotation."""
    return [*range(1, size, 2), *range((size - 1) // 2 * 2, -1, -2)]


def replaced_index(size: int) -> int:
    """Return the place of the replaced sample: in the middle, so that both directions meet it."""
    return size // 2


def permuted(feeds: Mapping[str, Array], inputs: Inputs, size: int) -> dict[str, Array]:
    """Permute *feeds* of *size* samples; what all samples share stays."""
    order = order_of(size)
    return {
        name: array if name not in inputs.axes else np.take(array, order, axis=inputs.axes[name])
        for name, array in feeds.items()
    }


def replaced_sample(feeds: Mapping[str, Array], inputs: Inputs, size: int, far: bool) -> dict[str, Array]:
    """Replace one sample of *feeds*; *far*: floats whose range was guessed are far outside of it."""
    place = replaced_index(size)
    found: dict[str, Any] = {name: array.copy() for name, array in feeds.items()}
    other = inputs.feeds(-(-size // (inputs.batch or 1)))
    ranged = {item.name for item in inputs.given if item.says_values}
    for name, array in found.items():
        if name not in inputs.axes:
            continue
        at: Any = (slice(None),) * inputs.axes[name]
        if name in inputs.files:
            # Other samples of the file may all be in the batch already: the same values, in other places
            array[(*at, place)] = np.flip(array[(*at, place)])
            continue
        shown: Any = other[name]
        sample = shown[(*at, 0)]
        free = array.dtype.kind == "f" and name not in ranged and name not in inputs.domains
        array[(*at, place)] = sample * _FAR if far and free else sample
    return found


def kept(array: Array, how: Mapping[str, Any], size: int, order: Sequence[int]) -> Array | None:
    """Return the samples of *array*, an output at batch *size*, that *order* lists, in that order.

    None where it has none.
    """
    if how["join"] == "same":
        return array
    axis = 0 if how["join"] == "stack" else int(how["axis"])
    if axis >= array.ndim or array.shape[axis] % size:
        return None
    per = array.shape[axis] // size
    rows = [sample * per + row for sample in order for row in range(per)]
    return np.take(array, rows, axis=axis)


def compared(
    got: Mapping[str, Array],
    expected: Mapping[str, Array],
    joins: Mapping[str, Mapping[str, Any]],
    size: int,
    without: int | None = None,
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Pair what a permuted batch gave with what it must give, without the place *without*."""
    places = [place for place in range(size) if place != without]
    order = [order_of(size)[place] for place in places]
    ours: dict[str, Array] = {}
    theirs: dict[str, Array] = {}
    for name, wanted in expected.items():
        if name not in got or got[name].shape != wanted.shape:
            ours, theirs = dict(got), dict(expected)
            break
        one, other = kept(got[name], joins[name], size, places), kept(wanted, joins[name], size, order)
        if one is not None and other is not None:
            ours[name], theirs[name] = one, other
    return ours, theirs
