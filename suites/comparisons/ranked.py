"""Indices: what TopK, ArgMax and ArgMin give, where scores tie and where an index is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx

from suites.comparisons.kinds import FLOAT, INT, kind
from suites.planted.making import model, node, random, value

WEIGHTS = random(6, 16)


def top(part: str, **attributes: Any) -> onnx.ModelProto:
    """The 12 best of 16 rectified scores, many of which are 0; *healthy* takes ties from the other end."""
    names = {"k": np.array([12]), "back": np.arange(15, -1, -1), "last": np.array(15), "w": WEIGHTS}
    nodes = [node("MatMul", ["x", "w"], ["m"], "dense"), node("Relu", ["m"], ["s"], "gate")]
    if part == "original":
        nodes.append(node("TopK", ["s", "k"], ["best", "at"], "top", axis=1, **attributes))
    elif part == "healthy":
        nodes += [
            node("Gather", ["s", "back"], ["t"], axis=1), node("TopK", ["t", "k"], ["best", "i"], axis=1, **attributes),
            node("Sub", ["last", "i"], ["at"]),
        ]  # fmt: skip
    else:
        orders = {
            "swapped": [1, 0, *range(2, 12)], "twice": [0, 0, *range(2, 12)], "turned": [*range(11, -1, -1)],
        }  # fmt: skip
        names["order"] = np.array(orders.get(part, [*range(12)]))
        nodes += [
            node("TopK", ["s", "k"], ["best", "i"], axis=1, **attributes),
            node("Gather", ["i", "order"], ["j"], axis=1), node("Add", ["j", "shift"], ["at"]),
        ]  # fmt: skip
        names["shift"] = np.array(20 if part == "outside" else 1 if part == "shifted" else 0)
    return model(nodes, [value("x", FLOAT, [2, 6])], [value("best", FLOAT, [2, 12]), value("at", INT, [2, 12])], names)


@kind("ties of TopK", ("swapped", "twice", "turned", "outside", "shifted"))
def ties(part: str) -> onnx.ModelProto:
    return top(part)


@kind("ties of TopK, the smallest", ("turned", "shifted"))
def smallest(part: str) -> onnx.ModelProto:
    return top(part, largest=0)


@kind("ties of TopK, unsorted", ("swapped", "shifted"))
def unsorted(part: str) -> onnx.ModelProto:
    return top(part, sorted=0)


def indices_alone(part: str, shape: bool = False) -> onnx.ModelProto:
    """No score is an output: they are looked up inside both graphs."""
    made = top(part)
    del made.graph.output[0]
    if shape:
        last = made.graph.node[-1].output
        last[list(last).index("at")] = "flat"
        made.graph.initializer.append(onnx.numpy_helper.from_array(np.array([2, 3, 4]), "sizes"))
        made.graph.node.append(node("Reshape", ["flat", "sizes"], ["blocks"]))
        made.graph.node.append(node("Cast", ["blocks"], ["at"], to=FLOAT))
        del made.graph.output[:]
        made.graph.output.append(value("at", FLOAT, [2, 3, 4]))
    return made


@kind("indices alone", ("swapped", "shifted"))
def alone(part: str) -> onnx.ModelProto:
    return indices_alone(part)


@kind("indices as floats in blocks", ("swapped", "outside"))
def blocks(part: str) -> onnx.ModelProto:
    return indices_alone(part, shape=True)


def vote(part: str, operator: str, scores: bool) -> onnx.ModelProto:
    """The class with most whole votes; *healthy* takes the last of equal ones, *next* the class behind it."""
    outputs = [value("class", INT, [30])]
    outputs += [value("votes", FLOAT, [30, 16])] if scores else []
    nodes = [node("MatMul", ["x", "w"], ["m"], "dense"), node("Round", ["m"], ["votes"], "votes")]
    last = {"select_last_index": 1} if part == "healthy" else {}
    ends = {
        "next": [node("Add", ["c", "one"], ["n"]), node("Mod", ["n", "classes"], ["class"])],
        "first": [node("Mul", ["c", "zero"], ["class"])],
    }.get(part, [node("Identity", ["c"], ["class"])])
    nodes += [node(operator, ["votes"], ["c"], "winner", axis=1, keepdims=0, **last), *ends]
    return model(
        nodes, [value("x", FLOAT, [30, 6])], outputs,
        {"w": WEIGHTS, "one": np.array(1), "zero": np.array(0), "classes": np.array(16)},
    )  # fmt: skip


@kind("ties of ArgMax", ("next", "first"))
def best(part: str) -> onnx.ModelProto:
    return vote(part, "ArgMax", True)


@kind("ties of ArgMax, whose scores are no output", ("next", "first"))
def hidden(part: str) -> onnx.ModelProto:
    return vote(part, "ArgMax", False)


@kind("ties of ArgMin", ("next", "first"))
def least(part: str) -> onnx.ModelProto:
    return vote(part, "ArgMin", False)


@kind("ArgMax by the last digit", ("next",))
def near(part: str) -> onnx.ModelProto:
    """Scores that are a few units in the last place apart, added up in another order."""
    w, high = random(8, 20, scale=3e-6), np.float32(9)
    if part == "healthy":
        nodes = [
            node("Split", ["x", "half"], ["xa", "xb"], axis=1), node("MatMul", ["xa", "wa"], ["a"]),
            node("MatMul", ["xb", "wb"], ["b"]), node("Add", ["b", "high"], ["bh"]), node("Add", ["bh", "a"], ["s"]),
        ]  # fmt: skip
    else:
        nodes = [node("MatMul", ["x", "w"], ["m"]), node("Add", ["m", "high"], ["s"])]
    end = "c" if part == "next" else "class"
    nodes.append(node("ArgMax", ["s"], [end], "winner", axis=1, keepdims=0))
    nodes += [node("Add", ["c", "one"], ["n"]), node("Mod", ["n", "n20"], ["class"])] if end == "c" else []
    return model(
        nodes, [value("x", FLOAT, [40, 8])], [value("class", INT, [40])],
        {"w": w, "wa": w[:3], "wb": w[3:], "half": np.array([3, 5]), "high": high, "one": np.array(9),
         "n20": np.array(20)},
    )  # fmt: skip
