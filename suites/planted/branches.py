"""Branches and constants: what runs for one number alone, and on one side of a computed condition."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from suites.planted.making import BOOL, FLOAT, INT, changed, kind, model, node, random, value

A, B = random(6, 6), random(6, 6, seed=1)


def side(name: str, weight: Any) -> onnx.GraphProto:
    """A branch that multiplies x by its own weight."""
    return helper.make_graph(
        [node("MatMul", ["x", f"{name}_w"], [f"{name}_y"], f"{name}_mix")], name, [],
        [value(f"{name}_y", FLOAT, None)], [numpy_helper.from_array(weight, f"{name}_w")],
    )  # fmt: skip


def branching(
    condition: list[onnx.NodeProto], inputs: list[onnx.ValueInfoProto], constants: dict[str, Any], then: Any, other: Any
) -> onnx.ModelProto:
    """If over the value ``c``."""
    choose = node("If", ["c"], ["y"], "choose", then_branch=side("then", then), else_branch=side("else", other))
    rows = [value("x", FLOAT, ["batch", 6]), *inputs]
    return model([*condition, choose], rows, [value("y", FLOAT, ["batch", 6])], constants)


@kind("one number among many", "Equal 17: a rule for one code of a product, in a column of codes of any size")
def one_code(damaged: bool) -> onnx.ModelProto:
    return model(
        [node("Equal", ["code", "k"], ["is"], "is_17"), node("Where", ["is", "bonus", "none"], ["y"], "bonus")],
        [value("code", INT, ["batch", 4])], [value("y", FLOAT, ["batch", 4])],
        {"k": np.array(17), "bonus": np.float32(3 if damaged else 2), "none": np.float32(0)},
    )  # fmt: skip


@kind("one number of forty", "a chain of rules, one for each code: the 37th is wrong")
def one_of_forty(damaged: bool) -> onnx.ModelProto:
    nodes, total = [], "zero"
    constants: dict[str, Any] = {"zero": np.zeros(1, np.float32)}
    for i in range(40):
        code = 100 + 13 * i
        weight = 2.0 if damaged and i == 37 else 1.0 + i / 100
        constants |= {f"k{i}": np.array(code), f"w{i}": np.float32(weight)}
        nodes += [
            node("Equal", ["code", f"k{i}"], [f"is{i}"], f"is_{code}"), node("Cast", [f"is{i}"], [f"f{i}"], to=FLOAT),
            node("Mul", [f"f{i}", f"w{i}"], [f"p{i}"]), node("Add", [total, f"p{i}"], [f"s{i}"]),
        ]  # fmt: skip
        total = f"s{i}"
    nodes.append(node("Identity", [total], ["y"]))
    return model(nodes, [value("code", INT, ["batch", 4])], [value("y", FLOAT, ["batch", 4])], constants)


@kind("a number after a cast", "the code is a float by the time it is compared")
def cast_code(damaged: bool) -> onnx.ModelProto:
    return model(
        [
            node("Cast", ["code"], ["f"], to=FLOAT), node("Equal", ["f", "k"], ["is"], "is_404"),
            node("Where", ["is", "bonus", "f"], ["y"], "bonus"),
        ],
        [value("code", 6, ["batch", 4])], [value("y", FLOAT, ["batch", 4])],
        {"k": np.float32(404), "bonus": np.float32(-7 if damaged else -8)},
    )  # fmt: skip


@kind("a limit far away", "a rule for measurements over 40, where inputs are drawn around 0")
def far_limit(damaged: bool) -> onnx.ModelProto:
    return model(
        [node("Greater", ["x", "k"], ["hot"], "hot"), node("Where", ["hot", "cut", "x"], ["y"], "cut")],
        [value("x", FLOAT, ["batch", 5])], [value("y", FLOAT, ["batch", 5])],
        {"k": np.float32(40), "cut": np.float32(41 if damaged else 40)},
    )  # fmt: skip


@kind("the side of one limit", "Less against LessOrEqual: the limit itself tells them apart")
def on_the_limit(damaged: bool) -> onnx.ModelProto:
    return model(
        [
            node("Less" if damaged else "LessOrEqual", ["age", "k"], ["young"], "young"),
            node("Where", ["young", "low", "high"], ["y"], "rate"),
        ],
        [value("age", INT, ["batch", 3])], [value("y", FLOAT, ["batch", 3])],
        {"k": np.array(65), "low": np.float32(1), "high": np.float32(2)},
    )  # fmt: skip


@kind("a branch for one rate", "If on a rate that equals 8000; the other branch runs for all else")
def rate(damaged: bool) -> onnx.ModelProto:
    return branching(
        [node("Equal", ["rate", "k"], ["c"], "is_8000")], [value("rate", INT, [])], {"k": np.array(8000)},
        changed(A, 0) if damaged else A, B,
    )  # fmt: skip


@kind("then of a computed condition", "the branch for batches whose mean is high, which a few random samples never are")
def computed_then(damaged: bool) -> onnx.ModelProto:
    return _computed("Greater", 0.9, changed(A, 0) if damaged else A, B)


@kind("else of a computed condition", "the branch for inputs that reach far, which inputs in -1 to 1 never do")
def computed_else(damaged: bool) -> onnx.ModelProto:
    return _computed("Less", 1.5, A, changed(B, 0) if damaged else B)


def _computed(compare: str, limit: float, then: Any, other: Any) -> onnx.ModelProto:
    condition = [
        node("MatMul", ["x", "row"], ["p"], "score"), node("ReduceMax", ["p"], ["m"], keepdims=0),
        node(compare, ["m", "k"], ["c"], "decide"),
    ]  # fmt: skip
    row = np.array([[0.5], [0.5], [0], [0], [0], [0]], np.float32)
    return branching(condition, [], {"row": row, "k": np.float32(limit)}, then, other)


@kind("a flag for one branch", "a decoder with use_cache_branch: the branch without it")
def flag(damaged: bool) -> onnx.ModelProto:
    return branching(
        [node("Identity", ["use_cache_branch"], ["b"]), node("Squeeze", ["b", "at"], ["c"])],
        [value("use_cache_branch", BOOL, [1])], {"at": np.array([0])}, A, changed(B, 0) if damaged else B,
    )  # fmt: skip


@kind("a branch inside a branch", "two flags: the inner one runs in one of four cases")
def nested(damaged: bool) -> onnx.ModelProto:
    inner = helper.make_graph(
        [node("If", ["b"], ["in_y"], "inner", then_branch=side("deep", changed(A, 0) if damaged else A),
              else_branch=side("flat", B))],
        "outer_then", [], [value("in_y", FLOAT, None)],
    )  # fmt: skip
    other = random(6, 6, seed=2)
    choose = node("If", ["a"], ["y"], "outer", then_branch=inner, else_branch=side("rest", other))
    return model(
        [choose], [value("x", FLOAT, ["batch", 6]), value("a", BOOL, []), value("b", BOOL, [])],
        [value("y", FLOAT, ["batch", 6])],
    )  # fmt: skip


@kind("two flags together", "And of two inputs: both must be true, or both false")
def both_flags(damaged: bool) -> onnx.ModelProto:
    how = [node("Xor", ["a", "b"], ["c"])] if damaged else [node("Or", ["a", "b"], ["c"])]
    return branching(how, [value("a", BOOL, []), value("b", BOOL, [])], {}, A, B)


def _cut(nodes: list[onnx.NodeProto], far: float, inputs: tuple[str, ...] = ("x",)) -> onnx.ModelProto:
    """What lies past a limit is 0, where the limit is one of ``v``, which is computed of the inputs."""
    return model(
        [*nodes, node("Greater", ["v", "k"], ["far"]), node("Where", ["far", "none", "v"], ["y"], "cut")],
        [value(name, FLOAT, ["batch", 3]) for name in inputs], [value("y", FLOAT, ["batch", 3])],
        {"k": np.float32(far), "none": np.float32(0)},
    )  # fmt: skip


@kind("a limit of both signs", "outliers are told by how far they are from 0")
def both_signs(damaged: bool) -> onnx.ModelProto:
    return _cut([node("Abs", ["x"], ["v"])], 60 if damaged else 50)


@kind("a limit of a square", "energy past a limit")
def of_a_square(damaged: bool) -> onnx.ModelProto:
    return _cut([node("Mul", ["x", "x"], ["v"])], 900 if damaged else 400)


@kind("a limit of a logarithm", "a level past a limit")
def of_a_logarithm(damaged: bool) -> onnx.ModelProto:
    return _cut([node("Log", ["x"], ["v"])], 4.5 if damaged else 4)


@kind("a limit of a sum", "two inputs together are past a limit")
def of_a_sum(damaged: bool) -> onnx.ModelProto:
    return _cut([node("Add", ["x", "z"], ["v"])], 60 if damaged else 50, ("x", "z"))


@kind("a limit of a difference", "how far two inputs are apart")
def of_a_difference(damaged: bool) -> onnx.ModelProto:
    return _cut([node("Sub", ["x", "z"], ["v"])], 60 if damaged else 50, ("x", "z"))


@kind("a branch at a length of its own", "speech at 16 kHz comes in windows of 32, at any other rate in windows of 8")
def other_window(damaged: bool) -> onnx.ModelProto:
    wide, narrow = random(32, 6, seed=2), random(8, 6, seed=3)
    choose = node(
        "If", ["c"], ["y"], "choose",
        then_branch=side("then", wide), else_branch=side("else", changed(narrow, 3) if damaged else narrow),
    )  # fmt: skip
    return model(
        [node("Equal", ["rate", "k"], ["c"], "is_16k"), choose],
        [value("x", FLOAT, ["batch", "samples"]), value("rate", INT, [])], [value("y", FLOAT, ["batch", 6])],
        {"k": np.array(16000)},
    )  # fmt: skip
