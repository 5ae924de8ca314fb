"""Signal to quantisation noise: how much of a tensor is left next to what a narrower computation adds to it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from pytest_onnxaccel.numerics.compare.distances import as_floats

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.generic]


def sqnr(reference: Array, candidate: Array) -> float:
    """Return the energy of *reference* over that of the difference, in dB.

    Args:
        reference: what is right; of any numeric dtype, compared in float64.
        candidate: what is measured; of the same shape, and any numeric dtype.

    Returns:
        ``10 log10(sum(reference^2) / sum((candidate - reference)^2))``: infinite where the two are equal, minus
        infinite where the reference is all zero and the candidate is not. Elements that are equal infinities or NaN
        on both sides do not count; one that is not finite on one side alone makes it minus infinite.

    Raises:
        ValueError: the shapes differ.
    """
    if reference.shape != candidate.shape:
        raise ValueError(f"shape {candidate.shape} against {reference.shape}")
    a, b = as_floats(candidate), as_floats(reference)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    counted = np.isfinite(b) & np.isfinite(a)
    if not (counted | same).all():
        return -math.inf
    signal = np.where(counted, b, 0.0)
    # In shares of the largest number, so that squares neither overflow nor vanish
    top = max(float(np.abs(signal).max(initial=0.0)), float(np.abs(np.where(counted, a, 0.0)).max(initial=0.0)))
    if top == 0.0:
        return math.inf
    with np.errstate(invalid="ignore"):
        noise = float(np.square(np.where(counted, a - b, 0.0) / top).sum())
    if noise == 0.0:
        return math.inf
    power = float(np.square(signal / top).sum())
    return 10.0 * math.log10(power / noise) if power else -math.inf


def steps_apart(candidate: Array, reference: Array, step: float) -> float:
    """Return how many steps two tensors of one shape are apart: the root of the mean square; infinite without steps."""
    if step <= 0 or not reference.size:
        return math.inf
    return float(np.sqrt(np.mean(np.square(as_floats(candidate) - as_floats(reference))))) / step
