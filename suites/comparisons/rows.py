"""Detections: rows in the order of their scores, which the last digit decides."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx

from suites.comparisons.kinds import FLOAT, INT, kind
from suites.planted.making import model, node, random, value

CELLS, KEPT = 120, 40
#: Scores around 50 that are a few units in the last place apart.
SCORE, BOX = random(8, 1, scale=3e-5), random(8, 4, seed=1, scale=50)


def detector(part: str, batch: int = 1) -> tuple[list[onnx.NodeProto], dict[str, Any]]:
    """Nodes up to ``top``, ``at`` and ``label`` [N, K], and ``sel`` [N, K, 4], the boxes of the best cells."""
    nodes = [node("MatMul", ["x", "score"], ["z3"]), node("Add", ["z3", "high"], ["s3"], "score")]
    if part == "healthy":
        nodes = [
            node("Split", ["x", "half"], ["xa", "xb"], axis=2), node("MatMul", ["xa", "score_a"], ["za"]),
            node("MatMul", ["xb", "score_b"], ["zb"]), node("Add", ["zb", "high"], ["zh"]),
            node("Add", ["zh", "za"], ["s3"], "score"),
        ]  # fmt: skip
    nodes += [
        node("Squeeze", ["s3", "last"], ["s"]), node("MatMul", ["x", "box"], ["b"], "boxes"),
        node("TopK", ["s", "k"], ["top0", "i"], "best", axis=1), node("Add", ["i", "shift"], ["j"]),
        node("Mod", ["j", "cells"], ["at"]), node("Unsqueeze", ["at", "last"], ["a1"]),
        node("Tile", ["a1", "wide"], ["a4"]), node("GatherElements", ["b", "a4"], ["sel0"], "select", axis=1),
        node("Mod", ["at", "seven"], ["label0"]), node("Mul", ["top0", "scale"], ["top"]),
        node("Mul", ["sel0", "stretch"], ["sel"]),
    ]  # fmt: skip
    nodes.append(
        node("Gather", ["label0", "mix"], ["label"], axis=1)
        if part == "mixed"
        else node("Identity", ["label0"], ["label"])
    )
    stretch = np.ones(4, np.float32)
    stretch[2] = 1.01 if part == "stretched" else 1
    mix = np.roll(np.arange(KEPT), 1)
    return nodes, {
        "score": SCORE, "score_a": SCORE[:3], "score_b": SCORE[3:], "half": np.array([3, 5]), "box": BOX,
        "high": np.float32(50), "k": np.array([KEPT]), "shift": np.array(int(part == "next")), "cells": np.array(CELLS),
        "wide": np.array([1, 1, 4]), "last": np.array([2]), "seven": np.array(7), "stretch": stretch, "mix": mix,
        "scale": np.float32(1.001 if part == "scaled" else 1),
    }  # fmt: skip


def made(part: str, ends: list[onnx.NodeProto], outputs: list[onnx.ValueInfoProto], batch: int = 1) -> onnx.ModelProto:
    nodes, constants = detector(part, batch)
    return model([*nodes, *ends], [value("x", FLOAT, [batch, CELLS, 8])], outputs, constants)


@kind("rows of box and score in one output", ("next", "stretched", "scaled"))
def joined(part: str) -> onnx.ModelProto:
    ends = [node("Unsqueeze", ["top", "last"], ["t3"]), node("Concat", ["sel", "t3"], ["rows"], axis=2)]
    return made(part, ends, [value("rows", FLOAT, [1, KEPT, 5])])


@kind("boxes, scores and labels, three images", ("next", "stretched", "scaled", "mixed"))
def separate(part: str) -> onnx.ModelProto:
    ends = [
        node("Identity", ["sel"], ["boxes"]), node("Identity", ["top"], ["scores"]),
        node("Identity", ["label"], ["labels"]),
    ]  # fmt: skip
    outputs = [
        value("boxes", FLOAT, [3, KEPT, 4]), value("scores", FLOAT, [3, KEPT]), value("labels", INT, [3, KEPT]),
    ]  # fmt: skip
    return made(part, ends, outputs, 3)


@kind("boxes alone, turned, without their scores", ("next", "stretched"))
def turned(part: str) -> onnx.ModelProto:
    ends = [node("Transpose", ["sel"], ["boxes"], perm=[0, 2, 1])]
    return made(part, ends, [value("boxes", FLOAT, [1, 4, KEPT])])


@kind("one image without its axis", ("next", "stretched"))
def flat(part: str) -> onnx.ModelProto:
    ends = [node("Squeeze", ["sel", "first"], ["boxes"]), node("Squeeze", ["top", "first"], ["scores"])]
    nodes, constants = detector(part)
    return model(
        [*nodes, *ends], [value("x", FLOAT, [1, CELLS, 8])],
        [value("boxes", FLOAT, [KEPT, 4]), value("scores", FLOAT, [KEPT])], {**constants, "first": np.array([0])},
    )  # fmt: skip


def suppressed(part: str) -> onnx.ModelProto:
    """NonMaxSuppression over cells that do not overlap: its order is by score; boxes are picked by its indices."""
    low = np.arange(60, dtype=np.float32)[:, None] * 10
    boxes = np.concatenate([low, low, low + 5, low + 5], axis=1)[None]
    score = random(8, 1, scale=3e-6)
    if part == "healthy":
        nodes = [
            node("Split", ["x", "half"], ["xa", "xb"], axis=2), node("MatMul", ["xa", "sa"], ["za"]),
            node("MatMul", ["xb", "sb"], ["zb"]), node("Add", ["zb", "high"], ["zh"]),
            node("Add", ["zh", "za"], ["s3"]),
        ]  # fmt: skip
    else:
        nodes = [node("MatMul", ["x", "s"], ["z"]), node("Add", ["z", "high"], ["s3"])]
    nodes += [
        node("Transpose", ["s3"], ["scores"], perm=[0, 2, 1]), node("Mul", ["boxes", "grow"], ["grown"]),
        node("NonMaxSuppression", ["grown", "scores", "most", "iou", "least"], ["picked"], "nms"),
        node("Gather", ["picked", "two"], ["index"], axis=1), node("Squeeze", ["grown", "first"], ["flat"]),
        node("Gather", ["flat", "index"], ["kept0"], axis=0),
        node("Slice", ["kept0", "begin", "end", "first"], ["kept"]),
    ]  # fmt: skip
    begin = 1 if part == "dropped" else 0
    return model(
        nodes, [value("x", FLOAT, [1, 60, 8])], [value("kept", FLOAT, ["n", 4])],
        {"s": score, "sa": score[:3], "sb": score[3:], "half": np.array([3, 5]), "high": np.float32(9), "boxes": boxes,
         "grow": np.float32(1.001 if part == "grown" else 1), "most": np.array([60]), "iou": np.float32(0.5),
         "least": np.float32(0.1), "two": np.array(2), "first": np.array([0]), "begin": np.array([begin]),
         "end": np.array([1000])},
    )  # fmt: skip


@kind("boxes behind NonMaxSuppression", ("grown", "dropped"))
def kept(part: str) -> onnx.ModelProto:
    return suppressed(part)


@kind("a deep detector, whose noise is past the rounding of one layer", ("channel", "head"), luck=True)
def deep(part: str, layers: int = 30, width: int = 32) -> onnx.ModelProto:
    """*healthy*: each product of matrices is added up in two halves."""
    constants: dict[str, Any] = {
        "k": np.array([50]), "two": np.array([2]), "wide": np.array([1, 1, 4]), "half": np.array([width // 2] * 2),
        "score": random(width, 1, seed=4, scale=0.2), "box": random(width, 4, seed=3),
    }  # fmt: skip
    if part == "head":
        constants["box"] = constants["box"] * np.float32([1, 1, 1.001, 1])
    nodes, current = [], "x"
    for i in range(layers):
        weights = random(width, width, seed=400 + i, scale=float(np.sqrt(2 / width)))
        if part == "channel" and i == layers - 2:
            weights[:, 3] *= 1.5
        if part == "healthy":
            constants |= {f"upper{i}": weights[: width // 2], f"lower{i}": weights[width // 2 :]}
            nodes += [
                node("Split", [current, "half"], [f"a{i}", f"b{i}"], axis=2),
                node("MatMul", [f"a{i}", f"upper{i}"], [f"c{i}"]), node("MatMul", [f"b{i}", f"lower{i}"], [f"d{i}"]),
                node("Add", [f"d{i}", f"c{i}"], [f"m{i}"]),
            ]  # fmt: skip
        else:
            constants[f"w{i}"] = weights
            nodes.append(node("MatMul", [current, f"w{i}"], [f"m{i}"]))
        nodes.append(node("Relu", [f"m{i}"], [f"r{i}"]))
        current = f"r{i}"
    nodes += [
        node("MatMul", [current, "box"], ["all"]), node("MatMul", [current, "score"], ["z"]),
        node("Sigmoid", ["z"], ["s3"]), node("Squeeze", ["s3", "two"], ["s"]),
        node("TopK", ["s", "k"], ["scores", "i"], "best", axis=1), node("Unsqueeze", ["i", "two"], ["i3"]),
        node("Tile", ["i3", "wide"], ["i4"]), node("GatherElements", ["all", "i4"], ["boxes"], axis=1),
    ]  # fmt: skip
    outputs = [value("boxes", FLOAT, [1, 50, 4]), value("scores", FLOAT, [1, 50])]
    return model(nodes, [value("x", FLOAT, [1, 400, width])], outputs, constants)
