"""The boxes that two sides keep after threshold and suppression: which differ, and by what margin that was decided."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.specs import Decision
from pytest_onnxaccel.numerics.compare.boxes import Change, iou, kept
from pytest_onnxaccel.numerics.compare.distances import as_floats

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.generic]
    Floats = NDArray[Any]

#: A box of one side is that of the other when they overlap by this much: neighbouring anchors give the same box.
SAME_BOX = 0.9
#: One unit of rounding in each coordinate moves an overlap by at most this many units over the shorter side.
_IOU_STEPS = 8.0


@record(frozen=True)
class _Side:
    """One side's boxes of one image and class."""

    name: str
    scores: Floats
    boxes: Floats
    kept: list[int]
    suppressed: dict[int, int]


@record(frozen=True)
class _Pair:
    """Both sides of one image and class, with what rounding may do to a score and to a coordinate."""

    asked: Decision
    score_noise: Floats
    box_noise: float

    def margin(self, k: int, here: _Side, there: _Side, seen: frozenset[int] = frozenset()) -> tuple[float, float]:
        """Return (margin, what rounding may overturn) of box *k*, which *here* keeps and *there* does not."""
        limit = self.asked.threshold
        if there.scores[k] <= limit:
            return float(min(here.scores[k] - limit, limit - there.scores[k])), float(self.score_noise[k])
        j = there.suppressed.get(k)
        if j is None or j in seen:
            return float("inf"), 0.0
        if here.suppressed.get(j) == k:
            gaps = here.scores[k] - here.scores[j], there.scores[j] - there.scores[k]
            return float(min(gaps)), float(self.score_noise[k] + self.score_noise[j])
        if j not in here.kept:
            return self.margin(j, there, here, seen | {k})  # box k only follows box j
        overlaps = [abs(float(iou(s.boxes[j], s.boxes[k : k + 1])[0]) - self.asked.iou) for s in (here, there)]
        sides = [s.boxes[i, 2:] - s.boxes[i, :2] for s in (here, there) for i in (j, k)]
        return min(overlaps), _IOU_STEPS * self.box_noise / max(float(np.min(sides)), 1e-12)


@record(frozen=True)
class Found:
    """What two sides make of one sample: how many boxes the reference keeps, changes, and how well equal ones agree."""

    boxes: int
    changes: list[Change]
    min_iou: float
    max_score_gap: float


def detections(
    asked: Decision,
    candidate: tuple[Array, Array],
    reference: tuple[Array, Array],
    score_noise: Floats,
    box_noise: float,
) -> Found:
    """Compare the kept boxes.

    Args:
        asked: the decision: threshold, overlap and background class.
        candidate: scores ([N x] boxes x classes, or one class's scores) and boxes ([N x] boxes x 4, corner form).
        reference: the same of the reference.
        score_noise: what rounding may do to each score; of the scores' shape.
        box_noise: what rounding may do to a coordinate.

    Raises:
        ValueError: shapes that are not detector's.
    """
    boxes = [_boxes(side[1]) for side in (candidate, reference)]
    scores = [_scores(side[0], boxes[0].shape[:2]) for side in (candidate, reference)]
    noise = _scores(np.broadcast_to(score_noise, reference[0].shape), boxes[0].shape[:2])
    total, changes, least, gap = 0, [], 1.0, 0.0
    for image in range(scores[1].shape[0]):
        for label in _classes(asked, scores[1]):
            pair = _Pair(asked, noise[image, :, label], box_noise)
            ours, theirs = (
                _side(asked, name, s[image, :, label], b[image])
                for name, s, b in zip(("candidate", "reference"), scores, boxes, strict=True)
            )
            matches = _matches(ours, theirs)
            total += len(theirs.kept)
            changes += _changes(pair, (image, label), ours, theirs, matches)
            for a, b in matches:
                least = min(least, float(iou(theirs.boxes[b], ours.boxes[a : a + 1])[0]))
                gap = max(gap, abs(float(ours.scores[a] - theirs.scores[b])))
    return Found(total, changes, least, gap)


def _classes(asked: Decision, scores: Floats) -> list[int]:
    """Return the classes that stand for something.

    With rows that sum to 1, class 0 is the background by default.
    """
    background = asked.background
    if background is None and scores.shape[-1] > 1 and np.allclose(scores.sum(axis=-1), 1, atol=1e-2):
        background = 0
    return [label for label in range(scores.shape[-1]) if label != background]


def _side(asked: Decision, name: str, scores: Floats, boxes: Floats) -> _Side:
    return _Side(name, scores, boxes, *kept(scores, boxes, asked.threshold, asked.iou))


def _matches(ours: _Side, theirs: _Side) -> list[tuple[int, int]]:
    """Return pairs of kept boxes (candidate's, reference's): the same number, else the same place."""
    both = set(ours.kept) & set(theirs.kept)
    found = [(k, k) for k in theirs.kept if k in both]
    free = [k for k in ours.kept if k not in both]
    for k in theirs.kept:
        if k in both or not free:
            continue
        overlaps = iou(theirs.boxes[k], ours.boxes[free])
        best = int(overlaps.argmax())
        if overlaps[best] >= SAME_BOX:
            found.append((free.pop(best), k))
    return found


def _changes(
    pair: _Pair, at: tuple[int, int], ours: _Side, theirs: _Side, matches: list[tuple[int, int]]
) -> list[Change]:
    changes = []
    for here, there, matched in (
        (theirs, ours, {b for _, b in matches}),
        (ours, theirs, {a for a, _ in matches}),
    ):
        for k in here.kept:
            if k in matched:
                continue
            margin, allowed = pair.margin(k, here, there)
            image, label = at
            said = f"class {label} at {float(here.scores[k]):.6g}", f"no box (score {float(there.scores[k]):.6g})"
            a, b = said if here is ours else said[::-1]
            changes.append(Change((image, k), a, b, margin, allowed))
    return changes


def _boxes(array: Array) -> Floats:
    values = as_floats(array)
    if values.ndim not in (2, 3) or values.shape[-1] != 4:
        raise ValueError(f"boxes of shape {array.shape} are not [N x] boxes x 4")
    return values if values.ndim == 3 else values[np.newaxis]


def _scores(array: Array, of: tuple[int, ...]) -> Floats:
    """Return n x boxes x classes."""
    values = as_floats(array)
    if values.shape == (*of, values.shape[-1]) and values.ndim == 3:
        return values
    if values.shape == of:
        return values[..., np.newaxis]
    if of[0] == 1 and values.ndim == 2 and values.shape[0] == of[1]:
        return values[np.newaxis]
    if of[0] == 1 and values.shape == of[1:]:
        return values[np.newaxis, :, np.newaxis]
    raise ValueError(f"scores of shape {array.shape} do not belong to {of[0]} x {of[1]} boxes")
