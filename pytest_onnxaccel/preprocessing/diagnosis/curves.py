"""Explanations by a tone curve: each level becomes another, whatever its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.preprocessing.diagnosis.evidence import Evidence, Finding

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


def toned(evidence: Evidence) -> Finding | None:
    """Find another tone curve: both rise, agree on black and white, and part smoothly in between."""
    if evidence.greys is None:
        return None
    left, right = evidence.greys
    if left.shape != right.shape or not (np.isfinite(left).all() and np.isfinite(right).all()):
        return None
    spans = left[-1] - left[0], right[-1] - right[0]
    if np.any(spans[0] == 0) or np.any(np.abs(spans[0] - spans[1]) > 2e-3 * np.abs(spans[0])):
        return None
    if np.any(np.abs(left[0] - right[0]) > 2e-3 * np.abs(spans[0])):
        return None
    mine, theirs = ((side - side[0]) / (side[-1] - side[0]) for side in (left, right))
    # greys of equal distance only: black, white and every other step between
    rising = all((np.diff(side, axis=0) >= -1e-3).all() for side in (mine, theirs))
    gap = theirs - mine
    if rising and np.abs(gap).max() >= 2e-3 and _by_level(evidence):
        middle = 8
        shown = f"mid grey gives {right[middle, 0]:.4g}, the reference's {left[middle, 0]:.4g}; black and white agree"
        return "gamma", _told(mine, theirs, shown)
    if not rising or np.abs(gap).max() < 5e-3 or not (np.all(gap >= -4e-3) or np.all(gap <= 4e-3)):
        return None
    if np.abs(gap[5:10]).min() < 0.1 * np.abs(gap).max():
        return None
    middle = 8  # level 128
    shown = f"mid grey gives {right[middle, 0]:.4g}, the reference's {left[middle, 0]:.4g}; black and white agree"
    return "gamma", _told(mine, theirs, shown)


def _told(mine: Array, theirs: Array, shown: str) -> str:
    with np.errstate(all="ignore"):
        powers = np.log(theirs[3:12]) / np.log(mine[3:12])
    if np.isfinite(powers).all() and np.ptp(powers) < 0.1 * np.abs(powers).mean():
        power = float(np.median(powers))
        return f"another gamma: the reference's to the power of about {power:.3g}; {shown}"
    return f"another tone curve: {shown}"


def _by_level(evidence: Evidence) -> bool:
    """Return whether the candidate's values are one smooth function of the reference's, wherever they stand."""
    pairs = [t for t in evidence.trials if t.reference.shape == t.candidate.shape and t.candidate.size]
    if not pairs or pairs[0].reference.dtype.kind != "f":
        return False
    left = np.concatenate([t.reference.reshape(-1) for t in pairs]).astype(np.float64)
    gap = np.concatenate([t.candidate.reshape(-1) for t in pairs]).astype(np.float64) - left
    order = np.argsort(left)
    left, gap = left[order], gap[order]
    steps, most = np.abs(np.diff(gap)), float(np.abs(gap).max())
    near = np.diff(left) <= 0.02 * np.ptp(left)
    return bool(most) and len(np.unique(left)) > 64 and bool(near.all()) and bool(steps.max() <= 0.3 * most)
