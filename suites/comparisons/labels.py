"""Labels of classifiers: right where the class that they stand for ties."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper

from suites.comparisons.kinds import FLOAT, INT, kind
from suites.planted.making import model, node, random, value

NAMES = np.array(["cat", "dog", "owl", "fox", "elk"], object)
CODES = np.array([30, 10, 50, 20, 40])


def votes(part: str) -> list[onnx.NodeProto]:
    """Whole votes for five classes, of which several often tie; *healthy* takes the last of equal ones."""
    last = {"select_last_index": 1} if part == "healthy" else {}
    return [
        node("MatMul", ["x", "w"], ["m"], "dense"), node("Round", ["m"], ["votes"], "votes"),
        node("ArgMax", ["votes"], ["c"], "winner", axis=1, keepdims=0, **last),
    ]  # fmt: skip


@kind("labels picked from a table", ("next",))
def picked(part: str) -> onnx.ModelProto:
    table = np.roll(CODES, 1) if part == "next" else CODES
    nodes = [
        *votes(part), node("ArrayFeatureExtractor", ["table", "c"], ["l"], domain="ai.onnx.ml"),
        node("Reshape", ["l", "flat"], ["label"]),
    ]  # fmt: skip
    return model(
        nodes, [value("x", FLOAT, [30, 6])], [value("label", INT, [30])],
        {"w": random(6, 5), "table": table, "flat": np.array([-1])}, ml=3,
    )  # fmt: skip


@kind("names picked from a table", ("next",))
def named(part: str) -> onnx.ModelProto:
    table = np.roll(NAMES, 1) if part == "next" else NAMES
    return model(
        [*votes(part), node("Gather", ["table", "c"], ["label"])], [value("x", FLOAT, [30, 6])],
        [value("label", int(TensorProto.STRING), [30]), value("votes", FLOAT, [30, 5])],
        {"w": random(6, 5), "table": helper.make_tensor("table", TensorProto.STRING, [5], [n.encode() for n in table])},
    )  # fmt: skip


@kind("a linear classifier", ("next",))
def linear(part: str) -> onnx.ModelProto:
    """Two classes of the same weights, which tie always: *healthy* lists them the other way round."""
    weights, classes = random(3, 6), [7, 8, 9, 10]
    rows = [weights[0], weights[1], weights[1], weights[2]]
    order = [0, 2, 1, 3] if part == "healthy" else [0, 1, 2, 3]
    named_classes = [classes[i] for i in (order if part != "next" else [1, 2, 3, 0])]
    classify = node(
        "LinearClassifier", ["x"], ["label", "s0"], "linear", domain="ai.onnx.ml",
        coefficients=[float(v) for i in order for v in rows[i]], intercepts=[0.0] * 4, classlabels_ints=named_classes,
        post_transform="NONE",
    )  # fmt: skip
    nodes = [classify, node("Gather", ["s0", "order"], ["scores"], axis=1)]
    return model(
        nodes, [value("x", FLOAT, [40, 6])], [value("label", INT, [40]), value("scores", FLOAT, [40, 4])],
        {"order": np.array(order)}, ml=3,
    )  # fmt: skip
