"""Is a choice of boxes one that NonMaxSuppression may make, where scores, overlaps and thresholds nearly tie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.core.frozen import record

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[Any]

#: Pairs of boxes that are looked at in all; nothing is said of more.
_PAIRS = 1 << 22
#: An overlap that is this near to the threshold may count as past it.
_OVERLAP = 1e-5


@record(frozen=True)
class Suppressing:
    """What NonMaxSuppression reads, of one sample.

    Attributes:
        boxes: [batch, boxes, 4].
        scores: [batch, classes, boxes].
        most: boxes that are chosen of each class.
        overlap: two boxes of which the intersection is more than this share of their union exclude each other.
        least: scores up to this are left out.
        center: boxes are given by center and size, not by corners.
    """

    boxes: Floats
    scores: Floats
    most: float
    overlap: float
    least: float
    center: bool = False


def may_choose(chosen: NDArray[Any], of: Suppressing, near: float, loose: float) -> bool:
    """Return whether *chosen* is a right result for *of*, or for values that are as near to it.

    Args:
        chosen: rows of batch, class and box.
        of: what the boxes are chosen of.
        near: scores that are not further apart may come in either order, and be on either side of the threshold.
        loose: what a coordinate may be off by.
    """
    batches, classes, count = of.scores.shape
    if chosen.dtype.kind not in "iu" or chosen.ndim != 2 or chosen.shape[1] != 3 or len(chosen) * count > _PAIRS:
        return False
    if len(chosen) and ((chosen < 0).any() or (chosen >= [batches, classes, count]).any()):
        return False
    corners = _corners(of.boxes, of.center)
    for batch in range(batches):
        for kind in range(classes):
            mine = chosen[(chosen[:, 0] == batch) & (chosen[:, 1] == kind), 2]
            if not _of_one_class(mine, corners[batch], of.scores[batch, kind], of, (near, loose)):
                return False
    return True


def _of_one_class(
    chosen: NDArray[Any], corners: Floats, scores: Floats, of: Suppressing, off: tuple[float, float]
) -> bool:
    near, loose = off
    if len(np.unique(chosen)) != len(chosen) or len(chosen) > of.most:
        return False
    picked = scores[chosen]
    if (np.diff(picked) > near).any() or (picked <= of.least - near).any():
        return False
    overlaps, unsure = _overlaps(corners[chosen], corners, loose)
    apart = np.triu(overlaps[:, chosen] - unsure[:, chosen] > of.overlap, 1)
    if apart.any():
        return False
    excluded = (overlaps + unsure > of.overlap) & (picked[:, None] >= scores - near)
    open_scores = scores > of.least + near
    if len(chosen) == of.most and len(chosen):
        open_scores &= scores > picked[-1] + near
    open_scores[chosen] = False
    return bool((excluded.any(axis=0) | ~open_scores).all())


def _corners(boxes: Floats, center: bool) -> Floats:
    """Return lower and higher corner of each box, in float64."""
    first, second = boxes[..., :2].astype(np.float64), boxes[..., 2:].astype(np.float64)
    if center:
        return np.concatenate([first - second / 2, first + second / 2], axis=-1)
    return np.concatenate([np.minimum(first, second), np.maximum(first, second)], axis=-1)


def _overlaps(some: Floats, every: Floats, loose: float) -> tuple[Floats, Floats]:
    """Return intersection over union of each pair, and what it may be off by where coordinates are off by *loose*."""
    low = np.maximum(some[:, None, :2], every[None, :, :2])
    high = np.minimum(some[:, None, 2:], every[None, :, 2:])
    sides = np.maximum(high - low, 0)
    both = sides.prod(axis=-1)
    sizes = [np.maximum(one[:, 2:] - one[:, :2], 0) for one in (some, every)]
    union = sizes[0].prod(axis=-1)[:, None] + sizes[1].prod(axis=-1)[None] - both
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.where(union > 0, both / union, 0.0)
        edges = sizes[0].sum(axis=-1)[:, None] + sizes[1].sum(axis=-1)[None]
        unsure = np.where(union > 0, 4 * loose * edges / union, 0.0)
    return found, np.minimum(unsure, 1.0) + _OVERLAP
