"""Quantised operators, in exact integers and with one rounding at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_onnxaccel.graph.arithmetic.linear import along_channels, convolved

Array = NDArray[Any]
Inputs = Sequence[Any]
Attributes = Mapping[str, Any]


def _rounded(values: Array, zero: Any, dtype: Any) -> Array:
    """Return *values* in steps, moved by *zero*, as integers of *dtype*: half to even, and cut at its ends."""
    ends = np.iinfo(dtype)
    moved = np.rint(values) + np.asarray(zero, np.float64)
    return np.asarray(np.clip(moved, ends.min, ends.max).astype(dtype))


def _spread(values: Any, rank: int, attributes: Attributes) -> Array:
    """Return a scale or zero point, of one element or one for each place of ``axis``, for a tensor of *rank* axes."""
    array = np.asarray(values)
    if attributes.get("block_size"):
        raise NotImplementedError("quantised in blocks")
    if array.ndim == 0 or array.size == 1:
        return array.reshape(())
    shape = [1] * rank
    shape[attributes.get("axis", 1) % rank] = -1
    return array.reshape(shape)


def quantize(inputs: Inputs, attributes: Attributes) -> Any:
    x, scale, zero = (*inputs, None)[:3]
    zero = np.uint8(0) if zero is None else zero
    _known(zero)
    steps = x / _spread(scale, x.ndim, attributes)
    return (_rounded(steps, _spread(zero, x.ndim, attributes), zero.dtype),)


def dequantize(inputs: Inputs, attributes: Attributes) -> Any:
    x, scale, zero = (*inputs, None)[:3]
    _known(x)
    less = x.astype(np.float64) - (0.0 if zero is None else _spread(zero, x.ndim, attributes).astype(np.float64))
    return (less * _spread(scale, x.ndim, attributes),)


def _known(array: Any) -> None:
    if np.dtype(array.dtype).kind not in "iu":
        raise NotImplementedError(f"quantised to {array.dtype}")


def qlinear_conv(inputs: Inputs, attributes: Attributes) -> Any:
    x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, bias = (*inputs, None)[:9]
    by_filter = (-1, *(1,) * (w.ndim - 1)) if np.size(w_zero) > 1 else ()
    sums = convolved(
        x.astype(np.int64) - int(np.ravel(x_zero)[0]), w - np.reshape(w_zero, by_filter).astype(np.int64), attributes
    )
    if bias is not None:
        sums = sums + along_channels(bias.astype(np.float64), sums.ndim)
    scale = along_channels(np.ravel(w_scale) if np.size(w_scale) > 1 else np.reshape(w_scale, ()), sums.ndim)
    return (_rounded(sums * x_scale * scale / y_scale, y_zero, y_zero.dtype),)


def conv_integer(inputs: Inputs, attributes: Attributes) -> Any:
    x, w, x_zero, w_zero = (*inputs, None, None)[:4]
    left = x.astype(np.int64) - (0 if x_zero is None else np.asarray(x_zero, np.int64))
    right = w.astype(np.int64)
    if w_zero is not None:
        right = right - np.reshape(w_zero, (-1, *(1,) * (w.ndim - 1)) if np.size(w_zero) > 1 else ()).astype(np.int64)
    return (convolved(left, right, attributes).astype(np.int32),)


def qlinear_matmul(inputs: Inputs, attributes: Attributes) -> Any:
    a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero = inputs
    sums = _product(a, b, a_zero, b_zero)
    return (_rounded(sums * _row(a_scale) * b_scale / y_scale, y_zero, y_zero.dtype),)


def matmul_integer(inputs: Inputs, attributes: Attributes) -> Any:
    a, b, a_zero, b_zero = (*inputs, None, None)[:4]
    return (_product(a, b, a_zero, b_zero).astype(np.int32),)


def _product(a: Array, b: Array, a_zero: Any, b_zero: Any) -> Array:
    left = a.astype(np.float64) - (0.0 if a_zero is None else np.asarray(_row(a_zero), np.float64))
    right = b.astype(np.float64) - (0.0 if b_zero is None else np.asarray(b_zero, np.float64))
    return np.asarray(left @ right)


def _row(values: Any) -> Array:
    """Return one for each row of the left matrix, or one for all."""
    array = np.asarray(values)
    return array[..., None] if array.ndim == 1 and array.size > 1 else array


def dynamic_quantize(inputs: Inputs, attributes: Attributes) -> Any:
    (x,) = inputs
    low, high = min(0.0, float(x.min())), max(0.0, float(x.max()))
    scale = (high - low) / 255 or 1.0
    zero = np.clip(np.rint(-low / scale), 0, 255).astype(np.uint8)
    return _rounded(x / scale, zero, np.uint8), np.float64(scale), zero
