"""Whole numbers behind a rounding: one step apart where the rounding was close."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto

from suites.comparisons.kinds import FLOAT, kind
from suites.planted.making import model, node, random, value

W, BIAS = random(12, 5, scale=0.3), random(5)


def head(part: str) -> tuple[list[onnx.NodeProto], dict[str, object]]:
    """Up to ``q``: a bias apart by less than half a step (*healthy*); by five steps in a column; a zero point off."""
    add = {"healthy": 0.004, "five": np.array([0, 0, 0.25, 0, 0])}.get(part, 0)
    zero = 129 if part == "zero point" else 128
    scale = 0.1 if part == "scale" else 0.05
    nodes = [
        node("MatMul", ["x", "w"], ["m"], "dense"), node("Add", ["m", "bias"], ["z"], "bias"),
        node("QuantizeLinear", ["z", "s", "zp"], ["q"], "to_bytes"),
    ]  # fmt: skip
    return nodes, {"w": W, "bias": (BIAS + add).astype(np.float32), "s": np.float32(scale), "zp": np.uint8(zero)}


@kind("bytes", ("five", "zero point", "scale"))
def plain(part: str) -> onnx.ModelProto:
    nodes, constants = head(part)
    return model(
        [*nodes, node("Identity", ["q"], ["y"])], [value("x", FLOAT, [1, 40, 12])],
        [value("y", TensorProto.UINT8, [1, 40, 5])], constants,
    )  # fmt: skip


@kind("bytes that were turned and cut", ("five", "zero point"))
def moved(part: str) -> onnx.ModelProto:
    nodes, constants = head(part)
    constants |= {"from": np.array([0]), "to": np.array([30]), "along": np.array([2])}
    ends = [node("Transpose", ["q"], ["t"], perm=[0, 2, 1]), node("Slice", ["t", "from", "to", "along"], ["y"])]
    return model(
        [*nodes, *ends], [value("x", FLOAT, [1, 40, 12])], [value("y", TensorProto.UINT8, [1, 5, 30])], constants
    )


@kind("an integer convolution", ("zero point", "weights"))
def convolution(part: str) -> onnx.ModelProto:
    """QLinearConv, whose input is quantized from floats; *healthy*: by a scale that is half a percent larger."""
    weights = np.clip(np.round(random(4, 3, 3, 3) * 30), -60, 60).astype(np.int8)
    if part == "weights":
        weights[1] = weights[1] // 2
    constants = {
        "xs": np.float32(0.02), "xz": np.uint8(128), "w": weights, "ws": np.float32(0.01), "wz": np.int8(0),
        "ys": np.float32(0.1 * (1.001 if part == "healthy" else 1)),
        "yz": np.uint8(131 if part == "zero point" else 128),
    }  # fmt: skip
    nodes = [
        node("QuantizeLinear", ["x", "xs", "xz"], ["xq"], "in"),
        node("QLinearConv", ["xq", "xs", "xz", "w", "ws", "wz", "ys", "yz"], ["y"], "conv"),
    ]  # fmt: skip
    return model(nodes, [value("x", FLOAT, [1, 3, 12, 12])], [value("y", TensorProto.UINT8, [1, 4, 10, 10])], constants)
