"""Decisions that a user takes from outputs: the class of a row, the boxes that stay after threshold and suppression."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.numerics.compare.distances import as_floats

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.generic]
    Floats = NDArray[Any]


def looks_like_classes(reference: Array) -> bool:
    """Return whether rows of scores: a matrix, or rows along the last axis that are not negative and sum to 1."""
    if reference.dtype.kind not in "fV" or reference.ndim < 2 or reference.shape[-1] < 2 or not reference.size:
        return False
    if reference.ndim == 2:
        return True
    values = as_floats(reference)
    with np.errstate(all="ignore"):
        return bool((values >= 0).all() and np.allclose(values.sum(axis=-1), 1, atol=1e-2))


def flips_of(candidate: Array, reference: Array) -> int | None:
    """Return rows whose largest element is another one; None where the output does not look like classes."""
    if candidate.shape != reference.shape or not looks_like_classes(reference):
        return None
    return int(np.count_nonzero(as_floats(candidate).argmax(axis=-1) != as_floats(reference).argmax(axis=-1)))


@record(frozen=True)
class Change:
    """One decision that differs.

    Attributes:
        index: of the row (classes), or of the box among the reference's or the candidate's boxes.
        ours, theirs: the candidate's and the reference's decision, in words.
        margin: by how much the reference's numbers decided; the candidate's too, whichever is smaller.
        allowed: the largest margin that rounding can overturn.
    """

    index: tuple[int, ...]
    ours: str
    theirs: str
    margin: float
    allowed: float

    @property
    def in_noise(self) -> bool:
        """Rounding alone may decide either way."""
        return self.margin <= self.allowed


def class_changes(candidate: Array, reference: Array, noise: Floats) -> list[Change]:
    """Return rows along the last axis whose class differs.

    Args:
        candidate: scores, shape (..., classes), any number dtype.
        reference: scores of the same shape.
        noise: what rounding may do to each element, of the shape of *reference*. A margin is the difference of two
            elements, so what it may lose is the sum of theirs.
    """
    a, b = as_floats(candidate), as_floats(reference)
    rows = a.shape[:-1]
    a, b, loose = (x.reshape(-1, x.shape[-1]) for x in (a, b, np.broadcast_to(noise, b.shape)))
    ours, theirs = a.argmax(axis=1), b.argmax(axis=1)
    found = []
    for row in np.flatnonzero(ours != theirs):
        i, j = int(ours[row]), int(theirs[row])
        margin = min(float(b[row, j] - b[row, i]), float(a[row, i] - a[row, j]))
        index = tuple(int(k) for k in np.unravel_index(row, rows)) if rows else ()
        found.append(Change(index, f"class {i}", f"class {j}", margin, float(loose[row, i] + loose[row, j])))
    return found


def iou(box: Floats, boxes: Floats) -> Floats:
    """Return the intersection over union of *box* (4) with each of *boxes* (N x 4), in corner form x1, y1, x2, y2."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    inside = np.prod(np.clip(high - low, 0, None), axis=1)
    areas = np.prod(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None), axis=1)
    union = float(np.prod(np.clip(box[2:] - box[:2], 0, None))) + areas - inside
    found: Floats = np.where(union > 0, inside / np.where(union > 0, union, 1), 0.0)
    return found


def kept(scores: Floats, boxes: Floats, threshold: float, overlap: float) -> tuple[list[int], dict[int, int]]:
    """Apply greedy suppression to one class.

    Args:
        scores: N; boxes: N x 4.
        boxes: corners x1, y1, x2, y2 of each, shape (N, 4).
        threshold: only boxes with a score above it are kept.
        overlap: intersection over union above which the box of the lower score is suppressed.

    Returns:
        The kept boxes' numbers, best first, and the box that suppressed each suppressed one.
    """
    waiting = np.flatnonzero(scores > threshold)
    waiting = waiting[np.argsort(-scores[waiting], kind="stable")]
    chosen: list[int] = []
    suppressed: dict[int, int] = {}
    while waiting.size:
        best, rest = int(waiting[0]), waiting[1:]
        chosen.append(best)
        gone = iou(boxes[best], boxes[rest]) > overlap
        suppressed |= {int(k): best for k in rest[gone]}
        waiting = rest[~gone]
    return chosen, suppressed
