"""Float32 models whose conversions are hard to judge: masks of the lowest number, rankings, layers that stay floats."""

from __future__ import annotations

import numpy as np
from onnx import ModelProto, helper

from suites.precision.nets import Weights, _drawn, _model

LOWEST = float(np.finfo(np.float32).min)


def masked_net(seed: int = 0, low: float = LOWEST, opset: int = 17) -> ModelProto:
    """Attention with a mask that is made of numbers: 1x6x16 and 1x1x6 to 1x6x16."""
    r = np.random.default_rng(500 + seed)
    node = helper.make_node
    weights: Weights = {f"w_{name}": _drawn(r, 16, 16, scale=0.25) for name in ("q", "k", "v", "o")}
    weights |= {"root": np.float32(4.0), "one": np.float32(1.0), "half": np.float32(0.5), "low": np.float32(low)}
    nodes = [
        # 0 or 1, at least one of them 1: ceil(clip(m)) of numbers of both signs
        node("Sub", ["m", "half"], ["m0"], name="shift"),
        node("Ceil", ["m0"], ["m1"], name="up"),
        node("Clip", ["m1", "", "one"], ["kept"], name="bound"),
        node("Abs", ["kept"], ["on"], name="on"),
        node("Sub", ["one", "on"], ["off"], name="off"),
        node("Mul", ["off", "low"], ["bias"], name="mask"),
        *(node("MatMul", ["x", f"w_{name}"], [name], name=f"project_{name}") for name in ("q", "k", "v")),
        node("Transpose", ["k"], ["kt"], name="turn", perm=[0, 2, 1]),
        node("MatMul", ["q", "kt"], ["raw"], name="scores"),
        node("Div", ["raw", "root"], ["scaled"], name="scale"),
        node("Add", ["scaled", "bias"], ["masked"], name="masked"),
        node("Softmax", ["masked"], ["weights"], name="softmax", axis=-1),
        node("MatMul", ["weights", "v"], ["mixed"], name="mix"),
        node("MatMul", ["mixed", "w_o"], ["out"], name="project_o"),
        node("Add", ["out", "x"], ["y"], name="residual"),
    ]
    return _model(nodes, {"x": [1, 6, 16], "m": [1, 1, 6]}, {"y": [1, 6, 16]}, weights, opset)


def detector_net(seed: int = 0, opset: int = 17) -> ModelProto:
    """Scores and boxes of 64 cells, the 20 best of them in rows: 1x3x16x16 to rows and their indices."""
    r = np.random.default_rng(600 + seed)
    node = helper.make_node
    weights: Weights = {
        "w": _drawn(r, 16, 3, 3, 3, scale=0.27), "ws": _drawn(r, 2, 16, 1, 1, scale=0.35),
        "wb": _drawn(r, 4, 16, 1, 1, scale=0.35), "s_shape": np.array([1, 2, 64]), "b_shape": np.array([1, 4, 64]),
        "best": np.array([20]), "front": np.array(1), "last": np.array([2]),
    }  # fmt: skip
    nodes = [
        node("Conv", ["x", "w"], ["c"], name="stem", pads=[1] * 4, strides=[2, 2]),
        node("Relu", ["c"], ["h"], name="relu"),
        node("Conv", ["h", "ws"], ["s"], name="score_head"),
        node("Conv", ["h", "wb"], ["b"], name="box_head"),
        node("Reshape", ["s", "s_shape"], ["sf"], name="score_flat"),
        node("Reshape", ["b", "b_shape"], ["bf"], name="box_flat"),
        node("Softmax", ["sf"], ["share"], name="softmax", axis=1),
        node("Gather", ["share", "front"], ["face"], name="front_of", axis=1),
        node("Transpose", ["bf"], ["boxes"], name="turn", perm=[0, 2, 1]),
        node("TopK", ["face", "best"], ["top", "at"], name="topk", axis=1),
        node("Unsqueeze", ["at", "last"], ["at3"], name="at_dims"),
        node("Concat", ["at3"] * 4, ["at4"], name="at_wide", axis=2),
        node("GatherElements", ["boxes", "at4"], ["picked"], name="pick", axis=1),
        node("Unsqueeze", ["top", "last"], ["top3"], name="top_dims"),
        node("Concat", ["picked", "top3"], ["rows"], name="rows", axis=2),
    ]
    return _model(nodes, {"x": [1, 3, 16, 16]}, {"rows": [1, 20, 5]}, weights, opset)


def labels_net(seed: int = 0, opset: int = 17) -> ModelProto:
    """A map upsampled by a transposed convolution, and its best class: 1x3x16x16 to values and labels."""
    r = np.random.default_rng(700 + seed)
    node = helper.make_node
    weights: Weights = {
        "w1": _drawn(r, 8, 3, 3, 3, scale=0.27), "w2": _drawn(r, 16, 8, 3, 3, scale=0.16),
        "t": _drawn(r, 16, 8, 2, 2, scale=0.17), "w3": _drawn(r, 4, 8, 1, 1, scale=0.5),
    }  # fmt: skip
    nodes = [
        node("Conv", ["x", "w1"], ["a"], name="first", pads=[1] * 4),
        node("LeakyRelu", ["a"], ["ar"], name="leaky", alpha=0.1),
        node("MaxPool", ["ar"], ["ap"], name="pool", kernel_shape=[2, 2], strides=[2, 2]),
        node("Conv", ["ap", "w2"], ["b"], name="middle", pads=[1] * 4),
        node("Relu", ["b"], ["br"], name="relu"),
        node("ConvTranspose", ["br", "t"], ["u"], name="up", kernel_shape=[2, 2], strides=[2, 2]),
        node("Conv", ["u", "w3"], ["map"], name="head"),
        node("Sigmoid", ["map"], ["mask"], name="sigmoid"),
        node("ArgMax", ["map"], ["labels"], name="best", axis=1, keepdims=1),
        node("Cast", ["labels"], ["label_numbers"], name="numbers", to=1),
    ]
    return _model(
        nodes, {"x": [1, 3, 16, 16]}, {"mask": [1, 4, 16, 16], "label_numbers": [1, 1, 16, 16]}, weights, opset
    )


def indices_net() -> ModelProto:
    """The larger of a sum and its negative: half of the weights give the same index."""
    node = helper.make_node
    weights: Weights = {"w": np.array([[w, -w] for w in (1, 0.6, -0.7, 0.2)], np.float32)}
    nodes = [
        node("MatMul", ["x", "w"], ["m"], name="dense"),
        node("ArgMax", ["m"], ["i"], name="best", axis=1, keepdims=0),
        node("Cast", ["i"], ["y"], name="number", to=1),
    ]
    return _model(nodes, {"x": [5, 4]}, {"y": [5]}, weights, 17)
