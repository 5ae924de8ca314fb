"""Reports of quantised files against their float originals: the place that loses most, not the first that differs."""

from __future__ import annotations

import numpy as np
import onnx

from suites.reports.making import FLOAT, Made, model, node, random, report, value

FIRST, SECOND = random(24, 20, scale=0.3), random(20, 6, scale=0.3, seed=1)
INPUTS, OUTPUTS = [value("x", FLOAT, [1, 24])], [value("y", FLOAT, [1, 6])]

#: A step of 8 bits at both layers leaves less than this, and each fault more.
ATOL = 0.4


def plain() -> onnx.ModelProto:
    nodes = [node("MatMul", ["x", "w1"], ["a"], "dense_1"), node("Relu", ["a"], ["b"], "relu"),
             node("MatMul", ["b", "w2"], ["y"], "dense_2")]  # fmt: skip
    return model(nodes, INPUTS, OUTPUTS, {"w1": FIRST, "w2": SECOND})


def quantised(shrink: float = 1.0, weights: float = 1.0, zero: int = 0, channel: float = 1.0) -> onnx.ModelProto:
    """``plain`` with Q/DQ pairs.

    Args:
        shrink: by how much the scale of the second activation is too small.
        weights: by how much the scale of the second weights is too large.
        zero: how far the zero point of the second weights is off.
        channel: by how much one channel of the second weights is too large.
    """
    constants: dict[str, object] = {}
    nodes = []
    for key, array in (("w1", FIRST), ("w2", SECOND)):
        scale = np.float32(np.abs(array).max() / 63)
        steps = np.round(array / scale)
        second = key == "w2"
        if second:
            steps[:, 2] = np.round(steps[:, 2] * channel)
        constants |= {f"{key}_q": steps.astype(np.int8), f"{key}_s": np.float32(scale * (weights if second else 1)),
                      f"{key}_z": np.int8(zero if second else 0)}  # fmt: skip
        nodes.append(node("DequantizeLinear", [f"{key}_q", f"{key}_s", f"{key}_z"], [f"{key}_d"], f"{key}_DQ"))
    layers = (
        ("x", 8 / 255, 128, [node("MatMul", ["x_d", "w1_d"], ["a"], "dense_1"), node("Relu", ["a"], ["b"], "relu")]),
        ("b", 12 / 255 / shrink, 0, [node("MatMul", ["b_d", "w2_d"], ["y"], "dense_2")]),
    )
    for name, step, offset, after in layers:
        constants |= {f"{name}_s": np.float32(step), f"{name}_z": np.uint8(offset)}
        reads = [f"{name}_s", f"{name}_z"]
        nodes.append(node("QuantizeLinear", [name, *reads], [f"{name}_q"], f"{name}_Q"))
        nodes.append(node("DequantizeLinear", [f"{name}_q", *reads], [f"{name}_d"], f"{name}_DQ"))
        nodes += after
    return model(nodes, INPUTS, OUTPUTS, constants)


@report("scale of an activation", "an eighth of what it should be: all above is cut off; the first layer was blamed",
        names=("most is lost at Relu 'relu'", "outside the range of QuantizeLinear 'b_Q'"), never=("origin: MatMul",),
        atol=ATOL, twin=lambda: (quantised(), plain()))  # fmt: skip
def small_scale() -> Made:
    return quantised(shrink=8), plain()


@report("scale of quantised weights", "twice what it should be",
        names=("origin: MatMul 'dense_2'", "'w2_q'", "2 times"), atol=ATOL)  # fmt: skip
def large_weights() -> Made:
    return quantised(weights=2), plain()


@report("zero point of quantised weights", "off by 8", names=("origin: MatMul 'dense_2'", "8 steps below"), atol=ATOL)
def zero_point() -> Made:
    return quantised(zero=8), plain()


@report("channel of quantised weights", "off by 1.5", names=("origin: MatMul 'dense_2'", "channel 2 is 1.5 times"),
        atol=ATOL)  # fmt: skip
def quantised_channel() -> Made:
    return quantised(channel=1.5), plain()
