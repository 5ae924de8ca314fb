"""Losses: labels that are not counted, weights of classes, a mean that became a sum."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx

from suites.planted.making import FLOAT, INT, kind, model, node, random, value

CLASSES = 5
WEIGHTS = np.array([1, 0.5, 2, 1, 0.3], np.float32)


def trained(weights: Any = None, log: bool = False, **attributes: Any) -> onnx.ModelProto:
    """A network and its loss, as they are exported for training elsewhere; *log*: by its own logarithm."""
    constants = {"w": random(4, 16), "v": random(16, CLASSES, scale=0.3)}
    constants |= {} if weights is None else {"classes": weights}
    given = ["t"] if weights is None else ["t", "classes"]
    loss = [node("SoftmaxCrossEntropyLoss", ["z", *given], ["y"], **attributes)]
    if log:
        loss = [
            node("LogSoftmax", ["z"], ["p"], axis=1),
            node("NegativeLogLikelihoodLoss", ["p", *given], ["y"], **attributes),
        ]
    return model(
        [node("MatMul", ["x", "w"], ["h"]), node("Relu", ["h"], ["r"]), node("MatMul", ["r", "v"], ["z"]), *loss],
        [value("x", FLOAT, ["batch", 4]), value("t", INT, ["batch"])],
        [value("y", FLOAT, ["batch"] if attributes.get("reduction") == "none" else [])],
        constants,
    )


@kind(
    "label that is not counted", "padding is labelled -100; an exporter that knows one class of padding takes another"
)
def other_ignored(damaged: bool) -> onnx.ModelProto:
    return trained(ignore_index=1 if damaged else -100)


@kind("class that is not counted", "the background is class 0 and not counted; the damaged one counts it")
def counted_background(damaged: bool) -> onnx.ModelProto:
    return trained(log=True, **({} if damaged else {"ignore_index": 0}))


@kind("label that is not counted, one by one", "without a reduction the place of the label itself tells")
def ignored_unreduced(damaged: bool) -> onnx.ModelProto:
    return trained(reduction="none", **({} if damaged else {"ignore_index": 2}))


@kind("weight of the last class", "a rare class has a weight of its own, and stands last")
def class_weight(damaged: bool) -> onnx.ModelProto:
    weights = WEIGHTS.copy()
    weights[-1] *= 3 if damaged else 1
    return trained(weights)


@kind("mean that is a sum", "of one sample both are the same")
def summed(damaged: bool) -> onnx.ModelProto:
    return trained(reduction="sum" if damaged else "mean")


@kind("mean of squares that is a sum", "a loss written out; of one sample with one output both are the same")
def squares(damaged: bool) -> onnx.ModelProto:
    return model(
        [
            node("MatMul", ["x", "w"], ["z"]), node("Mul", ["z", "z"], ["square"]),
            node("ReduceSum" if damaged else "ReduceMean", ["square"], ["y"], keepdims=0),
        ],
        [value("x", FLOAT, ["batch", 4])], [value("y", FLOAT, [])], {"w": random(4, 1)},
    )  # fmt: skip
