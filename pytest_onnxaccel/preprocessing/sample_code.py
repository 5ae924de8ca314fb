"""A failing sample as Python that can be pasted into a test."""

from __future__ import annotations

from typing import Any

import numpy as np

#: Most characters of the code.
LENGTH = 2000


def code_of(sample: Any) -> str:
    """Return an expression that makes *sample*; empty where it would be too long or cannot be written."""
    if not isinstance(sample, np.ndarray):
        text = repr(sample)
        return text if isinstance(sample, (str, bytes, int, float)) and len(text) <= LENGTH else ""
    dtype = f"np.{sample.dtype.name}"
    first = sample.flat[0] if sample.size else 0
    if sample.size > 1 and np.array_equal(sample, np.full_like(sample, first)):
        return f"np.full({sample.shape}, {_number(first)}, {dtype})"
    rows, columns = sample.shape[:2] if sample.ndim > 1 else (0, 0)
    if sample.ndim == 3 and rows * columns > 1 and np.array_equal(sample, np.broadcast_to(sample[0, 0], sample.shape)):
        return f"np.full({sample.shape}, {sample[0, 0].tolist()}, {dtype})"
    text = f"np.array({sample.tolist()}, {dtype})"
    text = text.replace("nan", "np.nan").replace("inf", "np.inf")
    return text if len(text) <= LENGTH else ""


def _number(value: Any) -> str:
    return repr(value.item()).replace("nan", "np.nan").replace("inf", "np.inf")
