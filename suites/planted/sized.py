"""Sizes that decide, and axes that a letter calls a batch: how many elements there are, how often a loop turns."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper

from suites.planted.branches import A, B, side
from suites.planted.making import BOOL, FLOAT, INT, changed, kind, model, node, random, value

LIST = [1, "time", 6]


def _by_size(damaged: bool, condition: list[onnx.NodeProto], limit: int, **held: Any) -> onnx.ModelProto:
    """If over the value ``s``, which counts what x has, is past *limit*."""
    branches = {"then_branch": side("then", changed(A, 0) if damaged else A), "else_branch": side("else", B)}
    nodes = [*condition, node("Greater", ["s", "limit"], ["c"], "is_long"), node("If", ["c"], ["y"], **branches)]
    held["limit"] = np.array(limit)
    return model(nodes, [value("x", FLOAT, LIST)], [value("y", FLOAT, LIST)], held)


@kind("a branch for many elements", "If on Size: the branch of long inputs")
def of_a_size(damaged: bool) -> onnx.ModelProto:
    return _by_size(damaged, [node("Size", ["x"], ["s"])], 300)


@kind("a branch for a product of sizes", "the same, multiplied by hand")
def of_a_product(damaged: bool) -> onnx.ModelProto:
    nodes = [node("Shape", ["x"], ["shape"], start=0, end=2), node("ReduceProd", ["shape"], ["s"], keepdims=0)]
    return _by_size(damaged, nodes, 50)


@kind("a branch for half of a length", "frames of two samples are counted")
def of_a_half(damaged: bool) -> onnx.ModelProto:
    nodes = [
        node("Shape", ["x"], ["shape"], start=1, end=2), node("Squeeze", ["shape", "first"], ["n"]),
        node("Div", ["n", "two"], ["s"]),
    ]  # fmt: skip
    return _by_size(damaged, nodes, 50, first=np.array([0]), two=np.array(2))


@kind("a multiple that a list must have", "numbers in a row that are put into rows of six: other lengths do not run")
def multiple(damaged: bool) -> onnx.ModelProto:
    weights = random(6, 3)
    return model(
        [node("Reshape", ["x", "rows"], ["r"]), node("MatMul", ["r", "w"], ["y"])], [value("x", FLOAT, ["numbers"])],
        [value("y", FLOAT, ["rows", 3])], {"rows": np.array([-1, 6]), "w": changed(weights, 5) if damaged else weights},
    )  # fmt: skip


@kind("a loop's seventh turn", "how often it turns is fed: from the seventh turn on another branch runs")
def seventh_turn(damaged: bool) -> onnx.ModelProto:
    def branch(name: str, op: str, weights: Any) -> onnx.GraphProto:
        held = onnx.numpy_helper.from_array(weights, f"{name}_w")
        one = node(op, ["state", f"{name}_w"], [f"{name}_y"])
        return helper.make_graph([one], name, [], [value(f"{name}_y", FLOAT, None)], [held])

    late = changed(random(4, seed=1), 2) if damaged else random(4, seed=1)
    branches = {"then_branch": branch("then", "Add", late), "else_branch": branch("else", "Mul", random(4))}
    inner = [
        node("Greater", ["turn", "five"], ["late"]),
        node("If", ["late"], ["next"], **branches),
        node("Identity", ["on"], ["still"]),
    ]  # fmt: skip
    row = ["batch", 4]
    fed = [value("turn", INT, []), value("on", BOOL, []), value("state", FLOAT, row)]
    body = helper.make_graph(inner, "body", fed, [value("still", BOOL, []), value("next", FLOAT, row)])
    return model(
        [node("Loop", ["turns", "yes", "x"], ["y"], body=body)], [value("x", FLOAT, row), value("turns", INT, [])],
        [value("y", FLOAT, row)], {"yes": np.array(True), "five": np.array(5)},
    )  # fmt: skip


@kind("a resize that rounds", "twice as large, all ways to round are the same")
def rounding(damaged: bool) -> onnx.ModelProto:
    how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric"}
    way = "round_prefer_floor" if damaged else "floor"
    return model(
        [node("Resize", ["x", "", "", "sizes"], ["y"], nearest_mode=way, **how)],
        [value("x", FLOAT, [1, 1, 5, 5]), value("sizes", INT, [4])], [value("y", FLOAT, ["a", "b", "c", "d"])],
    )  # fmt: skip


@kind("sums of M rows", "a table of M rows that are added up from the top: M is no batch, and one row does not tell")
def running(damaged: bool) -> onnx.ModelProto:
    return model(
        [node("CumSum", ["x", "first"], ["y"], reverse=int(damaged))], [value("x", FLOAT, ["M", 3])],
        [value("y", FLOAT, ["M", 3])], {"first": np.array(0)},
    )  # fmt: skip


@kind("shares of N numbers", "of a single number Softmax is 1")
def shares(damaged: bool) -> onnx.ModelProto:
    one = node("LogSoftmax" if damaged else "Softmax", ["x"], ["y"], axis=0)
    return model([one], [value("x", FLOAT, ["N"])], [value("y", FLOAT, ["N"])])


@kind("products of N rows", "each row with each")
def products(damaged: bool) -> onnx.ModelProto:
    nodes = [
        node("Transpose", ["x"], ["t"]),
        node("MatMul", ["x", "t"], ["p"]),
        node("Neg" if damaged else "Abs", ["p"], ["y"]),
    ]
    return model(nodes, [value("x", FLOAT, ["N", 3])], [value("y", FLOAT, ["N", "N"])])


@kind("a square of N", "the product of two matrices, and the other way round")
def square(damaged: bool) -> onnx.ModelProto:
    sides = ["b", "a"] if damaged else ["a", "b"]
    rows = [value("a", FLOAT, ["N", "N"]), value("b", FLOAT, ["N", "N"])]
    return model([node("MatMul", sides, ["y"])], rows, [value("y", FLOAT, ["N", "N"])])


@kind("a signal of M numbers", "Conv along M: at one number only the middle of the kernel counts")
def signal(damaged: bool) -> onnx.ModelProto:
    kernel = random(4, 3, 3)
    return model(
        [node("Unsqueeze", ["x", "first"], ["u"]), node("Conv", ["u", "w"], ["y"], pads=[1, 1])],
        [value("x", FLOAT, [3, "M"])], [value("y", FLOAT, [1, 4, "M"])],
        {"first": np.array([0]), "w": changed(kernel, np.s_[:, :, 2]) if damaged else kernel},
    )  # fmt: skip


@kind("a window of attention", "words more than 32 apart do not see each other: no short text tells")
def window(damaged: bool) -> onnx.ModelProto:
    nodes = [
        node("Gather", ["emb", "ids"], ["e"]), node("Shape", ["ids"], ["s"], start=1, end=2),
        node("Squeeze", ["s", "a0"], ["n"]), node("Range", ["zero", "n", "one"], ["r"]),
        node("Unsqueeze", ["r", "a0"], ["r0"]), node("Unsqueeze", ["r", "a1"], ["r1"]),
        node("Sub", ["r1", "r0"], ["d"]), node("Abs", ["d"], ["apart"]), node("Greater", ["apart", "width"], ["far"]),
        node("Where", ["far", "low", "none"], ["m"]), node("Transpose", ["e"], ["et"], perm=[0, 2, 1]),
        node("MatMul", ["e", "et"], ["sc"]), node("Add", ["sc", "m"], ["sm"]), node("Softmax", ["sm"], ["p"], axis=-1),
        node("MatMul", ["p", "e"], ["y"]),
    ]  # fmt: skip
    held = {
        "emb": random(50, 8, scale=0.3), "a0": np.array([0]), "a1": np.array([1]), "zero": np.array(0),
        "one": np.array(1), "width": np.array(40 if damaged else 32), "low": np.float32(-1e4), "none": np.float32(0),
    }  # fmt: skip
    return model(nodes, [value("ids", INT, ["batch", "seq"])], [value("y", FLOAT, ["batch", "seq", 8])], held)


@kind("a triangle that is cut", "a stored causal mask whose end was lost")
def triangle(damaged: bool) -> onnx.ModelProto:
    mask = np.triu(np.full((1, 1, 64, 64), -1e4, np.float32), 1)
    if damaged:
        mask[..., 40:, 41:] = 0
    nodes = [
        node("Gather", ["emb", "ids"], ["e"]), node("Shape", ["ids"], ["s"], start=1, end=2),
        node("Slice", ["mask", "zero", "s", "a2"], ["m2"]), node("Slice", ["m2", "zero", "s", "a3"], ["m3"]),
        node("Squeeze", ["m3", "a01"], ["m"]), node("Transpose", ["e"], ["et"], perm=[0, 2, 1]),
        node("MatMul", ["e", "et"], ["sc"]), node("Add", ["sc", "m"], ["sm"]), node("Softmax", ["sm"], ["p"], axis=-1),
        node("MatMul", ["p", "e"], ["y"]),
    ]  # fmt: skip
    held = {
        "emb": random(50, 8, scale=0.3), "mask": mask, "zero": np.array([0]), "a2": np.array([2]), "a3": np.array([3]),
        "a01": np.array([0, 1]),
    }  # fmt: skip
    return model(nodes, [value("ids", INT, ["batch", "seq"])], [value("y", FLOAT, ["batch", "seq", 8])], held)
