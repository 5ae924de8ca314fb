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
    a, b = numpy_helper.to_array(ours), numpy_helper.to_array(theirs)
    if a.dtype != b.dtype and a.shape == b.shape and a.dtype.kind == b.dtype.kind == "f":
        b = _rounded(a, b)
        a = _rounded(b, a)
    if a.shape != b.shape or a.dtype != b.dtype:
        return [f"{_constant(index, name)} is {a.dtype}{list(a.shape)} instead of {b.dtype}{list(b.shape)}"]
    if a.size > _LARGEST or a.dtype.kind in "OSU" or np.array_equal(a, b):
        return []
    differing = np.asarray(a != b)
    share = int(np.count_nonzero(differing))
    where = [int(i) for i in np.argwhere(differing)[0]] if a.ndim else []
    apart = float(np.nanmax(np.abs(a.astype(np.float64) - b.astype(np.float64))))
    return [f"{_constant(index, name)} differs in {share} of {a.size} values from {where} on, by up to {apart:.3g}"]


def _rounded(a: Any, b: Any) -> Any:
    """Return *b* in the type of *a*, where that is narrower: a conversion rounds its weights."""
    with np.errstate(over="ignore"):
        return b.astype(a.dtype) if a.dtype.itemsize < b.dtype.itemsize else b


def _constant(index: int, name: str) -> str:
    return f"constant {os.path.basename(name)!r}" if name else f"constant input {index}"
