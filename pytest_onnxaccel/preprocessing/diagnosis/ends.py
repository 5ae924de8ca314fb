"""Explanations by the ends of the range: what is clipped, NaN or Inf, and results that are constant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.preprocessing.diagnosis.evidence import LOOSE, Evidence, Finding
from pytest_onnxaccel.preprocessing.diagnosis.values import thinned

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


def odd(evidence: Evidence) -> Finding | None:
    """Find NaN or Inf, and results that do not depend on the image."""
    pairs = [t for t in evidence.trials if t.reference.shape == t.candidate.shape and t.candidate.size]
    if not pairs:
        return None
    if any(np.isfinite(t.reference).all() and not np.isfinite(t.candidate).all() for t in pairs):
        return "other", "the candidate gives NaN or Inf where the reference is finite"
    if any(np.isfinite(t.candidate).all() and not np.isfinite(t.reference).all() for t in pairs):
        return "other", "the reference gives NaN or Inf where the candidate is finite"
    first, size = pairs[0].candidate, evidence.own_size
    at_size = f" of {size[0]}x{size[1]}" if size else ""
    if size and len(pairs) > 2 and all(np.array_equal(t.candidate, first) for t in pairs):
        return (
            "other",
            f"the candidate gives the same result for different images{at_size}: it keeps that of an earlier one",
        )
    if all((t.candidate == first.flat[0]).all() for t in pairs):
        mine = float(pairs[0].reference.flat[0])
        if mine and first.dtype.kind == "f" and all((t.reference == mine).all() for t in pairs):
            shown = f"the candidate gives {first.flat[0]:g}, the reference {mine:g}, for every image"
            return "scale", f"off by a factor of {float(first.flat[0]) / mine:.5g}: {shown}"
        if all((t.reference == mine).all() for t in pairs):
            return "other", f"the candidate gives {first.flat[0]:g} for every sample, the reference {mine:g}"
        return "other", f"the candidate gives {first.flat[0]:g} for every image{at_size}"
    return None


def clipped(evidence: Evidence) -> Finding | None:
    """Find values of one side that are the other's, clipped to a range."""
    pairs = [t for t in evidence.trials if t.reference.shape == t.candidate.shape and t.candidate.size]
    if not pairs or pairs[0].reference.dtype.kind not in "iuf":
        return None
    low, high = min(t.candidate.min() for t in pairs), max(t.candidate.max() for t in pairs)
    if _cuts(evidence, [(t.reference, t.candidate) for t in pairs], low, high):
        return "value-range", f"the candidate's values are clipped to {low:g} to {high:g}, the reference's are not"
    low, high = min(t.reference.min() for t in pairs), max(t.reference.max() for t in pairs)
    if _cuts(evidence, [(t.candidate, t.reference) for t in pairs], low, high):
        return "value-range", f"the reference's values are clipped to {low:g} to {high:g}, the candidate's are not"
    return None


def clipped_line(evidence: Evidence) -> Finding | None:
    """Find a candidate that is a straight line of the reference, cut off at the ends of a range."""
    pairs = [t for t in evidence.trials if t.reference.shape == t.candidate.shape and t.candidate.size]
    if len(pairs) < 2 or any(t.reference.dtype.kind not in "iuf" for t in pairs):
        return None
    for words, cut, free in (("candidate", "candidate", "reference"), ("reference", "reference", "candidate")):
        right = np.concatenate([getattr(t, cut).reshape(-1) for t in pairs]).astype(np.float64)
        left = np.concatenate([getattr(t, free).reshape(-1) for t in pairs]).astype(np.float64)
        low, high = float(right.min()), float(right.max())
        inside = (right > low) & (right < high)
        if not np.isfinite(left).all() or inside.sum() < 16 or inside.mean() < 0.2 or np.ptp(left[inside]) == 0:
            continue
        factor, offset = (float(v) for v in np.polyfit(thinned(left[inside]), thinned(right[inside]), 1))
        line = factor * left + offset
        whole = 1.01 if pairs[0].reference.dtype.kind in "iu" else 0.0
        loose = LOOSE * max(abs(low), abs(high)) + whole
        # a floor that both sides have lies on the line: nothing is cut off there
        past = ((line < low - loose) | (line > high + loose)).mean()
        if factor > 0 and past > 0.01 and np.abs(np.clip(line, low, high) - right).max() <= loose:
            if np.abs(line - left).max() <= loose:
                other = "reference" if words == "candidate" else "candidate"
                return "value-range", f"the {words}'s values are clipped to {low:g} to {high:g}, the {other}'s are not"
            if {low, high} == _type_ends(pairs[0].reference):
                return "scale", f"the {words}'s values are the other side's times {factor:.4g} plus {offset:.4g}"
            return "value-range", (
                f"the {words}'s values are the other side's times {factor:.4g} plus {offset:.4g}, "
                f"clipped to {low:g} to {high:g}"
            )
    return None


def _type_ends(array: Array) -> set[float]:
    """Return the lowest and the highest value of an integer type; nothing of another."""
    if array.dtype.kind not in "iu":
        return set()
    info = np.iinfo(array.dtype)
    return {float(info.min), float(info.max)}


def _cuts(evidence: Evidence, pairs: list[tuple[Array, Array]], low: Any, high: Any) -> bool:
    """Return whether the second of each two is the first, clipped, and two images or more show it."""
    if not low < high or not all(evidence.close(np.clip(free, low, high), cut) for free, cut in pairs):
        return False
    telling = 0
    for free, cut in pairs:
        past = (free < low) | (free > high)
        telling += not evidence.close(free, cut) and bool(past.any()) and len(np.unique(cut[~past])) > 2
    return telling > 1
