"""Explanations by rounding: a smaller type, another order of sums, integers off by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.preprocessing.diagnosis.evidence import Evidence, Finding
from pytest_onnxaccel.preprocessing.diagnosis.values import thinned
from pytest_onnxaccel.preprocessing.results.differences import ulp

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


def precise(evidence: Evidence) -> Finding | None:
    """Find errors too small for anything but rounding."""
    pairs = [t for t in evidence.trials if t.reference.shape == t.candidate.shape]
    if not pairs or pairs[0].reference.dtype.kind not in "fiu":
        return None
    left = np.concatenate([t.reference.reshape(-1) for t in pairs]).astype(np.float64)
    right = np.concatenate([t.candidate.reshape(-1) for t in pairs]).astype(np.float64)
    if not (np.isfinite(left).all() and np.isfinite(right).all()):
        return None
    apart = right - left
    whole = pairs[0].reference.dtype.kind in "iu"
    # small errors on these images do not hide a large one on another
    if evidence.told.size > 1 if whole else evidence.told.share > 1e-2:
        return None
    if whole:
        # always too low is another fault, unless it is rare; so is one level that always changes, and a mask
        rare = (apart > 0).any() or (apart != 0).sum() < 8
        if np.abs(apart).max() <= 1 and rare and len(np.unique(left)) > 2 and not _of_levels(left, apart):
            return "precision", f"{(apart != 0).mean():.2%} of the integers are off by one: rounded differently"
        return None
    worst = float(np.abs(apart).max())
    for name, share in (("float32", 1e-6), ("float16", 2e-3)):
        small = np.dtype(name)
        if pairs[0].reference.dtype.itemsize > small.itemsize and worst <= share * evidence.scale:
            with np.errstate(over="ignore"):
                if np.array_equal(right, right.astype(small).astype(np.float64)):
                    wide = pairs[0].reference.dtype
                    return "precision", f"the candidate computes in {name}, the reference in {wide}"
    if _one_line(apart, left, 16 * ulp(pairs[0].reference.dtype, evidence.scale)):
        return None
    if worst <= 1e-4 * evidence.scale or (worst <= 2e-3 * evidence.scale and _noisy(apart, left)):
        return "precision", f"small errors, up to {worst:.3g}: computed in a smaller type or in another order"
    return None


def _of_levels(left: Array, apart: Array) -> bool:
    """Return whether one or two levels of the reference always change, and no other does."""
    changed = np.unique(left[apart != 0])
    if len(changed) > 2:
        return False
    there = np.isin(left, changed)
    return int(there.sum()) >= 4 and bool((apart[there] != 0).all())


def _one_line(apart: Array, left: Array, least: float) -> bool:
    """Return whether errors are a straight line in the reference's values: another factor, not rounding."""
    if np.abs(apart).max() <= least:
        return False
    apart, left = thinned(apart), thinned(left)
    design = np.stack([left, np.ones_like(left)], axis=1)
    rest = apart - design @ np.linalg.lstsq(design, apart, rcond=None)[0]
    return bool(np.square(rest).sum() < 0.02 * np.square(apart).sum())


def _noisy(apart: Array, left: Array) -> bool:
    """Return whether errors are rounding: of both signs, and no straight line in the reference's values."""
    if not ((apart > 0).any() and (apart < 0).any()):
        return False
    apart, left = thinned(apart), thinned(left)
    design = np.stack([left, np.ones_like(left)], axis=1)
    fit = np.linalg.lstsq(design, apart, rcond=None)[0]
    rest = apart - design @ fit
    return bool(np.square(rest).sum() > 0.7 * np.square(apart).sum())
