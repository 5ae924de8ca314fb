"""One number for a whole output: cosine, peak signal to noise, signal to quantization noise."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from pytest_onnxaccel.numerics.compare.distances import as_floats, cosine
from pytest_onnxaccel.numerics.compare.sqnr import sqnr

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.generic]


def aggregate(kind: str, candidate: Array, reference: Array) -> float:
    """Return ``cosine``; or ``psnr`` or ``sqnr`` in dB, infinite for equal arrays.

    ``cosine`` and ``psnr`` are of finite pairs alone; 1 or inf of none. ``psnr`` is the square of the reference's range
    over the mean square of the differences; ``sqnr`` see :func:`~pytest_onnxaccel.numerics.compare.sqnr.sqnr`.
    """
    if kind == "sqnr":
        return sqnr(reference, candidate)
    a, b = as_floats(candidate).ravel(), as_floats(reference).ravel()
    finite = np.isfinite(a) & np.isfinite(b)
    a, b = a[finite], b[finite]
    if kind == "cosine":
        return cosine(a, b)
    if not b.size:
        return math.inf
    noise = float(np.square(a - b).mean())
    if noise == 0:
        return math.inf
    spread = float(b.max() - b.min())
    return 10 * math.log10(spread * spread / noise) if spread > 0 else -math.inf
