"""Explanations of wrong values that do not depend on where in the image they are."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.preprocessing.diagnosis.evidence import LOOSE, Affine, Evidence, Finding, Trial

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

#: Factors that turn one usual range of values into another.
_RANGES = (255.0, 256.0, 128.0, 127.5)


def thinned(array: Array, most: int = 200_000) -> Array:
    """Return at most *most* elements of a flat array, evenly spread: enough to fit a line."""
    return array[:: array.size // most + 1]


def swapped(evidence: Evidence) -> Finding | None:
    """Find channels, or the statistics of channels, in another order."""
    depth = evidence.domain.depth
    if depth < 2 or depth > 4:
        return None
    what, sample = ("columns", "a table") if evidence.domain.line == "rows" else ("channels", "an image")
    for order in permutations(range(depth)):
        if order == tuple(range(depth)):
            continue
        turned = "reversed" if evidence.domain.line else "reversed (RGB, BGR)"
        shown = turned if order == tuple(reversed(range(depth))) else f"ordered {list(order)}"
        if evidence.explains(lambda t, o=order: evidence.reference(t.image[..., o])):  # type: ignore[misc]
            return "channel-swap", f"{what} swapped: the candidate is the reference on {sample} with {what} {shown}"
        if evidence.explains(lambda t, o=order: _picked(evidence, t.reference, o)):  # type: ignore[misc]
            return "channel-swap", f"{what} swapped: the candidate's {what} are the reference's {shown}"
        if evidence.explains(lambda t, o=order: _stats(evidence, t, o)):  # type: ignore[misc]
            word = "BGR" if "BGR" in shown else "another"
            if evidence.affine is None or not all(side.exact for side in evidence.affine):
                told = f"what the reference does to the {what} in their order is done to the {what} {shown}"
                return "channel-stat-order", told
            return "channel-stat-order", f"mean in {word} order: mean and scale are applied with {what} {shown}"
    return None


def stats_swapped(evidence: Evidence) -> Finding | None:
    """Find a mean or a scale, one alone, in another channel order."""
    if evidence.affine is None:
        return None
    left, right = evidence.affine
    if left.usable and right.usable and left.slope.size > 1:
        for what, mine, theirs in (("mean", left.mean, right.mean), ("scale", left.divisor, right.divisor)):
            if not _near(mine, theirs) and _near(np.sort(mine), np.sort(theirs)):
                shown = f"{listed(theirs)} where the reference has {listed(mine)}"
                return "channel-stat-order", f"{what} in another channel order: {shown}"
    return None


def _picked(evidence: Evidence, result: Array, order: tuple[int, ...]) -> Array | None:
    axis = evidence.axis(result)
    return None if axis is None else np.take(result, order, axis=axis)


def _stats(evidence: Evidence, trial: Trial, order: tuple[int, ...]) -> Array | None:
    """Return what the reference would give with its statistics in *order*.

    Channels turned on the way in and back out.
    """
    result = evidence.reference(trial.image[..., order])
    return None if result is None else _picked(evidence, result, tuple(int(i) for i in np.argsort(order)))


def ranged(evidence: Evidence) -> Finding | None:
    """Find the same affine function into, or from, another range."""
    if evidence.affine is None:
        return None
    left, right = evidence.affine
    if not (left.usable and right.usable):
        return None
    if not _follows(evidence, left, right):
        return None
    ratio = right.slope / left.slope
    same_factor = _near(ratio, np.full_like(ratio, ratio[0]))
    spans = f"the candidate gives {_span(right)}, the reference {_span(left)}"
    usual = any(_near(ratio[:1], np.array([k])) for n in _RANGES for k in (n, 1 / n))
    if same_factor and usual:
        shifted = np.abs(left.offset).max() > LOOSE * evidence.scale
        if shifted and np.allclose(right.offset, left.offset, atol=LOOSE * evidence.scale):
            return "value-range", f"the mean is subtracted from values of another range: {spans}"
        return "value-range", f"another range of values: {spans}"
    known = ((0, 1), (-1, 1), (0, 255))
    mine, theirs = _ends(left), _ends(right)
    plain = ((0, 1), (0, 255))
    stretched = max(np.abs(ratio).max(), 1 / np.abs(ratio).min()) > 1.2
    if mine != theirs and (((mine in plain or theirs in plain) and stretched) or (mine in known and theirs in known)):
        return "value-range", f"another range of values: {spans}"
    big, small = max(np.abs(ratio).max(), 1 / np.abs(ratio).min()), min(np.abs(ratio).max(), 1 / np.abs(ratio).min())
    # columns of a table have a scale of their own
    if big >= 20 and small > 0 and (same_factor or evidence.domain.picture):
        return "value-range", f"another range of values: {spans}"
    return None


def _follows(evidence: Evidence, left: Affine, right: Affine) -> bool:
    """Return whether what grey images tell of both sides holds in every trial, not only on flat images."""
    for trial in evidence.trials:
        if trial.reference.shape != trial.candidate.shape:
            return False
        slopes = (evidence.per_channel(right.slope, trial.reference), evidence.per_channel(left.slope, trial.reference))
        offsets = (
            evidence.per_channel(right.offset, trial.reference),
            evidence.per_channel(left.offset, trial.reference),
        )
        theirs = trial.candidate.astype(np.float64)
        mine = trial.reference.astype(np.float64)
        guess = (mine - offsets[1]) / slopes[1] * slopes[0] + offsets[0]
        whole = 1.5 if trial.candidate.dtype.kind in "iu" else 0.0
        largest = np.abs(theirs - mine).max(initial=0)
        span = max(float(np.abs(theirs).max(initial=0)), evidence.scale)
        if np.abs(guess - theirs).max(initial=0) > 0.1 * largest + 2e-3 * span + whole:
            return False
    return True


def scaled(evidence: Evidence) -> Finding | None:
    """Find the same affine function with another mean or scale."""
    if evidence.affine is None:
        return None
    left, right = evidence.affine
    if not (left.usable and right.usable):
        return None
    if not _follows(evidence, left, right):
        return None
    same = _near(left.slope, right.slope) and np.allclose(left.offset, right.offset, atol=LOOSE * evidence.scale)
    if same:
        return None
    if _near(left.mean, right.mean):
        factor = right.slope / left.slope
        many = listed(factor if not _near(factor, np.full_like(factor, factor[0])) else factor[:1])
        divisors = f"divided by {listed(right.divisor)}, the reference by {listed(left.divisor)}"
        return "scale", f"off by a factor of {many}: {divisors}"
    if _near(left.slope, right.slope):
        return "scale", f"another mean: {listed(right.mean)}, the reference has {listed(left.mean)}"
    mine, theirs = (f"(level - {listed(side.mean)}) / {listed(side.divisor)}" for side in (left, right))
    return "scale", f"another mean and scale: the candidate is {theirs}, the reference {mine}"


def regressed(evidence: Evidence) -> Finding | None:
    """Find a candidate that is a straight line of the reference, whatever the two compute."""
    pairs = [t for t in evidence.trials if t.reference.shape == t.candidate.shape and t.candidate.size]
    if not pairs or pairs[0].reference.dtype.kind != "f":
        return None
    left = np.concatenate([t.reference.reshape(-1) for t in pairs]).astype(np.float64)
    right = np.concatenate([t.candidate.reshape(-1) for t in pairs]).astype(np.float64)
    return line(left, right)


def line(left: Array, right: Array, loose: float = 0.02) -> Finding | None:
    """Find ``right = factor * left + offset`` in the values of all samples, but for a share *loose* of the error."""
    good = np.isfinite(left) & np.isfinite(right)
    left, right = left[good], right[good]
    if left.size < 4 or len(np.unique(thinned(left))) < 4:
        return None
    few = thinned(left)
    design = np.stack([few, np.ones_like(few)], axis=1)
    factor, offset = (float(v) for v in np.linalg.lstsq(design, thinned(right), rcond=None)[0])
    rest = np.abs(right - (factor * left + offset)).max()
    if rest > loose * np.abs(right - left).max() or factor == 0:
        return None
    parts = [f"a factor of {factor:.7g}"] if abs(factor - 1) * np.abs(left).max() > rest else []
    parts += [f"an offset of {offset:.5g}"] if abs(offset) > max(rest, 1e-6 * np.abs(left).max()) else []
    return ("scale", f"off by {' and '.join(parts)} everywhere") if parts else None


def _near(left: Array, right: Array) -> bool:
    return left.shape == right.shape and bool(np.allclose(left, right, rtol=1e-3, atol=1e-6))


def _ends(affine: Affine) -> tuple[int, int] | None:
    """Return the results of black and white where they are whole and equal in all channels."""
    ends = np.stack([affine.black, affine.white])
    if np.all(np.abs(ends - np.rint(ends[:, :1])) < 0.02):
        return int(np.rint(ends[0, 0])), int(np.rint(ends[1, 0]))
    return None


def _span(affine: Affine) -> str:
    ends = [affine.black, affine.white]
    return f"{float(np.min(ends)) + 0.0:.4g} to {float(np.max(ends)) + 0.0:.4g}"


def listed(values: Array) -> str:
    shown = [f"{float(v) + 0.0:.5g}" for v in values]
    return shown[0] if len(set(shown)) == 1 else "[" + ", ".join(shown) + "]"
