"""Explanations by how colours become results: weights of grey, matrices of YUV, alpha, tone curves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.preprocessing.diagnosis.evidence import LOOSE, Evidence, Finding

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

#: Colours in the middle of the range, where nothing is clipped: levels of three channels.
COLOURS = (
    (128, 128, 128), (100, 128, 128), (160, 128, 128), (128, 100, 128), (128, 160, 128), (128, 128, 100),
    (128, 128, 160), (110, 140, 120), (150, 120, 135), (120, 110, 150), (145, 150, 110), (135, 115, 125),
)  # fmt: skip
#: Most that a result in integers may be off a straight line by rounding.
ROUNDED = 1.01


def converted(evidence: Evidence) -> Finding | None:
    """Find a linear conversion of the colours with other weights, on one grey channel or on three."""
    planar = (False, True) if evidence.domain.step == (3, 2) else (False,)
    for way in planar:
        found = _matrices(evidence, way)
        if found is not None:
            mine, theirs = found
            scale = max(float(np.abs(mine[:-1]).max()), 1e-30)
            if np.abs(mine[:-1] - theirs[:-1]).max() >= 0.004 * scale:
                break
    else:
        return None
    if mine.shape[1] == 3 and _same_columns(mine) and _same_columns(theirs):
        mine, theirs = mine[:, :1], theirs[:, :1]
    if mine.shape[1] == 1 and evidence.domain.depth >= 3:
        left, right = mine[:-1, 0], theirs[:-1, 0]
        if abs(left.sum() - right.sum()) > 0.02 * max(abs(left.sum()), 1e-30):
            return None
        shown = [", ".join(f"{v / side.sum():.3f}" for v in side) for side in (right, left)]
        return "grey-weights", f"grey is made with the weights {shown[0]}, the reference's are {shown[1]}"
    if mine.shape[1] != 3 or not (_mixes(mine) or _mixes(theirs)):
        return None
    if evidence.domain.step == (3, 2) and np.abs(mine[[0, 2, 1]] - theirs[:3]).max() < 0.02 * scale:
        return "channel-swap", "channels swapped: U and V are exchanged"
    worst = int(np.argmax(np.abs(mine[:-1] - theirs[:-1]).max(axis=0)))
    rows = ["[" + ", ".join(f"{v:.3g}" for v in side[:-1, worst]) + "]" for side in (theirs, mine)]
    return "yuv-matrix", (
        f"colours are converted with another matrix: channel {worst} has the weights {rows[0]}, "
        f"the reference's {rows[1]}"
    )


def _same_columns(matrix: Array) -> bool:
    return bool(np.abs(matrix - matrix[:, :1]).max() < 1e-3 * max(float(np.abs(matrix).max()), 1e-30))


def _mixes(matrix: Array) -> bool:
    """Return whether an output channel is made of more than one of the input."""
    weights = np.abs(matrix[:-1])
    return bool((np.sort(weights, axis=0)[-2] > 0.01 * weights.max()).any())


def _matrices(evidence: Evidence, planar: bool = False) -> tuple[Array, Array] | None:
    """Return both sides' conversion, one row per channel of the image and one for the offset; None where not linear."""
    sides: tuple[list[Array], list[Array]] = ([], [])
    inputs = []
    for levels in COLOURS:
        image = coloured(evidence, levels, planar)
        trial = None if image is None else evidence.run(image)
        if trial is None:
            return None
        inputs.append([*evidence.domain.numbers(levels).astype(np.float64), 1.0])
        for rows, result in zip(sides, (trial.reference, trial.candidate), strict=True):
            rows.append(_pixel(result))
    design = np.array(inputs)
    found = []
    for rows in sides:
        if len({row.shape for row in rows}) > 1 or rows[0].size not in (1, 3):
            return None
        values = np.array(rows)
        matrix = np.linalg.lstsq(design, values, rcond=None)[0]
        rest = np.abs(design @ matrix - values).max()
        whole = np.array_equal(values, np.rint(values))
        if rest > (ROUNDED if whole else 10 * LOOSE * max(evidence.scale, 1e-30)):
            return None
        found.append(matrix)
    return found[0], found[1]


def coloured(evidence: Evidence, levels: tuple[int, ...], planar: bool = False) -> Array | None:
    """Return an image of one colour; a buffer of YUV 4:2:0 with Y, U and V where images are such."""
    domain = evidence.domain
    if domain.step == (3, 2):
        image = evidence.flat(levels[:1], (48, 32))
        luma = image.shape[0] * 2 // 3
        if planar:
            chroma = image[luma:].reshape(-1)
            chroma[: chroma.size // 2], chroma[chroma.size // 2 :] = domain.numbers(levels[1:])
            return image
        image[luma:, 0::2], image[luma:, 1::2] = domain.numbers(levels[1:])
        return image
    return evidence.flat(levels, (8, 8)) if domain.depth == 3 else None


def _pixel(result: Array) -> Array:
    """Return the values in the middle of *result*, one for each of its channels, wherever they are."""
    wide = result.astype(np.float64)
    while wide.ndim > 3 and wide.shape[0] == 1:
        wide = wide[0]
    if wide.ndim == 3 and wide.shape[-1] not in (1, 3) and wide.shape[0] in (1, 3):
        wide = np.moveaxis(wide, 0, -1)
    if wide.ndim < 2 or not wide.size:
        return np.empty(0)
    return np.atleast_1d(wide[wide.shape[0] // 2, wide.shape[1] // 2]).reshape(-1)


def alpha(evidence: Evidence) -> Finding | None:
    """Find differences that only images with transparent pixels show."""
    domain = evidence.domain
    if domain.channels not in (2, 4):
        return None
    for seed in range(3):
        image = evidence.program("noise", (24, 36), 90 + seed)
        opaque = image.copy()
        opaque[..., -1] = domain.numbers([255])[0]
        if evidence.passes(image) or not evidence.passes(opaque):
            return None
    return "alpha", "equal on opaque images, different where the last channel is not: alpha is treated otherwise"


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
    if not rising or np.abs(gap).max() < 5e-3 or not (np.all(gap >= -4e-3) or np.all(gap <= 4e-3)):
        return None
    if np.abs(gap[5:10]).min() < 0.1 * np.abs(gap).max():
        return None
    middle = 8  # level 128
    with np.errstate(all="ignore"):
        powers = np.log(theirs[3:12]) / np.log(mine[3:12])
    shown = f"mid grey gives {right[middle, 0]:.4g}, the reference's {left[middle, 0]:.4g}; black and white agree"
    if np.isfinite(powers).all() and np.ptp(powers) < 0.1 * np.abs(powers).mean():
        return "gamma", f"another gamma: the reference's to the power of about {float(np.median(powers)):.3g}; {shown}"
    return "gamma", f"another tone curve: {shown}"
