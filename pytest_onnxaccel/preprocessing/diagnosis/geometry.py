"""Explanations of differences that depend on the place: odd sizes, borders, resizing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.preprocessing.diagnosis.evidence import Evidence, Finding, Trial

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


def at_odd_sizes(evidence: Evidence, sizes: str = "") -> Finding | None:
    """Find a result that is right at round sizes and wrong at others."""
    domain = evidence.domain
    if domain.sizes is not None:
        return _in_the_tail(evidence)
    step = _step(evidence)
    if not step:
        return None
    shown = f"wrong where a side is not a multiple of {step}" if step > 1 else "wrong at some sizes"
    if sizes:
        return "shape-tail", f"{sizes}: {shown}"
    place = _in_the_tail(evidence)
    return "shape-tail", place[1] + f"; {shown}" if place else f"right at round sizes, {shown}"


def _step(evidence: Evidence) -> int:
    """Return the smallest power of two whose multiples are right as sides; 0 where none up to 32 is."""

    def right(*places: tuple[int, int]) -> bool:
        return all(evidence.passes(evidence.program("noise", size, 40 + i)) for i, size in enumerate(places))

    if not right((32, 64), (96, 32)):
        return 0
    for step in (16, 8, 4, 2):
        if not right((32 + step, 64), (64, 32 + step), (32 + step, 32 + step)):
            return step * 2
    return 2


def _in_the_tail(evidence: Evidence) -> Finding | None:
    """Find differences that are all in the last few rows or columns, or at the very end in memory."""
    for trial in evidence.trials:
        plane = _map(evidence, trial)
        if plane is None:
            continue
        rows, columns = plane.any(1), plane.any(0)
        height, width = rows.size, columns.size
        for name, hits in (("rows", rows), ("columns", columns)):
            count = int(hits.size - np.argmax(hits))
            other = columns if name == "rows" else rows
            if hits.any() and count < max(2, hits.size // 2) and count <= 32 and other.sum() > 1:
                shown = f"{count} {name}" if count > 1 else name.rstrip("s")
                return "shape-tail", f"the last {shown} of {height}x{width} differ"
    return None


def _map(evidence: Evidence, trial: Trial) -> Array | None:
    """Return where in the plane of the result there is a difference, shape (rows, columns); None where nowhere."""
    bad = evidence.bad(trial)
    if bad is None or bad.ndim < 2:
        return None
    axis = evidence.axis(trial.reference)
    plane = np.asarray(np.moveaxis(bad, axis, -1).any(-1) if axis is not None and bad.ndim > 2 else bad)
    while plane.ndim > 2:
        plane = np.asarray(plane.any(0 if plane.shape[0] == 1 else -1))
    return plane if plane.ndim == 2 else None


def spatial(evidence: Evidence) -> Finding | None:
    """Find faults of borders and resizing."""
    return _at_the_border(evidence) or _padded(evidence) or _resampled(evidence)


def _padded(evidence: Evidence) -> Finding | None:
    """Find what is put around a flat image: one side has another value there."""
    trial = evidence.run(evidence.domain.filled([200], (24, 52)))
    bad = None if trial is None else evidence.bad(trial)
    if trial is None or bad is None or bad.all():
        return None
    mine, theirs = trial.reference[bad], trial.candidate[bad]
    if mine.min() != mine.max() or theirs.min() != theirs.max() or np.any(trial.reference[~bad] == mine[0]):
        return None
    return "border", f"what is put around the image differs: {theirs[0]:g} where the reference has {mine[0]:g}"


def _at_the_border(evidence: Evidence) -> Finding | None:
    """Find differences that touch the edge and end near it."""
    depth = 0
    for seed, size in enumerate(((64, 64), (48, 96))):
        trial = evidence.run(evidence.program("noise", size, 50 + seed))
        plane = None if trial is None else _map(evidence, trial)
        if plane is None or min(plane.shape) < 8:
            return None
        height, width = plane.shape
        rows, columns = np.nonzero(plane)
        inward = np.minimum.reduce([rows, height - 1 - rows, columns, width - 1 - columns])
        depth = max(depth, int(inward.max()) + 1)
        if inward.min() > 0 or depth > max(1, min(height, width) // 4):
            return None
    return "border", f"only the outer {depth} pixel{'s' if depth > 1 else ''} at the edge of the image differ"


def _resampled(evidence: Evidence) -> Finding | None:
    """Find a resize that is right on flat images: another grid (gradients), or another filter (patterns)."""
    if evidence.affine is None or evidence.greys is None or not evidence.close(*evidence.greys):
        return None
    slopes = evidence.affine[0]
    if not slopes.usable or not evidence.passes(evidence.domain.filled([200], (24, 52))):
        return None
    fine = evidence.run(evidence.program("checker", (64, 96)))
    if fine is None or evidence.bad(fine) is None:
        fine = evidence.run(evidence.program("noise", (64, 96), 60))
    if fine is None or evidence.bad(fine) is None:
        return None
    if not _resizes(fine, evidence):
        return _moved(evidence)
    shift = max(_shift(evidence, slopes.slope, down) for down in (False, True))
    if shift > 0.06:
        return "resample-grid", f"resized on another grid: content is shifted by up to {shift:.2f} pixels of the input"
    mine, theirs = float(np.std(fine.reference.astype(float))), float(np.std(fine.candidate.astype(float)))
    if theirs > 1.2 * mine:
        return "resample-antialias", "resize without antialias: the candidate skips pixels that the reference averages"
    if mine > 1.2 * theirs:
        return "resample-antialias", "resize with antialias: the candidate averages pixels that the reference skips"
    return "resample-antialias", "resized with another filter: equal on flat and smooth images, other on fine patterns"


def _moved(evidence: Evidence) -> Finding | None:
    """Find a candidate that, away from the edges, is the reference moved by a pixel or two."""
    trial = evidence.run(evidence.program("noise", (64, 96), 61))
    if trial is None or trial.reference.shape != trial.candidate.shape or trial.reference.ndim < 2:
        return None
    axis = evidence.axis(trial.reference)
    planes = [side if axis is None else np.moveaxis(side, axis, 0) for side in (trial.reference, trial.candidate)]
    left, right = (plane.reshape(-1, *plane.shape[-2:]) for plane in planes)
    if min(left.shape[-2:]) < 8:
        return None
    for down in range(-2, 3):
        for across in range(-2, 3):
            moved = np.roll(left, (down, across), axis=(-2, -1))
            if (down or across) and evidence.close(moved[:, 3:-3, 3:-3], right[:, 3:-3, 3:-3]):
                return "resample-grid", f"the content is moved by {down} rows and {across} columns"
    return None


def _resizes(trial: Trial, evidence: Evidence) -> bool:
    """Return whether the result has another number of pixels than the image."""
    height, width = trial.image.shape[:2]
    pixels = trial.reference.size // (evidence.domain.depth if evidence.axis(trial.reference) is not None else 1)
    return bool(pixels != height * width)


def _shift(evidence: Evidence, slope: Array, down: bool) -> float:
    """Return how far, in pixels of the input, content is displaced on a gradient; ends and rounding left out."""
    height, width = evidence.domain.near((64, 64))
    size = height if down else width
    step = max(1, 255 // max(1, size - 1))
    length = min(size, 255 // step + 1)
    line = np.minimum(np.arange(size), length - 1) * step
    image = np.zeros((height, width, evidence.domain.depth), evidence.domain.dtype)
    image[...] = line[:, None, None] if down else line[None, :, None]
    trial = evidence.run(image if evidence.domain.channels is not None else image[:, :, 0].copy())
    if trial is None or trial.reference.shape != trial.candidate.shape:
        return 0.0
    gap = trial.candidate.astype(np.float64) - trial.reference.astype(np.float64)
    axis = evidence.axis(trial.reference)
    if axis is not None:
        gap = np.moveaxis(gap, axis, -1) / slope / step
        gap = gap.mean(-1)
    else:
        gap = gap / slope[0] / step
    if gap.ndim < 2:
        return 0.0
    gap = gap.reshape(-1, *gap.shape[-2:])[0]
    profile = np.median(gap, axis=1 if down else 0)
    inner = profile[max(2, profile.size // 10) : int(profile.size * length / size * 0.9)]
    if inner.size < 4:
        return 0.0
    place = np.linspace(-1, 1, inner.size)
    tilt, middle = np.polyfit(place, inner, 1)
    return float(abs(middle) + abs(tilt))
