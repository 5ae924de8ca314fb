"""Boxes of NonMaxSuppression where scores, overlaps and the least score nearly tie, on purpose and on any processor."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx

from suites.comparisons.kinds import FLOAT, INT, kind
from suites.planted.making import model, node, value

PAIRS = 24
#: Two squares of side 1, this far apart, overlap by 0.5 of their union.
HALF = 1 / 3
STEP = 2e-6


def values(part: str) -> tuple[Any, Any]:
    """Boxes [1, 2 * PAIRS, 4] and scores [1, 1, 2 * PAIRS]: by twos that overlap, one of them at the threshold.

    *healthy* is a few units in the last place away: another one of two that tie is the better one, one pair no longer
    excludes each other, and one score is no longer past the least. *more*: all but the last of these.
    """
    other = part in ("healthy", "more")
    start = np.repeat(np.arange(PAIRS) * 0.0, 2)
    start[1::2] = np.where(np.arange(PAIRS) % 2, 0.1, 0.9)
    start[5] = HALF + (STEP if other else -STEP)
    low = np.repeat(np.arange(PAIRS) % 5 * 2.0, 2)
    side = np.repeat(np.arange(PAIRS) // 5 * 2.0, 2)
    boxes = np.stack([low + start, side, low + start + 1, side + 1], axis=-1)
    scores = 0.95 - 0.01 * np.arange(2 * PAIRS)
    scores[2] = scores[3] = 0.93
    scores[3 if other else 2] += 1e-7
    scores[-2] = 0.3 + (-1e-7 if part == "healthy" else 1e-7)
    scores[-1] = 0.2
    return boxes[None].astype(np.float32), scores[None, None].astype(np.float32)


FAULTS = ("other_box", "threshold", "grown", "dropped", "least")


@kind("boxes that nearly exclude each other", FAULTS)
def near(part: str) -> onnx.ModelProto:
    return detector(part, ["moved", "scores", "most", "overlap", "least"])


@kind("boxes that are constants", tuple(fault for fault in FAULTS if fault != "grown"))
def fixed(part: str) -> onnx.ModelProto:
    return detector(part, ["boxes", "scores", "most", "overlap", "least"])


@kind("limits that are computed of constants", FAULTS)
def folded_limits(part: str) -> onnx.ModelProto:
    made = [
        node("Identity", ["most"], ["most_of"]), node("Mul", ["overlap", "whole"], ["overlap_of"]),
        node("Mul", ["least", "whole"], ["least_of"]),
    ]  # fmt: skip
    return detector(part, ["moved", "scores", "most_of", "overlap_of", "least_of"], made)


@kind("limits that are computed of inputs", FAULTS)
def fed_limits(part: str) -> onnx.ModelProto:
    made = [
        node("Shape", ["moved"], ["sizes"]), node("ReduceProd", ["sizes"], ["most_of"], keepdims=1),
        node("Squeeze", ["shift"], ["least_shift"]), node("Add", ["overlap", "least_shift"], ["overlap_of"]),
    ]  # fmt: skip
    return detector(part, ["moved", "scores", "most_of", "overlap_of", "least"], made)


def detector(part: str, reads: list[str], limits: list[onnx.NodeProto] | None = None) -> onnx.ModelProto:
    """NonMaxSuppression that *reads* these values, with nodes that make its *limits*; *part* as of a kind."""
    boxes, scores = values(part)
    if part == "grown":
        boxes = boxes * np.float32(1.001)
    nodes = [
        node("ReduceMean", ["x", "last"], ["mean"], keepdims=1), node("Mul", ["mean", "little"], ["shift"]),
        node("Add", ["boxes", "shift"], ["moved"]), node("Add", ["base", "shift"], ["scores"]),
        *(limits or ()),
        node("NonMaxSuppression", reads, ["chosen"], "nms"),
        node("Add", ["chosen", "other"], ["first"]) if part == "other_box" else node("Identity", ["chosen"], ["first"]),
        node("Slice", ["first", "from", "to"], ["picked"]),
        node("Gather", ["picked", "two"], ["at"], axis=1), node("Squeeze", ["moved", "zero"], ["flat"]),
        node("Gather", ["flat", "at"], ["kept"]),
    ]  # fmt: skip
    constants = {
        "little": np.float32(1e-9), "boxes": boxes, "base": scores, "most": np.array([100]),
        "overlap": np.float32(0.95 if part == "threshold" else 0.5),
        "least": np.float32(0.6 if part == "least" else 0.3), "other": np.array([0, 0, 1]), "two": np.array(2),
        "zero": np.array([0]), "last": np.array([2]), "from": np.array([int(part == "dropped")]),
        "to": np.array([1000]), "whole": np.float32(1.0),
    }  # fmt: skip
    outputs = [value("picked", INT, ["n", 3]), value("kept", FLOAT, ["n", 4])]
    return model(nodes, [value("x", FLOAT, [1, 1, 6])], outputs, constants)
