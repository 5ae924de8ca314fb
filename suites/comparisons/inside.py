"""Detections that are sorted inside of If and Loop."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper

from suites.comparisons.kinds import FLOAT, INT, kind
from suites.comparisons.rows import CELLS, KEPT, detector
from suites.planted.making import model, node, value

BOOL = onnx.TensorProto.BOOL
BOXES, SCORES = value("boxes", FLOAT, [2, KEPT, 4]), value("scores", FLOAT, [2, KEPT])


def split(part: str) -> tuple[list[onnx.NodeProto], list[onnx.NodeProto], dict[str, Any]]:
    """Nodes of the detector before TopK, those from it on, and the constants."""
    nodes, constants = detector(part, 2)
    at = next(i for i, one in enumerate(nodes) if one.op_type == "TopK")
    return nodes[:at], nodes[at:], constants


@kind("boxes and scores of a branch", ("next", "stretched", "scaled"))
def branch(part: str) -> onnx.ModelProto:
    before, sorts, constants = split(part)

    def body(name: str) -> onnx.GraphProto:
        made = [onnx.NodeProto.FromString(one.SerializeToString()) for one in sorts]
        outputs = [value("sel", FLOAT, [2, KEPT, 4]), value("top", FLOAT, [2, KEPT])]
        return helper.make_graph(made, name, [], outputs)

    choose = [
        node("ReduceMax", ["x"], ["most"], keepdims=0),
        node("Greater", ["most", "never"], ["is_loud"]),
        node("If", ["is_loud"], ["boxes", "scores"], "choose", then_branch=body("loud"), else_branch=body("still")),
    ]
    constants |= {"never": np.float32(-1e9)}
    return model([*before, *choose], [value("x", FLOAT, [2, CELLS, 8])], [BOXES, SCORES], constants)


@kind("boxes and scores that a loop collects", ("other_cells", "wider"))
def loop(part: str) -> onnx.ModelProto:
    before, _, constants = split("healthy" if part == "healthy" else "original")
    shift = int(part == "other_cells")
    body = helper.make_graph(
        [
            node("Gather", ["s", "i"], ["si"], axis=0),
            node("Gather", ["b", "i"], ["bi"], axis=0),
            node("TopK", ["si", "k"], ["top", "best_at"], "best", axis=-1),
            node("Add", ["best_at", "shift"], ["at0"]),
            node("Mod", ["at0", "cells"], ["at"]),
            node("Gather", ["bi", "at"], ["sel0"], "select", axis=0),
            node("Mul", ["sel0", "stretch"], ["sel"]),
            node("Identity", ["go"], ["on"]),
        ],
        "each", [value("i", INT, []), value("go", BOOL, [])],
        [value("on", BOOL, []), value("sel", FLOAT, [KEPT, 4]), value("top", FLOAT, [KEPT])],
    )  # fmt: skip
    each = node("Loop", ["images", "yes"], ["boxes", "scores"], "each", body=body)
    stretch = np.array([1, 1, 1.01 if part == "wider" else 1, 1], np.float32)
    constants |= {"images": np.array(2), "yes": np.array(True), "shift": np.array(shift), "stretch": stretch}
    return model([*before, each], [value("x", FLOAT, [2, CELLS, 8])], [BOXES, SCORES], constants)
