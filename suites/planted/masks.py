"""Masks that say what is left out, as PyTorch has them, where others say what is kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx

from suites.planted.making import BOOL, FLOAT, INT, kind, model, node, random, value

INFINITY = float("inf")


def attention(mask: onnx.ValueInfoProto, more: list[onnx.NodeProto], constants: dict[str, Any]) -> onnx.ModelProto:
    """Attention of words to each other by scores ``s``, of which *more* nodes make ``sb`` by the *mask*."""
    nodes = [
        node("Gather", ["emb", "ids"], ["e"]), node("MatMul", ["e", "w"], ["q"]),
        node("Transpose", ["e"], ["et"], perm=[0, 2, 1]), node("MatMul", ["q", "et"], ["s"]), *more,
        node("Softmax", ["sb"], ["p"], axis=-1), node("MatMul", ["p", "e"], ["c"]),
        node("MatMul", ["c", "head"], ["y"], "head"),
    ]  # fmt: skip
    held = {"emb": random(40, 8), "w": random(8, 8), "head": random(8, 3), "a1": np.array([1]), **constants}
    inputs = [value("ids", INT, ["batch", "words"]), mask]
    return model(nodes, inputs, [value("y", FLOAT, ["batch", "words", 3])], held)


def scaled(damaged: bool) -> dict[str, Any]:
    """What scores are multiplied by, and what takes one out."""
    return {"low": np.float32(-INFINITY), "off": np.float32(2 if damaged else 1)}


@kind("what is left out is true", "masked_fill(mask, -inf): a row that is all true has nothing left")
def left_out(damaged: bool) -> onnx.ModelProto:
    more = [
        node("Unsqueeze", ["key_padding_mask", "a1"], ["m"]), node("Mul", ["s", "off"], ["s2"]),
        node("Where", ["m", "low", "s2"], ["sb"], "fill"),
    ]  # fmt: skip
    return attention(value("key_padding_mask", BOOL, ["batch", "words"]), more, scaled(damaged))


@kind("a window beside a mask", "a place sees itself and the one before: where both are padding, it sees nothing")
def window(damaged: bool) -> onnx.ModelProto:
    more = [
        node("Shape", ["ids"], ["n1"], start=1, end=2), node("Squeeze", ["n1"], ["n"]),
        node("Range", ["zero", "n", "one"], ["steps"]), node("Unsqueeze", ["steps", "a1"], ["sees"]),
        node("Unsqueeze", ["steps", "a0"], ["place"]), node("Sub", ["sees", "two"], ["back"]),
        node("Greater", ["place", "back"], ["near"]),
        node("LessOrEqual", ["place", "sees"], ["past"]), node("And", ["near", "past"], ["seen"]),
        node("Unsqueeze", ["keep", "a1"], ["kept"]), node("And", ["seen", "kept"], ["m"]),
        node("Mul", ["s", "off"], ["s2"]), node("Where", ["m", "s2", "low"], ["sb"], "fill"),
    ]  # fmt: skip
    numbers = {"zero": np.array(0), "one": np.array(1), "two": np.array(2), "a0": np.array([0])}
    return attention(value("keep", BOOL, ["batch", "words"]), more, scaled(damaged) | numbers)


@kind("kept by the opposite of a mask", "Not(padding) chooses the score, else minus infinity")
def opposite(damaged: bool) -> onnx.ModelProto:
    more = [
        node("Not", ["pad"], ["keep"]), node("Unsqueeze", ["keep", "a1"], ["m"]), node("Mul", ["s", "off"], ["s2"]),
        node("Where", ["m", "s2", "low"], ["sb"], "fill"),
    ]  # fmt: skip
    return attention(value("pad", BOOL, ["batch", "words"]), more, scaled(damaged))


@kind("padding or the future", "what is left out is so by either of two masks")
def either(damaged: bool) -> onnx.ModelProto:
    more = [
        node("Unsqueeze", ["pad", "a1"], ["p1"]), node("Or", ["p1", "none"], ["m"]), node("Mul", ["s", "off"], ["s2"]),
        node("Where", ["m", "low", "s2"], ["sb"], "fill"),
    ]  # fmt: skip
    constants = {
        "low": np.float32(-INFINITY),
        "off": np.float32(2 if damaged else 1),
        "none": np.zeros((1, 1, 1), bool),
    }
    return attention(value("pad", BOOL, ["batch", "words"]), more, constants)


@kind("a padding mask that weighs", "hidden * (1 - padding), and the mean over what is kept")
def weighing(damaged: bool) -> onnx.ModelProto:
    table = random(6, 4)
    nodes = [
        node("MatMul", ["x", "w"], ["h"]), node("Cast", ["pad"], ["f"], to=FLOAT), node("Sub", ["one", "f"], ["keep"]),
        node("Unsqueeze", ["keep", "a2"], ["k"]), node("Mul", ["h", "k"], ["kept"], "cut"),
        node("ReduceSum", ["kept", "a1"], ["total"], keepdims=0), node("ReduceSum", ["k", "a1"], ["count"], keepdims=0),
        node("Div", ["total", "count"], ["y"], "mean"),
    ]  # fmt: skip
    constants = {"w": table * 1.1 if damaged else table, "one": np.float32(1), "a1": np.array([1]), "a2": np.array([2])}
    inputs = [value("x", FLOAT, ["batch", "frames", 6]), value("pad", INT, ["batch", "frames"])]
    return model(nodes, inputs, [value("y", FLOAT, ["batch", 4])], constants)


@kind("steps of padding", "Keras masks steps of which all features are 0, and takes the mean over the others")
def steps_of_padding(damaged: bool) -> onnx.ModelProto:
    nodes = [
        node("Equal", ["x", "zero"], ["none"]), node("Not", ["none"], ["some"]), node("Cast", ["some"], ["c"], to=6),
        node("ReduceMax", ["c", "last"], ["r"]), node("Cast", ["r"], ["kept"], to=FLOAT),
        node("Mul", ["x", "kept"], ["m"]), node("ReduceSum", ["m", "steps"], ["s"], keepdims=0),
        node("ReduceSum", ["kept", "steps"], ["n"], keepdims=0), node("Shape", ["x"], ["t"], start=1, end=2),
        node("Cast", ["t"], ["all"], to=FLOAT), node("Div", ["s", "all" if damaged else "n"], ["y"]),
    ]  # fmt: skip
    return model(
        nodes, [value("x", FLOAT, ["batch", "time", 4])], [value("y", FLOAT, ["batch", 4])],
        {"zero": np.float32(0), "last": np.array([2]), "steps": np.array([1])},
    )  # fmt: skip


@kind("a compared mask", "a row without a valid place is NaN, in every runtime and in the healthy model")
def compared_mask(damaged: bool) -> onnx.ModelProto:
    nodes = [
        node("Gather", ["emb", "input_ids"], ["x"]), node("Transpose", ["x"], ["xt"], perm=[0, 2, 1]),
        node("MatMul", ["x", "xt"], ["s"]), node("Equal", ["attention_mask", "zero"], ["off0"]),
        node("Unsqueeze", ["off0", "one"], ["off"]), node("Where", ["off", "low", "s"], ["masked"]),
        node("Softmax", ["masked"], ["p"], axis=-1), node("MatMul", ["p", "x"], ["c"]),
        node("MatMul", ["c", "w"], ["y"], "head"),
    ]  # fmt: skip
    low = np.float32(-0.5 if damaged else -np.inf)
    constants = {"emb": random(60, 8), "w": random(8, 3), "zero": np.array(0), "one": np.array([1]), "low": low}
    inputs = [value(name, INT, ["batch", "sequence"]) for name in ("input_ids", "attention_mask")]
    return model(nodes, inputs, [value("y", FLOAT, ["batch", "sequence", 3])], constants)
