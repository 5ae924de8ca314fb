"""Explanations by where the content is put: crops and paddings at another place, and what is put around."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.preprocessing.coverage import plane_of
from pytest_onnxaccel.preprocessing.diagnosis.evidence import Evidence, Finding, Trial
from pytest_onnxaccel.preprocessing.diagnosis.values import listed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

#: Images on which paddings show: wide, high, and nearly as wide as high.
SIZES = ((24, 52), (52, 24), (45, 51))
#: Grey levels of the flat images.
FLAT = (200, 90)


def surrounded(evidence: Evidence) -> Finding | None:
    """Find another value around a content that is the same."""
    found = _padded(evidence) if evidence.domain.picture else None
    return found if found is not None and found[0] == "pad-value" else None


def placed(evidence: Evidence) -> Finding | None:
    """Find another padding, or content moved to another place."""
    if not evidence.domain.picture:
        return None  # signals and tables have no rows and columns of pixels
    return _padded(evidence) or _moved(evidence)


def planes(result: Array, depth: int) -> Array | None:
    """Return *result* as (planes, rows, columns); None where it has no rows and columns."""
    plane = plane_of(result.shape, depth)
    if plane is None:
        return None
    wide = result.astype(np.float64)
    if result.ndim >= 3 and result.shape[-3:-1] == plane and result.shape[-2:] != plane:
        wide = np.moveaxis(wide, -1, 0)
    return wide.reshape(-1, *plane)


def _padded(evidence: Evidence) -> Finding | None:
    """Find what does not change with the image: where it is, and its value, on both sides."""
    for size in SIZES:
        trials = [evidence.run(evidence.flat([level], size)) for level in FLAT]
        if any(trial is None or trial.reference.shape != trial.candidate.shape for trial in trials):
            return None
        first, second = trials[0], trials[1]
        assert first is not None
        assert second is not None
        mine, theirs = (_content(evidence, first, second, side) for side in ("reference", "candidate"))
        # one side without any padding has another border, not another place
        if mine is None or theirs is None or mine.all() or theirs.all() or not (mine.any() and theirs.any()):
            continue
        if not np.array_equal(mine, theirs):
            boxes = [_box(mask) for mask in (theirs, mine)]
            if boxes[0] == boxes[1]:
                continue
            shown = f"{boxes[0]}, the reference's {boxes[1]}"
            return "offset", f"the content stands elsewhere, or has another size: {shown}"
        left, right = (planes(side, evidence.domain.depth) for side in (first.reference, first.candidate))
        if left is None or right is None or evidence.close(left[:, ~mine], right[:, ~mine]):
            continue
        if not evidence.close(left[:, mine], right[:, mine]):
            continue
        values = [side[:, ~mine] for side in (right, left)]
        if all(np.ptp(side, axis=1).max() == 0 for side in values):
            there, here = (listed(side[:, 0]) for side in values)
            return "pad-value", f"what is put around the image differs: {there} where the reference has {here}"
    return None


def _content(evidence: Evidence, first: Trial, second: Trial, side: str) -> Array | None:
    """Return where a result changes with the image, shape (rows, columns)."""
    left, right = (planes(getattr(trial, side), evidence.domain.depth) for trial in (first, second))
    if left is None or right is None:
        return None
    apart = np.abs(left - right)
    mask = np.asarray((apart > 1e-4 * max(float(apart.max(initial=0)), 1e-30)).any(0))
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    filled = mask.any() and mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
    return mask if filled else None  # content is one whole rectangle


def _box(mask: Array) -> str:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    height, width = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
    return f"{height}x{width} at row {rows[0]}, column {columns[0]}"


def _moved(evidence: Evidence) -> Finding | None:
    """Find a candidate that is the reference moved by whole pixels: the shift at which two noises agree."""
    steps = set()
    for seed, size in enumerate(((64, 96), (90, 70))):
        trial = evidence.run(evidence.program("noise", size, 61 + seed))
        if trial is None or trial.reference.shape != trial.candidate.shape:
            return None
        left, right = (planes(side, evidence.domain.depth) for side in (trial.reference, trial.candidate))
        if left is None or right is None or min(left.shape[1:]) < 8 or not np.isfinite(left).all():
            return None
        step = _shift(left[0], right[0])
        if step is None or not _agree(evidence, left, right, *step):
            return None
        steps.add(step)
    down, across = next(iter(steps))
    if (down, across) == (0, 0):
        return None
    if len(steps) > 1:
        return (
            "offset",
            f"the content is cropped or put elsewhere: moved {_way(down, across)} in one image, otherwise in others",
        )
    return "offset", f"the content is moved {_way(down, across)}"


def _way(down: int, across: int) -> str:
    """Return in words how far and where to."""
    steps = ((down, "row", "down", "up"), (across, "column", "to the right", "to the left"))
    return (
        " and ".join(
            f"{abs(step)} {name}{'s' if abs(step) > 1 else ''} {there if step > 0 else back}"
            for step, name, there, back in steps
            if step
        )
        or "not at all"
    )


def _shift(left: Array, right: Array) -> tuple[int, int] | None:
    """Return by how many rows and columns *right* is *left* moved, by their cross-correlation."""
    first, second = left - left.mean(), right - right.mean()
    product = np.fft.rfft2(second) * np.conj(np.fft.rfft2(first))
    score = np.fft.irfft2(product, left.shape)
    row, column = np.unravel_index(int(np.argmax(score)), score.shape)
    down = int(row) if row <= left.shape[0] // 2 else int(row) - left.shape[0]
    across = int(column) if column <= left.shape[1] // 2 else int(column) - left.shape[1]
    if not np.isfinite(score).all() or max(abs(down) * 2 / left.shape[0], abs(across) * 2 / left.shape[1]) > 0.8:
        return None
    return down, across


def _agree(evidence: Evidence, left: Array, right: Array, down: int, across: int) -> bool:
    """Return whether the parts that both hold are equal, a margin of 3 left out where there is room."""
    height, width = left.shape[1:]
    margin = 3 if min(height, width) > 16 else 1

    def part(step: int, size: int) -> tuple[slice, slice]:
        return (
            slice(max(0, -step) + margin, size - max(0, step) - margin),
            slice(max(0, step) + margin, size - max(0, -step) - margin),
        )

    (rows_left, rows_right), (columns_left, columns_right) = part(down, height), part(across, width)
    one, two = left[:, rows_left, columns_left], right[:, rows_right, columns_right]
    return bool(one.size) and evidence.close(one, two)
