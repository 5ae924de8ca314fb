"""Convolutions and products, by their definition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_onnxaccel.graph.arithmetic.windows import view, window

Array = NDArray[Any]
Inputs = Sequence[Any]
Attributes = Mapping[str, Any]


def convolved(x: Array, w: Array, attributes: Attributes) -> Array:
    """Return sums of products of *x* ``[N, C, *sizes]`` with *w* ``[M, C / group, *kernel]``, float64.

    Integers of up to 16 bits come out exact: a sum of their products has fewer than the 53 bits of a float64.
    """
    group = int(attributes.get("group", 1))
    over = window(attributes, x.shape[2:], w.shape[2:])
    seen = view(x.astype(np.float64), over)
    rank, channels, made = x.ndim - 2, w.shape[1], w.shape[0] // group
    parts = []
    for g in range(group):
        part = seen[:, g * channels : (g + 1) * channels]
        weights = w[g * made : (g + 1) * made].astype(np.float64)
        axes = [1, *range(2 + rank, 2 + 2 * rank)]
        parts.append(np.moveaxis(np.tensordot(part, weights, (axes, range(1, 2 + rank))), -1, 1))
    return np.concatenate(parts, axis=1)


def along_channels(values: Any, rank: int) -> Array:
    """Return *values*, one for each channel or one for all, to be used with a tensor of *rank* axes."""
    array = np.asarray(values)
    return array.reshape(1, -1, *(1,) * (rank - 2)) if array.ndim else array


def conv(inputs: Inputs, attributes: Attributes) -> Any:
    x, w, bias = (*inputs, None)[:3]
    y = convolved(x, w, attributes)
    return (y if bias is None else y + along_channels(bias, y.ndim),)


def conv_transpose(inputs: Inputs, attributes: Attributes) -> Any:
    x, w, bias = (*inputs, None)[:3]
    group, rank = int(attributes.get("group", 1)), x.ndim - 2
    kernel = w.shape[2:]
    strides = attributes.get("strides") or [1] * rank
    dilations = attributes.get("dilations") or [1] * rank
    extra = attributes.get("output_padding") or [0] * rank
    full = [
        (size - 1) * s + (k - 1) * d + 1 + e
        for size, s, k, d, e in zip(x.shape[2:], strides, kernel, dilations, extra, strict=True)
    ]
    made, channels = w.shape[1], x.shape[1] // group
    y = np.zeros((x.shape[0], made * group, *full))
    for at in product(*(range(k) for k in kernel)):
        places = tuple(
            slice(i * d, i * d + (size - 1) * s + 1, s)
            for i, d, size, s in zip(at, dilations, x.shape[2:], strides, strict=True)
        )
        for g in range(group):
            own = slice(g * channels, (g + 1) * channels)
            part = np.tensordot(x[:, own], w[own][(slice(None), slice(None), *at)], ([1], [0]))
            y[(slice(None), slice(g * made, (g + 1) * made), *places)] += np.moveaxis(part, -1, 1)
    begin, sizes = _cropped(attributes, x.shape[2:], full, strides)
    short = [max(0, b + n - f) for b, n, f in zip(begin, sizes, full, strict=True)]
    y = np.pad(y, [(0, 0), (0, 0), *((0, s) for s in short)])
    y = y[(slice(None), slice(None), *(slice(b, b + n) for b, n in zip(begin, sizes, strict=True)))]
    return (y if bias is None else y + along_channels(bias, y.ndim),)


def _cropped(
    attributes: Attributes, sizes: Sequence[int], full: Sequence[int], strides: Sequence[int]
) -> tuple[list[int], list[int]]:
    """Return where the result of a ConvTranspose begins in the *full* one, and its sizes."""
    rank = len(sizes)
    pads = list(attributes.get("pads") or [0] * (2 * rank))
    wanted = attributes.get("output_shape")
    automatic = attributes.get("auto_pad", "NOTSET")
    if automatic.startswith("SAME") and not wanted:
        wanted = [n * s for n, s in zip(sizes, strides, strict=True)]
    if not wanted:
        return pads[:rank], [f - a - b for f, a, b in zip(full, pads[:rank], pads[rank:], strict=True)]
    total = [max(0, f - n) for f, n in zip(full, wanted, strict=True)]
    # By the specification the odd one goes behind for SAME_UPPER and before otherwise
    begin = [t // 2 if automatic == "SAME_UPPER" else t - t // 2 for t in total]
    return begin, list(wanted)


def gemm(inputs: Inputs, attributes: Attributes) -> Any:
    a, b, c = (*inputs, None)[:3]
    a = a.T if attributes.get("transA") else a
    b = b.T if attributes.get("transB") else b
    y = a @ b if np.issubdtype(a.dtype, np.integer) else attributes.get("alpha", 1.0) * (a @ b)
    if c is None:
        return (y,)
    return (y + (c if np.issubdtype(a.dtype, np.integer) else attributes.get("beta", 1.0) * c),)


def div(inputs: Inputs, attributes: Attributes) -> Any:
    """Divide; integers towards zero."""
    a, b = inputs
    if a.dtype.kind not in "iu":
        return (a / b,)
    quotient, rest = np.divmod(a, b)
    return ((quotient + ((rest != 0) & ((a < 0) != (b < 0)))).astype(a.dtype),)
