"""Pools, by their definition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_onnxaccel.graph.arithmetic.windows import Window, view, window

Array = NDArray[Any]
Inputs = Sequence[Any]
Attributes = Mapping[str, Any]


def _more(over: Window, sizes: Sequence[int], ceil: bool) -> tuple[int, ...]:
    """Return what ``ceil_mode`` appends behind the padding of each axis: no window may begin there."""
    more = []
    for size, e, s, begin, end in zip(sizes, over.extent, over.strides, over.begin, over.end, strict=True):
        room = size + begin + end - e
        count = -(-room // s) + 1 if ceil else room // s + 1
        if ceil and (count - 1) * s >= size + begin:
            count -= 1
        more.append(max(0, (count - 1) * s + e - size - begin - end))
    return tuple(more)


def max_pool(inputs: Inputs, attributes: Attributes) -> Any:
    (x,) = inputs
    over = window(attributes, x.shape[2:])
    integer = x.dtype.kind in "iu"
    lowest = np.iinfo(x.dtype).min if integer else -np.inf
    seen = view(x, over, lowest, _more(over, x.shape[2:], bool(attributes.get("ceil_mode"))))
    return (seen.max(axis=tuple(range(x.ndim, seen.ndim))),)


def average_pool(inputs: Inputs, attributes: Attributes) -> Any:
    (x,) = inputs
    over = window(attributes, x.shape[2:])
    more = _more(over, x.shape[2:], bool(attributes.get("ceil_mode")))
    axes = tuple(range(x.ndim, 2 * x.ndim - 2))
    ones = np.ones((1, 1, *x.shape[2:]))
    if attributes.get("count_include_pad"):
        ones = np.pad(ones, [(0, 0), (0, 0), *zip(over.begin, over.end, strict=True)], constant_values=1.0)
        bare = Window(over.kernel, over.strides, over.dilations, (0,) * len(axes), (0,) * len(axes))
        counts = view(ones, bare, 0.0, more).sum(axis=axes)
    else:
        counts = view(ones, over, 0.0, more).sum(axis=axes)
    return (view(x, over, 0.0, more).sum(axis=axes) / counts,)


def lp_pool(inputs: Inputs, attributes: Attributes) -> Any:
    (x,) = inputs
    over, p = window(attributes, x.shape[2:]), float(attributes.get("p", 2))
    seen = view(x, over, 0.0, _more(over, x.shape[2:], bool(attributes.get("ceil_mode"))))
    return ((np.abs(seen) ** p).sum(axis=tuple(range(x.ndim, seen.ndim))) ** (1 / p),)


def global_average(inputs: Inputs, attributes: Attributes) -> Any:
    (x,) = inputs
    return (x.mean(axis=tuple(range(2, x.ndim)), keepdims=True),)


def global_max(inputs: Inputs, attributes: Attributes) -> Any:
    (x,) = inputs
    return (x.max(axis=tuple(range(2, x.ndim)), keepdims=True),)


def global_lp(inputs: Inputs, attributes: Attributes) -> Any:
    (x,) = inputs
    p = float(attributes.get("p", 2))
    return ((np.abs(x) ** p).sum(axis=tuple(range(2, x.ndim)), keepdims=True) ** (1 / p),)
