"""Small float32 models of different kinds, whose conversions to fewer digits are made in the tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

Weights = dict[str, Any]


def _model(
    nodes: list[NodeProto], inputs: dict[str, list[int]], outputs: dict[str, list[int]], weights: Weights, opset: int
) -> ModelProto:
    values = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in side.items()]
        for side in (inputs, outputs)
    ]
    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "net", *values, tensors)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    return made


def _drawn(random: np.random.Generator, *shape: int, scale: float = 1.0) -> NDArray[np.float32]:
    return (random.standard_normal(shape) * scale).astype(np.float32)


def conv_net(seed: int = 0, opset: int = 17) -> ModelProto:
    """Three convolutions, a depthwise one among them, pooling and a dense layer: 1x3x16x16 to 1x10."""
    r = np.random.default_rng(seed)
    node = helper.make_node
    weights = {
        "w1": _drawn(r, 16, 3, 3, 3, scale=0.27), "b1": _drawn(r, 16, scale=0.2),
        "w2": _drawn(r, 16, 1, 3, 3, scale=0.4), "b2": _drawn(r, 16, scale=0.2),
        "w3": _drawn(r, 24, 16, 1, 1, scale=0.3), "b3": _drawn(r, 24, scale=0.2),
        "w4": _drawn(r, 24, 10, scale=0.3), "b4": _drawn(r, 10, scale=0.2),
    }  # fmt: skip
    nodes = [
        node("Conv", ["x", "w1", "b1"], ["a"], name="stem", strides=[2, 2], pads=[1] * 4),
        node("Relu", ["a"], ["ar"], name="stem_relu"),
        node("Conv", ["ar", "w2", "b2"], ["b"], name="depthwise", group=16, pads=[1] * 4),
        node("Relu", ["b"], ["br"], name="depthwise_relu"),
        node("Conv", ["br", "w3", "b3"], ["c"], name="pointwise"),
        node("Relu", ["c"], ["cr"], name="pointwise_relu"),
        node("GlobalAveragePool", ["cr"], ["g"], name="pool"),
        node("Flatten", ["g"], ["f"], name="flat"),
        node("Gemm", ["f", "w4", "b4"], ["y"], name="head"),
    ]
    return _model(nodes, {"x": [1, 3, 16, 16]}, {"y": [1, 10]}, weights, opset)


def residual_net(seed: int = 0, opset: int = 17) -> ModelProto:
    """Two branches that are added and joined, with pooling between: 1x4x12x12 to maps and scores."""
    r = np.random.default_rng(100 + seed)
    node = helper.make_node
    weights = {
        "w1": _drawn(r, 8, 4, 3, 3, scale=0.25), "w2": _drawn(r, 8, 8, 3, 3, scale=0.18),
        "w3": _drawn(r, 8, 8, 1, 1, scale=0.4), "w4": _drawn(r, 6, 16, 1, 1, scale=0.3), "b4": _drawn(r, 6, scale=0.1),
    }  # fmt: skip
    nodes = [
        node("Conv", ["x", "w1"], ["a"], name="enter", pads=[1] * 4),
        node("Relu", ["a"], ["ar"], name="enter_relu"),
        node("MaxPool", ["ar"], ["p"], name="shrink", kernel_shape=[2, 2], strides=[2, 2]),
        node("Conv", ["p", "w2"], ["l"], name="left", pads=[1] * 4),
        node("Conv", ["p", "w3"], ["m"], name="right"),
        node("Add", ["l", "m"], ["s"], name="join"),
        node("Relu", ["s"], ["sr"], name="join_relu"),
        node("Concat", ["sr", "p"], ["cat"], name="beside", axis=1),
        node("Conv", ["cat", "w4", "b4"], ["maps"], name="leave"),
        node("GlobalAveragePool", ["cat"], ["mean"], name="mean"),
        node("Flatten", ["mean"], ["scores"], name="flat"),
    ]
    outputs = {"maps": [1, 6, 6, 6], "scores": [1, 16]}
    return _model(nodes, {"x": [1, 4, 12, 12]}, outputs, weights, opset)


def dense_net(seed: int = 0, opset: int = 17) -> ModelProto:
    """Three dense layers, the last one wide: 4x24 to 4x12."""
    r = np.random.default_rng(200 + seed)
    node = helper.make_node
    weights = {
        "w1": _drawn(r, 24, 40, scale=0.2), "b1": _drawn(r, 40, scale=0.2), "w2": _drawn(r, 40, 32, scale=0.16),
        "b2": _drawn(r, 32, scale=0.1), "w3": _drawn(r, 32, 12, scale=0.18),
    }  # fmt: skip
    nodes = [
        node("MatMul", ["x", "w1"], ["a"], name="first"),
        node("Add", ["a", "b1"], ["ab"], name="first_bias"),
        node("Relu", ["ab"], ["ar"], name="first_relu"),
        node("MatMul", ["ar", "w2"], ["b"], name="second"),
        node("Add", ["b", "b2"], ["bb"], name="second_bias"),
        node("Sigmoid", ["bb"], ["bs"], name="second_gate"),
        node("MatMul", ["bs", "w3"], ["y"], name="third"),
    ]
    return _model(nodes, {"x": [4, 24]}, {"y": [4, 12]}, weights, opset)


def attention_net(seed: int = 0, opset: int = 17) -> ModelProto:
    """One layer of attention with normalization and a feed-forward part: 1x6x16 to 1x6x16."""
    r = np.random.default_rng(300 + seed)
    node = helper.make_node
    names = ("q", "k", "v", "o")
    weights: Weights = {f"w_{name}": _drawn(r, 16, 16, scale=0.25) for name in names}
    weights |= {"w_up": _drawn(r, 16, 32, scale=0.25), "w_down": _drawn(r, 32, 16, scale=0.18)}
    weights |= {"gain": r.uniform(0.8, 1.2, 16).astype(np.float32), "shift": _drawn(r, 16, scale=0.1)}
    weights |= {"root": np.float32(4.0), "eps": np.float32(1e-5), "two": np.float32(2.0)}
    axes: dict[str, Any] = {"axes": [-1]}
    mean = [] if opset >= 18 else [axes]
    if opset >= 18:
        weights["last"] = np.array([-1])

    def reduced(name: str, out: str) -> NodeProto:
        return node(
            "ReduceMean", [name, "last"] if opset >= 18 else [name], [out], name=f"mean_{out}", **(mean or [{}])[0]
        )

    nodes = [
        *(node("MatMul", ["x", f"w_{name}"], [name], name=f"project_{name}") for name in names[:3]),
        node("Transpose", ["k"], ["kt"], name="turn", perm=[0, 2, 1]),
        node("MatMul", ["q", "kt"], ["raw"], name="scores"),
        node("Div", ["raw", "root"], ["scaled"], name="scale"),
        node("Softmax", ["scaled"], ["weights"], name="softmax", axis=-1),
        node("MatMul", ["weights", "v"], ["mixed"], name="mix"),
        node("MatMul", ["mixed", "w_o"], ["out"], name="project_o"),
        node("Add", ["out", "x"], ["res"], name="residual"),
        reduced("res", "mu"),
        node("Sub", ["res", "mu"], ["centred"], name="centre"),
        node("Pow", ["centred", "two"], ["squared"], name="square"),
        reduced("squared", "var"),
        node("Add", ["var", "eps"], ["vare"], name="guard"),
        node("Sqrt", ["vare"], ["sd"], name="root_of"),
        node("Div", ["centred", "sd"], ["normed"], name="norm"),
        node("Mul", ["normed", "gain"], ["gained"], name="gain_of"),
        node("Add", ["gained", "shift"], ["shifted"], name="shift_of"),
        node("MatMul", ["shifted", "w_up"], ["up"], name="up"),
        node("Relu", ["up"], ["upr"], name="up_relu"),
        node("MatMul", ["upr", "w_down"], ["y"], name="down"),
    ]
    return _model(nodes, {"x": [1, 6, 16]}, {"y": [1, 6, 16]}, weights, opset)


def deep_net(seed: int = 0, opset: int = 17, depth: int = 12) -> ModelProto:
    """Twelve convolutions in a row: rounding adds up."""
    r = np.random.default_rng(400 + seed)
    nodes, weights, value = [], {}, "x"
    for layer in range(depth):
        weights[f"w{layer}"] = _drawn(r, 12, 3 if layer == 0 else 12, 3, 3, scale=0.14 if layer else 0.27)
        nodes.append(helper.make_node("Conv", [value, f"w{layer}"], [f"c{layer}"], name=f"conv_{layer}", pads=[1] * 4))
        nodes.append(helper.make_node("Relu", [f"c{layer}"], [f"r{layer}"], name=f"relu_{layer}"))
        value = f"r{layer}"
    nodes.append(helper.make_node("GlobalAveragePool", [value], ["y"], name="pool"))
    return _model(nodes, {"x": [1, 3, 10, 10]}, {"y": [1, 12, 1, 1]}, weights, opset)


NETS: dict[str, Callable[..., ModelProto]] = {
    "conv": conv_net, "residual": residual_net, "dense": dense_net, "attention": attention_net, "deep": deep_net,
}  # fmt: skip
