"""What differs between two constants, in words."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from onnx import TensorProto, numpy_helper
from onnx.external_data_helper import uses_external_data

#: The largest constant compared, in elements.
_LARGEST = 1 << 24


def constants_differ(index: int, name: str, ours: TensorProto, theirs: TensorProto) -> list[str]:
    if uses_external_data(ours) or uses_external_data(theirs):
        return []
    if ours.raw_data and ours.raw_data == theirs.raw_data and list(ours.dims) == list(theirs.dims):
        return []
    a, b = _as_narrower(numpy_helper.to_array(ours), numpy_helper.to_array(theirs))
    if a.shape != b.shape or a.dtype != b.dtype:
        return [f"{_constant(index, name)} is {a.dtype}{list(a.shape)} instead of {b.dtype}{list(b.shape)}"]
    if a.size > _LARGEST or a.dtype.kind in "OSU" or np.array_equal(a, b):
        return []
    differing = np.asarray(a != b)
    share = int(np.count_nonzero(differing))
    where = [int(i) for i in np.argwhere(differing)[0]] if a.ndim else []
    apart = float(np.nanmax(np.abs(a.astype(np.float64) - b.astype(np.float64))))
    return [f"{_constant(index, name)} differs in {share} of {a.size} values from {where} on, by up to {apart:.3g}"]


#: Digits behind the point, in bits, of the float types that others are converted to.
_DIGITS = {"bfloat16": 7, "float16": 10, "float32": 23, "float64": 52}


def _as_narrower(a: Any, b: Any) -> tuple[Any, Any]:
    """Return the wider of two floats of different types, where it rounds to the other or is a step from it."""
    if a.dtype == b.dtype or a.dtype.name not in _DIGITS or b.dtype.name not in _DIGITS or a.shape != b.shape:
        return a, b
    narrower = min(a.dtype.name, b.dtype.name, key=_DIGITS.__getitem__)
    wide = a.astype(np.float64), b.astype(np.float64)
    limit = 2.0 ** -_DIGITS[narrower] * np.abs(wide[1]) + (2.0**-24 if narrower == "float16" else 0.0)
    same = np.abs(wide[0] - wide[1]) <= limit
    return np.where(same, wide[1], wide[0]), wide[1]


def _constant(index: int, name: str) -> str:
    return f"constant {os.path.basename(name)!r}" if name else f"constant input {index}"
