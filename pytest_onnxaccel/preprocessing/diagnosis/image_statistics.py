"""Explanations by figures of the whole image: a standard deviation, a percentile, a maximum computed otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.preprocessing.diagnosis.evidence import Evidence, Finding, Trial
from pytest_onnxaccel.preprocessing.diagnosis.values import thinned

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


def figures(evidence: Evidence) -> Finding | None:
    """Find a candidate that is a straight line of the reference in each image, but another line in each."""
    lines: list[tuple[float, float, Trial]] = []
    images = [evidence.program("noise", (12, 20), 7), evidence.program("photo", (40, 56), 4)]
    images += [evidence.program("noise", (9, 11), 8), evidence.program("gradient-x", (24, 40))]
    if evidence.failure.reference is None or evidence.failure.reference.dtype.kind == "f":
        images += [evidence.flattened(evidence.program("noise", (12, 20), 9))]
    for image in images:
        trial = evidence.run(image)
        if trial is None or trial.reference.shape != trial.candidate.shape or trial.reference.size < 16:
            continue
        found = _line(trial, evidence)
        if found is None:
            return None
        lines.append((*found, trial))
    if len(lines) < 3:
        return None
    factors, offsets = np.array([line[0] for line in lines]), np.array([line[1] for line in lines])
    if np.abs(factors - 1).max() < 1e-5 and np.ptp(offsets) == 0:
        return None
    whole = lines[0][2].reference.dtype.kind in "iu"
    if whole and np.ptp(factors) < 0.01 * np.median(factors) and np.ptp(offsets) < 3:
        if abs(np.median(factors) - 1) < 0.01:
            return None
        # integers: rounding hides the exact factor
        return "scale", f"off by a factor of about {np.median(factors):.3g} in every image, but for rounding"
    if all(_ddof(factor, trial) for factor, _, trial in lines):
        return "statistics", "the standard deviation divides by n - 1 on one side and by n on the other (ddof)"
    if np.ptp(factors) < min(1e-4, max(4e-6, 0.02 * np.abs(factors - 1).max())) and np.ptp(offsets) < 1e-4 * max(
        evidence.scale, 1e-30
    ):
        return None
    told = f"factors from {factors.min():.4g} to {factors.max():.4g}"
    if np.ptp(factors) < 1e-3 < np.ptp(offsets):
        told = f"offsets from {offsets.min():.4g} to {offsets.max():.4g}"
    return "statistics", (
        f"in each image the candidate is a straight line of the reference, with {told}: "
        "a figure of the image (minimum, maximum, percentile, mean, deviation) differs"
    )


def _line(trial: Trial, evidence: Evidence) -> tuple[float, float] | None:
    """Return factor and offset of the candidate over the reference, what is clipped left out; None where no line."""
    left, right = (side.astype(np.float64).reshape(-1) for side in (trial.reference, trial.candidate))
    free = np.isfinite(left) & np.isfinite(right)
    for side in (left, right):
        free &= (side > side.min()) & (side < side.max())
    left, right = left[free], right[free]
    if left.size < 12 or np.ptp(left) == 0:
        return None
    few = thinned(left)
    design = np.stack([few, np.ones_like(few)], axis=1)
    factor, offset = np.linalg.lstsq(design, thinned(right), rcond=None)[0]
    rest = np.abs(factor * left + offset - right).max()
    whole = trial.reference.dtype.kind in "iu"
    small = 1.5 if whole else max(1e-5 * np.ptp(left), 0.02 * np.abs(right - left).max())
    return (float(factor), float(offset)) if rest <= small and factor > 0 else None


def _ddof(factor: float, trial: Trial) -> bool:
    """Return whether *factor* is the square root of n / (n - 1), or its inverse, for a count of the image."""
    pixels = trial.image.shape[0] * trial.image.shape[1]
    for count in (trial.image.size, pixels, trial.reference.size):
        if count > 1:
            wanted = (count / (count - 1)) ** 0.5
            for one in (wanted, 1 / wanted):
                if abs(factor - one) < 0.05 * abs(wanted - 1):
                    return True
    return False
