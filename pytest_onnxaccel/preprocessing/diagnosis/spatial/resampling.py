"""Explanations of resizing: another grid, with or without antialias, another interpolation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.preprocessing.coverage import plane_of
from pytest_onnxaccel.preprocessing.diagnosis.evidence import Evidence, Finding, Trial
from pytest_onnxaccel.preprocessing.diagnosis.spatial.placement import planes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

#: Least displacement, in pixels of the image, that is called another grid.
SHIFT = 0.06
#: The same where results are rounded.
SHIFT_OF_INTEGERS = 0.2


def resampled(evidence: Evidence) -> Finding | None:
    """Find a resize that is right on flat images: another grid (gradients), or another filter (patterns)."""
    if evidence.domain.step == (3, 2) or not evidence.domain.picture:
        return None  # buffers of YUV have another number of rows than their image; lines have no grid
    if evidence.greys is None or not evidence.close(*evidence.greys) or not _flat_agrees(evidence):
        return None
    fine = _fine(evidence)
    if fine is None or not _resizes(fine, evidence) or not _stretches(evidence):
        return None
    slope = _slope(evidence)
    shifts = [_shift(evidence, slope, down) for down in (False, True)] if slope is not None else []
    shift = max((middle + tilt for middle, tilt, _ in shifts), default=0.0)
    for middle, tilt, ratio in shifts:
        if middle > max(1.0, 0.8 * ratio) and tilt < 0.2 * middle:
            return "offset", f"the content is shifted by {middle:.3g} pixels of the input: another crop or padding"
    if shift > (SHIFT_OF_INTEGERS if fine.reference.dtype.kind in "iu" else SHIFT):
        return "resample-grid", f"resized on another grid: content is shifted by up to {shift:.2f} pixels of the input"
    return _clipped(evidence) or _filter(evidence, fine)


def _flat_agrees(evidence: Evidence) -> bool:
    """Return whether a flat image passes, or differs by rounding alone."""
    trial = evidence.run(evidence.flat([200]))
    return trial is not None and (evidence.bad(trial) is None or evidence.close(trial.reference, trial.candidate, 5e-3))


def _fine(evidence: Evidence) -> Trial | None:
    """Return an image of fine patterns that is resized, and on which the two differ."""
    for size in ((64, 96), (90, 130), (40, 56)):
        for pattern, seed in (("noise", 60), ("checker", 0), ("photo", 3)):
            trial = evidence.run(evidence.program(pattern, size, seed))
            if trial is not None and evidence.bad(trial) is not None and _resizes(trial, evidence):
                return trial
    return None


def _resizes(trial: Trial, evidence: Evidence) -> bool:
    """Return whether the result has another number of pixels than the image."""
    plane = plane_of(trial.reference.shape, evidence.domain.depth)
    return plane is not None and sorted(plane) != sorted(trial.image.shape[:2])


def _slope(evidence: Evidence) -> Array | None:
    """Return how much a result changes per unit of a grey image, by channel; None where that is not one number."""
    if evidence.affine is None or not np.all(evidence.affine[0].slope != 0):
        return None
    return evidence.affine[0].slope if evidence.affine[0].exact or _rounds(evidence) else None


def _stretches(evidence: Evidence) -> bool:
    """Return whether both sides give one picture of their image: gradients rise along one axis, and in other steps."""
    for pattern in ("gradient-x", "gradient-y"):
        image = evidence.program(pattern, (96, 128), 0)
        trial = evidence.run(image)
        if trial is None or trial.reference.shape != trial.candidate.shape:
            return False
        for side in (trial.reference, trial.candidate):
            table = planes(side, evidence.domain.depth)
            if table is None or min(table.shape[1:]) < 2:
                return True
            axis = 1 if pattern == "gradient-x" else 0
            steps, across = np.diff(table[0], axis=axis), np.diff(table[0], axis=1 - axis)
            falls = min((steps < -0.02 * evidence.scale).mean(), (steps > 0.02 * evidence.scale).mean())
            # what is read row by row into another shape rises again and again
            if falls > 0.02 or (np.abs(across) > 0.05 * evidence.scale).mean() > 0.1:
                return False
    return True


def _rounds(evidence: Evidence) -> bool:
    return evidence.greys is not None and bool(np.array_equal(evidence.greys[0], np.rint(evidence.greys[0])))


def _clipped(evidence: Evidence) -> Finding | None:
    """Find overshoots of one side that the other cuts off."""
    white = evidence.run(evidence.flat([255]))
    black = evidence.run(evidence.flat([0]))
    if white is None or black is None or not (white.reference.size and black.reference.size):
        return None
    low, high = sorted((float(black.reference.flat[0]), float(white.reference.flat[0])))
    for words, over, cut in (
        ("candidate", "reference", "candidate"),
        ("reference", "candidate", "reference"),
    ):
        beyond = any(
            not evidence.close(np.clip(getattr(t, over), low, high), getattr(t, over)) for t in evidence.trials
        )
        if beyond and all(
            evidence.close(np.clip(getattr(t, over).astype(np.float64), low, high), getattr(t, cut), 3e-3)
            for t in evidence.trials
        ):
            return "resample-antialias", (
                f"another filter: the {words} clips what a cubic filter overshoots to {low:g} to {high:g}, the other "
                "side does not"
            )
    return None


def _filter(evidence: Evidence, fine: Trial) -> Finding:
    """Name what is known of the filter: whether only shrinking differs, and which side averages."""
    target = plane_of(fine.reference.shape, evidence.domain.depth)
    assert target is not None
    larger = None
    if evidence.domain.sizes is None:
        size = max(2, target[0] // 2), max(2, target[1] // 2)
        trial = evidence.run(evidence.program("noise", size, 62, exact=True))
        if trial is not None and _resizes(trial, evidence):
            larger = evidence.bad(trial) is None
            if not larger and not evidence.close(trial.reference, trial.candidate, 8e-3):
                names = [_interpolation(side, trial, evidence) for side in (trial.candidate, trial.reference)]
                told = f": the candidate {names[0]}, the reference {names[1]}" if names[0] != names[1] else ""
                return "resample-antialias", f"resized with another filter, also where images are made larger{told}"
    if evidence.domain.sizes is None:
        # well below half: at the failing size itself little may be left out
        much = evidence.run(evidence.program("noise", (2 * target[0] + 2, 2 * target[1] + 6), 63, exact=True))
        if much is not None and much.reference.shape == fine.reference.shape and evidence.bad(much) is not None:
            fine = much
    smaller = fine.image.shape[0] > target[0] or fine.image.shape[1] > target[1]
    mine, theirs = float(np.std(fine.reference.astype(float))), float(np.std(fine.candidate.astype(float)))
    if smaller and theirs > 1.2 * mine:
        return "resample-antialias", (
            "resize without antialias: the candidate skips pixels that the reference averages" + _also_equal(larger)
        )
    if smaller and mine > 1.2 * theirs:
        return "resample-antialias", (
            "resize with antialias: the candidate averages pixels that the reference skips" + _also_equal(larger)
        )
    return "resample-antialias", "resized with another filter: equal on flat images, other on fine patterns"


def _also_equal(larger: bool | None) -> str:
    return "; images that are made larger agree" if larger else ""


def _interpolation(side: Array, trial: Trial, evidence: Evidence) -> str:
    """Return how a side fills in when it makes an image larger."""
    table = planes(side, evidence.domain.depth)
    if table is None or trial.image.dtype.kind not in "iuf":
        return "fills in otherwise"
    levels = np.unique(np.round(table[0], 4)).size
    source = trial.image[..., 0] if trial.image.ndim == 3 else trial.image
    return "repeats the nearest pixel" if levels <= np.unique(source).size else "interpolates between pixels"


def _rows(evidence: Evidence, size: tuple[int, int], down: bool) -> int:
    """Return how many rows (or columns) the result of an image of *size* has."""
    trial = evidence.run(evidence.domain.filled([128], size))
    plane = None if trial is None else plane_of(trial.reference.shape, evidence.domain.depth)
    return 1 if plane is None else plane[0 if down else 1]


def _shift(evidence: Evidence, slope: Array, down: bool) -> tuple[float, float, float]:
    """Return how far content is displaced on a gradient, in pixels of the input, ends left out.

    Everywhere, in addition at one end, and how many pixels of the input one of the result stands for.
    """
    height, width = evidence.size((64, 64))
    size = height if down else width
    black, white = evidence.domain.ends
    target = _rows(evidence, (height, width), down)
    length = min(size, 256, max(32, 12 * size // max(1, target)))
    levels = np.minimum(np.arange(size), length - 1) * (255 // max(1, length - 1) or 1)
    step = (white - black) / 255 * (255 // max(1, length - 1) or 1)
    line = evidence.domain.numbers(levels)  # type: ignore[arg-type]
    image = np.zeros((height, width, evidence.domain.depth), evidence.domain.dtype)
    image[...] = line[:, None, None] if down else line[None, :, None]
    trial = evidence.run(image if evidence.domain.channels is not None else image[:, :, 0].copy())
    if trial is None or trial.reference.shape != trial.candidate.shape:
        return 0.0, 0.0, 1.0
    left, right = (planes(side, evidence.domain.depth) for side in (trial.reference, trial.candidate))
    if left is None or right is None:
        return 0.0, 0.0, 1.0
    gap = (right - left) / np.resize(slope, len(left))[:, None, None] / step
    gap = gap.mean(0)
    profile = np.median(gap, axis=1 if down else 0)
    inner = profile[max(2, profile.size // 10) : int(profile.size * min(1.0, length / size) * 0.9)]
    if inner.size < 4:
        return 0.0, 0.0, 1.0
    place = np.linspace(-1, 1, inner.size)
    tilt, middle = np.polyfit(place, inner, 1)
    return float(abs(middle)), float(abs(tilt)), size / max(1, target)
