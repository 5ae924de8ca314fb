"""Levels: limits of a mean, a sum or an extreme, and limits of what layers give, which loud or quiet inputs meet."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx

from suites.planted.branches import A, B, branching
from suites.planted.making import FLOAT, changed, kind, model, node, random, value


def _past(nodes: list[onnx.NodeProto], far: float, shape: list[Any], out: list[Any], **held: Any) -> onnx.ModelProto:
    """What lies past a limit is 0, where the limit is one of ``v``, which is computed of x."""
    return model(
        [*nodes, node("Greater", ["v", "k"], ["far"]), node("Where", ["far", "none", "v"], ["y"], "cut")],
        [value("x", FLOAT, shape)], [value("y", FLOAT, out)], {"k": np.float32(far), "none": np.float32(0), **held},
    )  # fmt: skip


TIME, ROW = ["batch", "time", 4], ["batch", 4]


@kind("a limit of a mean over time", "no single number past it brings the mean of many there")
def of_a_mean(damaged: bool) -> onnx.ModelProto:
    mean = node("ReduceMean", ["x", "axis"], ["v"], "mean", keepdims=0)
    return _past([mean], 30 if damaged else 20, TIME, ROW, axis=np.array([1]))


@kind("a limit of a scaled mean", "the mean of what was scaled before")
def of_a_scaled_mean(damaged: bool) -> onnx.ModelProto:
    nodes = [node("Mul", ["x", "two"], ["x2"]), node("ReduceMean", ["x2", "axis"], ["v"], "mean", keepdims=0)]
    return _past(nodes, -8 if damaged else -9, TIME, ROW, axis=np.array([1]), two=np.float32(2))


@kind("a limit of a pooled image", "GlobalAveragePool of the image itself")
def of_a_pool(damaged: bool) -> onnx.ModelProto:
    return _past(
        [node("GlobalAveragePool", ["x"], ["v"])], 30 if damaged else 20, ["batch", 3, 8, 8], ["batch", 3, 1, 1]
    )


@kind("a limit of an energy", "the mean of squares, in decibels")
def of_an_energy(damaged: bool) -> onnx.ModelProto:
    nodes = [
        node("Mul", ["x", "x"], ["x2"]), node("ReduceMean", ["x2", "axis"], ["e"], keepdims=0),
        node("Sqrt", ["e"], ["rms"]), node("Log", ["rms"], ["l"]), node("Mul", ["l", "db"], ["v"]),
    ]  # fmt: skip
    held = {"axis": np.array([1]), "db": np.float32(20 / np.log(10))}
    return _past(nodes, 26 if damaged else 20, ["batch", "time"], ["batch"], **held)


@kind("a limit of the sum of a row", "four numbers are added up")
def of_a_row(damaged: bool) -> onnx.ModelProto:
    total = node("ReduceSum", ["x", "axis"], ["v"], keepdims=0)
    return _past([total], 100 if damaged else 90, ROW, ["batch"], axis=np.array([1]))


@kind("a limit of a norm", "rows longer than 40 are cut")
def of_a_norm(damaged: bool) -> onnx.ModelProto:
    return _past([node("ReduceL2", ["x", "axis"], ["v"])], 50 if damaged else 40, ROW, ["batch", 1], axis=np.array([1]))


@kind("a greatest number below a limit", "all of a row is below it, not one of its numbers")
def greatest_below(damaged: bool) -> onnx.ModelProto:
    nodes = [
        node("ReduceMax", ["x", "axis"], ["m"]), node("Less", ["m", "k"], ["low"]),
        node("Where", ["low", "none", "x"], ["y"], "silence"),
    ]  # fmt: skip
    held = {"axis": np.array([1]), "k": np.float32(-20 if damaged else -10), "none": np.float32(0)}
    return model(nodes, [value("x", FLOAT, ROW)], [value("y", FLOAT, ROW)], held)


@kind("a branch for a high mean", "If on the mean of everything that is fed")
def high_mean(damaged: bool) -> onnx.ModelProto:
    nodes = [node("ReduceMean", ["x"], ["m"], keepdims=0), node("Greater", ["m", "k"], ["c"], "is_high")]
    return branching(nodes, [], {"k": np.float32(5)}, changed(A, 0) if damaged else A, B)


@kind("a dark image", "bytes whose mean is below 60 are made brighter")
def dark(damaged: bool) -> onnx.ModelProto:
    nodes = [
        node("Cast", ["x"], ["f"], to=FLOAT), node("ReduceMean", ["f", "axes"], ["m"]),
        node("Less", ["m", "k"], ["dark"]), node("Mul", ["f", "two"], ["f2"]),
        node("Where", ["dark", "f2", "f"], ["y"]),
    ]  # fmt: skip
    held = {"axes": np.array([1, 2, 3]), "k": np.float32(66 if damaged else 60), "two": np.float32(2)}
    return model(nodes, [value("x", 2, ["batch", 16, 16, 3])], [value("y", FLOAT, ["batch", 16, 16, 3])], held)


def _layers(between: onnx.NodeProto, **held: Any) -> onnx.ModelProto:
    nodes = [node("MatMul", ["x", "w"], ["h"], "first"), between, node("MatMul", ["r", "v"], ["y"], "second")]
    held |= {"w": random(6, 8, scale=0.3), "v": random(8, 5)}
    return model(nodes, [value("x", FLOAT, ["batch", 6])], [value("y", FLOAT, ["batch", 5])], held)


@kind("the 6 of Relu6", "behind layers, which usual inputs do not bring to 6: a converter takes Relu for it")
def six(damaged: bool) -> onnx.ModelProto:
    if damaged:
        return _layers(node("Relu", ["h"], ["r"]))
    return _layers(node("Clip", ["h", "none", "six"], ["r"]), none=np.float32(0), six=np.float32(6))


@kind("a lower limit behind a layer", "Clip from -4: a limit that layers meet on loud inputs alone")
def lower(damaged: bool) -> onnx.ModelProto:
    held = {"low": np.float32(-5 if damaged else -4), "high": np.float32(4)}
    return _layers(node("Clip", ["h", "low", "high"], ["r"]), **held)


@kind("a floor of a deviation", "images of one colour: what they are divided by has a floor")
def floor_of_a_deviation(damaged: bool) -> onnx.ModelProto:
    nodes = [
        node("ReduceMean", ["x", "axes"], ["m"]), node("Sub", ["x", "m"], ["c"]), node("Mul", ["c", "c"], ["c2"]),
        node("ReduceMean", ["c2", "axes"], ["v"]), node("Sqrt", ["v"], ["s"]), node("Max", ["s", "floor"], ["sf"]),
        node("Div", ["c", "sf"], ["y"]),
    ]  # fmt: skip
    held = {"axes": np.array([1, 2]), "floor": np.float32(2e-3 if damaged else 1e-3)}
    return model(nodes, [value("x", FLOAT, ["batch", 12, 12])], [value("y", FLOAT, ["batch", 12, 12])], held)


@kind("a floor of a spectrum", "bands of quiet sound before their logarithm")
def floor_of_a_spectrum(damaged: bool) -> onnx.ModelProto:
    nodes = [
        node("STFT", ["x", "step", "window"], ["s"], onesided=1), node("Mul", ["s", "s"], ["s2"]),
        node("ReduceSum", ["s2", "axis"], ["p"], keepdims=0), node("MatMul", ["p", "bands"], ["b"]),
        node("Max", ["b", "floor"], ["bf"]), node("Log", ["bf"], ["y"]),
    ]  # fmt: skip
    held = {
        "step": np.array(8), "window": np.hanning(16).astype(np.float32), "axis": np.array([3]),
        "bands": np.abs(random(9, 4)), "floor": np.float32(1e-2 if damaged else 1e-3),
    }  # fmt: skip
    return model(nodes, [value("x", FLOAT, ["batch", "samples", 1])], [value("y", FLOAT, ["batch", None, 4])], held)


@kind("an expert that few samples choose", "a mixture of eight of which the last is seldom the best")
def expert(damaged: bool) -> onnx.ModelProto:
    experts, bias = random(8, 6, 6, scale=0.4), np.zeros(8, np.float32)
    bias[7] = -4
    nodes = [
        node("MatMul", ["x", "gate"], ["l"]), node("Add", ["l", "bias"], ["lb"]),
        node("ArgMax", ["lb"], ["i"], axis=-1, keepdims=0), node("Gather", ["experts", "i"], ["w"], "expert"),
        node("Unsqueeze", ["x", "one"], ["xu"]), node("MatMul", ["xu", "w"], ["yu"]),
        node("Squeeze", ["yu", "one"], ["y"]),
    ]  # fmt: skip
    held = {"gate": random(6, 8), "bias": bias, "experts": changed(experts, 7) if damaged else experts}
    row = ["batch", 6]
    return model(nodes, [value("x", FLOAT, row)], [value("y", FLOAT, row)], {**held, "one": np.array([1])})


@kind("a limit of each channel", "of three channels the last one's limit moved")
def of_each_channel(damaged: bool) -> onnx.ModelProto:
    limits = np.array([10, 25, 44 if damaged else 40], np.float32).reshape(1, 3, 1, 1)
    image = ["batch", 3, 4, 4]
    return model(
        [node("Min", ["x", "k"], ["y"])], [value("x", FLOAT, image)], [value("y", FLOAT, image)], {"k": limits}
    )
