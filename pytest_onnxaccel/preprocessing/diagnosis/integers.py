"""Explanations of wrong values by integer types: what wraps, and what loses its fractions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.preprocessing.diagnosis.evidence import LOOSE, Affine, Evidence, Finding, Trial
from pytest_onnxaccel.preprocessing.diagnosis.values import listed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

#: A wrapped value may have been multiplied by so much before it wrapped.
_FACTORS = range(1, 17)


def wrapped(evidence: Evidence) -> Finding | None:
    """Find a result that is off by whole periods of an integer type."""
    return _wrapped_whole(evidence) or _wrapped_scaled(evidence)


def wrapped_not_clipped(evidence: Evidence) -> Finding | None:
    """Find values that differ only where one side stands at the end of its range, and the other jumped far away."""
    pairs = [t for t in evidence.trials if t.reference.shape == t.candidate.shape]
    if not pairs or any(t.reference.dtype.kind not in "iuf" for t in pairs):
        return None
    left = np.concatenate([t.reference.reshape(-1) for t in pairs]).astype(np.float64)
    right = np.concatenate([t.candidate.reshape(-1) for t in pairs]).astype(np.float64)
    if not (np.isfinite(left).all() and np.isfinite(right).all()):
        return None
    apart = np.abs(left - right) > LOOSE * max(evidence.scale, 1e-30)
    if (found := _at_the_end(evidence, pairs, left, right, apart)) is not None:
        return found
    if apart.sum() < 5 or apart.all() or evidence.greys is None:
        return None
    # the level decides, not the place: flat images show it as well
    flat = np.abs(evidence.greys[0] - evidence.greys[1]) > LOOSE * max(evidence.scale, 1e-30)
    if not flat.any() or flat.all():
        return None
    for ended, other, words in (
        (left, right, "the candidate wraps where the reference is clipped at {}"),
        (right, left, "the reference wraps where the candidate is clipped at {}"),
    ):
        ends = [end for end in (float(ended.max()), float(ended.min())) if _jumps(ended, other, apart, end)]
        there = np.zeros(apart.shape, bool)
        for end in ends:
            there |= np.abs(ended - end) <= 1e-6 * float(np.ptp(ended))
        if ends and there[apart].all():
            return "wraparound", words.format(" and ".join(f"{end:g}" for end in ends))
    return None


def _at_the_end(evidence: Evidence, pairs: list[Trial], left: Array, right: Array, apart: Array) -> Finding | None:
    """Find floats made to integers of which the greatest alone differs: one past the end of the type, and at its start.

    An image of integers may have a level that means something else, such as 255 in a map of labels.
    """
    sides = {side.dtype for trial in pairs for side in (trial.reference, trial.candidate)}
    if len(sides) != 1 or pairs[0].reference.dtype.kind not in "iu" or np.dtype(evidence.domain.dtype).kind != "f":
        return None
    info = np.iinfo(pairs[0].reference.dtype)
    if not apart.any() or evidence.greys is None or evidence.affine is None:
        return None
    for ended, other, words in ((left, right, "candidate"), (right, left, "reference")):
        if (ended[apart] == info.max).all() and (other[apart] == info.min).all():
            side = "reference" if words == "candidate" else "candidate"
            return "wraparound", f"the {words} wraps where the {side} is clipped at {info.max}"
    return None


def _jumps(ended: Array, other: Array, apart: Array, end: float) -> bool:
    """Return whether, where one side stands at *end*, the other is far away, on the inner side, and not constant."""
    span = float(np.ptp(ended))
    here = apart & (np.abs(ended - end) <= 1e-6 * span)
    if here.sum() < 5 or not span:
        return False
    values = other[here]
    past = (values > end) if end == float(ended.max()) else (values < end)
    return bool(np.median(np.abs(values - end)) > span / 4 and len(np.unique(values)) > 3 and not past.any())


def _counted(pairs: list[Trial]) -> Finding | None:
    """Find wide integers, such as labels, that are one constant apart."""
    sides = [side for trial in pairs for side in (trial.reference, trial.candidate)]
    if any(side.dtype.kind not in "iu" or side.dtype.itemsize < 2 for side in sides):
        return None
    apart = np.concatenate([(t.candidate.astype(np.int64) - t.reference.astype(np.int64)).reshape(-1) for t in pairs])
    if not apart.size or np.ptp(apart) or not apart[0]:
        return None
    if all((t.reference == pairs[0].reference.flat[0]).all() for t in pairs):
        return None  # one number for every sample counts nothing
    return "scale", f"every number is off by {int(apart[0])}: counted from another one"


def zero_point(evidence: Evidence) -> Finding | None:
    """Find 8-bit results that are one constant apart, but for values at the ends of the type."""
    pairs = [t for t in evidence.trials if t.reference.shape == t.candidate.shape]
    if pairs and (counted := _counted(pairs)):
        return counted
    if not pairs or any(
        side.dtype.kind not in "iu" or side.dtype.itemsize > 1 for side in (pairs[0].reference, pairs[0].candidate)
    ):
        return None
    left = np.concatenate([t.reference.reshape(-1) for t in pairs]).astype(np.int64)
    right = np.concatenate([t.candidate.reshape(-1) for t in pairs]).astype(np.int64)
    inside = np.ones(left.shape, bool)
    for side, info in ((left, np.iinfo(pairs[0].reference.dtype)), (right, np.iinfo(pairs[0].candidate.dtype))):
        inside &= (side > info.min) & (side < info.max)
    steps = np.unique((right - left)[inside])
    turned = np.unique(np.mod(right - left, 256))
    if len(turned) == 1 and turned[0] and len(np.unique(left)) >= 16 and len(np.unique(right - left)) == 2:
        return "zero-point", f"every integer is off by {int(turned[0])}, modulo 256: another zero point, and it wraps"
    if inside.sum() < 16 or len(np.unique(left[inside])) < 4 or len(steps) != 1 or steps[0] == 0:
        return None
    types = f"{pairs[0].candidate.dtype}", f"{pairs[0].reference.dtype}"
    named = f" ({types[0]} for {types[1]})" if types[0] != types[1] else ""
    return "zero-point", f"every integer is off by {int(steps[0])}{named}: another zero point"


def _wrapped_whole(evidence: Evidence) -> Finding | None:
    """Find whole numbers on both sides that are multiples of 256 or 65536 apart."""
    pairs = [t for t in evidence.trials if t.reference.shape == t.candidate.shape]
    if not pairs:
        return None
    left = np.concatenate([t.reference.reshape(-1) for t in pairs]).astype(np.float64)
    right = np.concatenate([t.candidate.reshape(-1) for t in pairs]).astype(np.float64)
    if not (np.array_equal(left, np.rint(left)) and np.array_equal(right, np.rint(right))):
        return None
    apart = right - left
    for period, name in ((2**32, "32"), (65536, "16"), (256, "8")):
        # equal here and there: a constant offset is another fault; and not all in step with the reference
        if not np.mod(apart, period).any() and (apart == 0).any() and len(np.unique(apart)) > 1:
            return "wraparound", f"integer arithmetic wraps: off by multiples of {period} where {name} bits are too few"
    return None


def _wrapped_scaled(evidence: Evidence) -> Finding | None:
    """Find a result that is off by whole periods in levels of a grey image."""
    if evidence.greys is None or evidence.affine is None or not evidence.affine[0].usable:
        return None
    if evidence.affine[1].usable:
        return None  # a straight line does not wrap
    left, right = evidence.greys
    slope = evidence.affine[0].slope
    for period, name in ((256, "uint8"), (65536, "uint16")):
        for factor in _FACTORS if period == 256 else (1,):
            turns = (right - left) * factor / (slope * period)
            whole = np.rint(turns)
            if np.all(np.abs(turns - whole) <= 5e-3) and whole.any() and not whole.all(axis=0).all():
                by = f"{period} levels" if factor == 1 else f"{period}/{factor} levels"
                return "wraparound", f"integer arithmetic wraps: off by {by} where a value leaves the range of {name}"
    return None


def wrapped_type(evidence: Evidence) -> Finding | None:
    """Find an integer result equal to a whole-numbered reference but for whole periods."""
    pairs = [t for t in evidence.trials if t.reference.shape == t.candidate.shape]
    if not pairs or pairs[0].candidate.dtype.kind not in "iu" or pairs[0].reference.dtype.kind not in "iuf":
        return None
    info = np.iinfo(pairs[0].candidate.dtype)
    period, outside = 2.0**info.bits, False
    for trial in pairs:
        mine = trial.reference.astype(np.float64)
        if not np.array_equal(mine, np.rint(mine)):
            return None
        if not np.array_equal(np.mod(mine, period), np.mod(trial.candidate.astype(np.float64), period)):
            return None
        outside = outside or bool(((mine < info.min) | (mine > info.max)).any())
    if not outside:
        return None
    return "wraparound", f"the candidate's {info.dtype} wraps: the reference goes outside {info.min} to {info.max}"


def truncated_type(evidence: Evidence) -> Finding | None:
    """Find an integer result that is the reference without its fractions."""
    pairs = [t for t in evidence.trials if t.reference.shape == t.candidate.shape]
    if not pairs or pairs[0].candidate.dtype.kind not in "iub" or pairs[0].reference.dtype.kind != "f":
        return None
    if not _cut(pairs):
        return None
    name = pairs[0].candidate.dtype
    return "truncation", f"truncated to {name}: floats are written into an array of {name} and lose their fractions"


def _cut(pairs: list[Trial]) -> bool:
    """Find whole numbers that equal the references cut off towards zero."""
    lost = False
    for trial in pairs:
        mine, theirs = trial.reference.astype(np.float64), trial.candidate.astype(np.float64)
        # below zero a cast to an unsigned type gives what the platform likes
        sure = (mine >= 0) | (trial.candidate.dtype.kind != "u")
        if not (np.array_equal(theirs, np.rint(theirs)) and np.array_equal(np.trunc(mine[sure]), theirs[sure])):
            return False
        lost = lost or bool((mine[sure] != theirs[sure]).any())
    return lost


def truncated(evidence: Evidence) -> Finding | None:
    """Find values, means or scales whose fractions are gone."""
    pairs = [t for t in evidence.trials if t.reference.shape == t.candidate.shape]
    if not pairs:
        return None
    apart = np.concatenate([(t.candidate.astype(np.float64) - t.reference).reshape(-1) for t in pairs])
    if apart.size and np.ptp(apart) <= LOOSE:
        # one constant: another mean, which may have lost its fraction
        return None if evidence.affine is None else _cut_stats(*evidence.affine)
    if pairs[0].reference.dtype.kind in "iu":
        steps = [t.reference.astype(np.int64) - t.candidate.astype(np.int64) for t in pairs]
        down = np.concatenate([part.reshape(-1) for part in steps])
        if down.min() == 0 and down.max() == 1 and int(down.sum()) >= 8:
            return "truncation", "integers are one too low and never too high: cut off where the reference rounds"
        return None
    if _cut(pairs):
        return "truncation", "the candidate's values are the reference's without their fractions: cut off after scaling"
    if len({float(v) for t in pairs for v in np.unique(np.rint(t.candidate))[:3]}) < 2:
        return None  # nearly nothing is left: close to anything that is cut off
    for cut, word in ((np.trunc, "truncated"), (np.floor, "rounded down")):
        if evidence.explains(lambda t, cut=cut: cut(t.reference)):  # type: ignore[misc]
            return "truncation", f"the candidate's values are the reference's {word}"
    if evidence.affine is None:
        return None
    left, right = evidence.affine
    return _cut_before(evidence, left, pairs) or _cut_stats(left, right)


def _cut_before(evidence: Evidence, affine: Affine, pairs: list[Trial]) -> Finding | None:
    """Find values of the candidate that are whole in levels of the image, where the reference's are not."""
    if not affine.usable:
        return None
    whole, cut, near_by, lost = True, True, True, False
    # floats have no whole levels of their own: those of a byte are meant
    black, white = evidence.domain.ends
    unit = 255 / (white - black) if np.dtype(evidence.domain.dtype).kind == "f" and white > black else 1.0
    for trial in pairs:
        slope = evidence.per_channel(affine.slope, trial.reference)
        offset = evidence.per_channel(affine.offset, trial.reference)
        mine, theirs = (trial.reference - offset) / slope, (trial.candidate - offset) / slope
        mine, theirs = mine * unit, theirs * unit
        near = 2e-3 + 255 * LOOSE
        whole = whole and bool(np.all(np.abs(theirs - np.rint(theirs)) < near))
        cut = cut and bool(np.all((mine - theirs > -near) & (mine - theirs < 1 + near)))
        near_by = near_by and bool(np.all(np.abs(mine - theirs) < 1 + near))
        lost = lost or bool(np.any(np.abs(mine - np.rint(mine)) > 0.2))
    if not (whole and lost):
        return None
    if all(np.ptp(t.candidate) == 0 for t in pairs if t.candidate.size):
        return None
    if cut:
        return "truncation", "truncated to integers before scaling"
    return ("precision", "levels are rounded to integers before scaling") if near_by else None


def _cut_stats(left: Affine, right: Affine) -> Finding | None:
    """Find a mean or divisor of the candidate that lost the reference's fraction."""
    if not (left.usable and right.usable):
        return None
    for what, mine, theirs in (("mean", left.mean, right.mean), ("divisor", left.divisor, right.divisor)):
        gone = np.abs(mine - np.rint(mine)) > 0.01
        if gone.any() and np.all(np.abs(theirs - np.trunc(mine + 1e-3)) < 5e-3):
            return (
                "truncation",
                f"the {what} lost its fraction: {listed(theirs)} where the reference has {listed(mine)}",
            )
    return None
