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
        shown = [
            ", ".join(f"{v / side.sum() + 0.0:.3f}".replace("-0.000", "0.000") for v in side) for side in (right, left)
        ]
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
    whole_results: tuple[list[Array], list[Array]] = ([], [])
    inputs = []
    for levels in COLOURS:
        image = coloured(evidence, levels, planar)
        trial = None if image is None else evidence.run(image)
        if trial is None:
            return None
        inputs.append([*evidence.domain.numbers(levels).astype(np.float64), 1.0])
        for rows, results, result in zip(sides, whole_results, (trial.reference, trial.candidate), strict=True):
            pixel = _pixel(result)
            if not _one_colour(result, pixel, evidence):
                return None
            rows.append(pixel)
            results.append(result)
    if not all(_one_rest(results, evidence) for results in whole_results):
        return None
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
    found = [_refined(evidence, matrix, side) for matrix, side in zip(found, ("reference", "candidate"), strict=True)]
    return (found[0], found[1]) if _by_pixel(evidence, found) else None


def _refined(evidence: Evidence, matrix: Array, side: str) -> Array:
    """Return *matrix* fitted to rich images too where results are rounded: a few colours tell weights to 0.01 only."""
    if evidence.domain.step == (3, 2):
        return matrix
    inputs, outputs = [], []
    for trial in evidence.trials[-2:]:
        result: Array = getattr(trial, side)
        pixels = trial.image.reshape(-1, trial.image.shape[-1]).astype(np.float64)
        guess = pixels @ matrix[:-1] + matrix[-1]
        if result.size != guess.size or result.shape[:2] != trial.image.shape[:2] or result.dtype.kind not in "iu":
            return matrix
        values = result.reshape(guess.shape).astype(np.float64)
        inside = ((guess > values.min() + 3) & (guess < values.max() - 3)).all(axis=1)
        inputs.append(np.append(pixels[inside], np.ones((int(inside.sum()), 1)), axis=1))
        outputs.append(values[inside])
    design, wanted = np.concatenate(inputs), np.concatenate(outputs)
    return np.linalg.lstsq(design, wanted, rcond=None)[0] if len(design) > 50 else matrix


def _one_rest(results: list[Array], evidence: Evidence) -> bool:
    """Return whether what has not the colour of the middle is the same for all colours: a padding, no other pixels."""
    if len({result.shape for result in results}) > 1 or _pixel(results[0]).size != 1:
        return True  # three channels are each of a colour of their own
    table = np.array(results, np.float64).reshape(len(results), -1)
    middle = np.array([_pixel(result)[0] for result in results])[:, None]
    rest = (np.abs(table - middle) > _margin(results[0], evidence)).any(axis=0)
    return not rest.any() or bool(np.ptp(table[:, rest], axis=0).max() <= LOOSE * max(evidence.scale, 1e-30))


def _by_pixel(evidence: Evidence, matrices: list[Array]) -> bool:
    """Return whether both matrices give the results of rich images too, where those are of the image's size."""
    if evidence.domain.step == (3, 2):
        return True
    for trial in evidence.trials[-2:]:
        pixels = trial.image.reshape(-1, trial.image.shape[-1]).astype(np.float64)
        for matrix, result in zip(matrices, (trial.reference, trial.candidate), strict=True):
            guess = pixels @ matrix[:-1] + matrix[-1]
            if result.size != guess.size or result.shape[:2] != trial.image.shape[:2]:
                continue  # resized, or channels first
            low, high = (
                (np.min(result), np.max(result)) if np.array_equal(result, np.rint(result)) else (-np.inf, np.inf)
            )
            apart = np.abs(np.clip(guess, low, high) - result.reshape(guess.shape))
            if apart.max() > max(ROUNDED + 0.5 if np.isfinite(high) else 0.0, 20 * LOOSE * max(evidence.scale, 1e-30)):
                return False
    return True


def _one_colour(result: Array, pixel: Array, evidence: Evidence) -> bool:
    """Return whether most of *result* has the colour of its middle: what is read at a wrong place has not."""
    axis = evidence.axis(result)
    if pixel.size not in (1, 3) or not result.size:
        return False
    wide = result.astype(np.float64)
    if pixel.size == 3 and axis is None and result.shape[-1] != 3:
        return True
    wide = np.moveaxis(wide, axis, -1) if axis is not None and pixel.size == 3 else wide
    apart = np.abs(wide - pixel) if wide.shape[-1] == pixel.size or pixel.size == 1 else np.zeros(1)
    return bool((apart <= _margin(result, evidence)).mean() > 0.5)


def _margin(result: Array, evidence: Evidence) -> float:
    """Return how far two values of one colour may be apart."""
    return max(ROUNDED if result.dtype.kind in "iu" else 0.0, 10 * LOOSE * evidence.scale)


def chroma_order(evidence: Evidence) -> Finding | None:
    """Find chroma that is read as planes on one side and interleaved on the other."""
    if evidence.domain.step != (3, 2):
        return None
    ways = (("as planes (I420)", False, 1), ("as planes (YV12)", True, 1), ("interleaved (NV12)", False, -1))
    for words, turned, way in ways:
        if evidence.explains(lambda t, turned=turned, way=way: evidence.reference(_relaid(t.image, turned, way))):  # type: ignore[misc]
            other = "interleaved" if way > 0 else "as planes"
            return "layout", f"the candidate reads the chroma {words}, the reference {other}"
    return None


def _relaid(image: Array, turned: bool, way: int) -> Array:
    """Return a buffer of YUV 4:2:0 whose chroma, read the other way, gives what is read now."""
    again = np.array(image, order="C")
    luma = image.shape[0] * 2 // 3
    chroma = again[luma:].reshape(-1)
    if way > 0:
        parts = chroma.reshape(2, -1)[:: -1 if turned else 1]
        again[luma:] = np.ascontiguousarray(parts.T).reshape(again[luma:].shape)
    else:
        again[luma:] = np.ascontiguousarray(chroma.reshape(-1, 2).T).reshape(again[luma:].shape)
    return again


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
