"""Reports in which one of two files is wrong: its node must be named, and what was done to it."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx

from suites.reports.making import FLOAT, HALF, Made, model, node, positive, random, report, value

IMAGE, PLANES = [value("x", FLOAT, [1, 3, 12, 12])], [value("y", FLOAT, [1, 6, 10, 10])]
BATCH_NORM = {"gain": positive(6), "shift": random(6), "mean": random(6, seed=1), "variance": positive(6, seed=2)}


def with_norm(epsilon: float = 1e-5, opset: int = 17, kernel: Any = None, **attributes: Any) -> onnx.ModelProto:
    kernel = random(6, 3, 3, 3, scale=0.3) if kernel is None else kernel
    more = ["mean_out", "variance_out"] if attributes else []
    reads = ["c", "gain", "shift", "mean", "variance"]
    nodes = [node("Conv", ["x", "k"], ["c"], "conv"),
             node("BatchNormalization", reads, ["n", *more], "norm", epsilon=epsilon, **attributes),
             node("Relu", ["n"], ["y"], "relu")]  # fmt: skip
    return model(nodes, IMAGE, PLANES, {"k": kernel, **BATCH_NORM}, opset)


def folded() -> onnx.ModelProto:
    factor = BATCH_NORM["gain"] / np.sqrt(BATCH_NORM["variance"] + np.float32(1e-5))
    kernel = random(6, 3, 3, 3, scale=0.3) * factor[:, None, None, None]
    nodes = [node("Conv", ["x", "k", "c0"], ["c"], "conv"), node("Relu", ["c"], ["y"], "relu")]
    return model(nodes, IMAGE, PLANES, {"k": kernel, "c0": BATCH_NORM["shift"] - BATCH_NORM["mean"] * factor})


@report("batch norm in training mode", "exported without eval(), against the folded file; a convolution was blamed",
        names=("norm", "training mode"), says=("call eval()",), never=("origin: Conv",),
        twin=lambda: (with_norm(), folded()))  # fmt: skip
def training_norm() -> Made:
    return with_norm(training_mode=1), folded()


@report("epsilon of an unfolded norm", "1e-3 in place of 1e-5, against the folded file",
        names=("origin: BatchNormalization 'norm'",), says=("the reference computes Conv 'conv' there", "scale of"),
        twin=lambda: (with_norm(), folded()))  # fmt: skip
def epsilon() -> Made:
    return with_norm(epsilon=0.2), folded()


@report("weights before an unfolded norm", "a channel of the convolution, against the folded file",
        names=("origin: Conv 'conv'",), says=("weights of channel 2 are 1.5 times those folded",),
        twin=lambda: (with_norm(), folded()))  # fmt: skip
def unfolded_weights() -> Made:
    kernel = random(6, 3, 3, 3, scale=0.3)
    kernel[2] *= 1.5
    return with_norm(kernel=kernel), folded()


@report("fold that lost the mean", "the converter folded a norm and forgot its mean, against the unfolded original",
        names=("origin: Conv 'conv'",), says=("shift of", "of BatchNormalization 'norm'"),
        twin=lambda: (folded(), with_norm()))  # fmt: skip
def lost_mean() -> Made:
    wrong = folded()
    bias = onnx.numpy_helper.from_array(BATCH_NORM["shift"], "c0")
    next(t for t in wrong.graph.initializer if t.name == "c0").CopyFrom(bias)
    return wrong, with_norm()


def dropping(mode: bool) -> onnx.ModelProto:
    nodes = [node("MatMul", ["x", "a"], ["m"], "encode"), node("Dropout", ["m", "ratio", "mode"], ["z"], "drop"),
             node("MatMul", ["z", "b"], ["y"], "head")]  # fmt: skip
    weights = {"a": random(6, 32), "b": random(32, 3), "ratio": np.float32(0.5), "mode": np.array(mode)}
    return model(nodes, [value("x", FLOAT, [1, 6])], [value("y", FLOAT, [1, 3])], weights)


@report("dropout in training mode", "exported without eval(); no message named the node", code="V_UNSTABLE",
        names=("drop",), says=("call eval()",), twin=lambda: (dropping(False), "unoptimized"))  # fmt: skip
def dropout() -> Made:
    return dropping(True), "unoptimized"


@report("sampler", "RandomNormalLike inside a variational decoder; no message named it", code="V_UNSTABLE",
        names=("eps",))  # fmt: skip
def sampler() -> Made:
    nodes = [node("MatMul", ["x", "a"], ["mu"], "mu"), node("RandomNormalLike", ["mu"], ["e"], "eps"),
             node("Add", ["mu", "e"], ["z"], "sample"), node("MatMul", ["z", "b"], ["y"], "decode")]  # fmt: skip
    return model(nodes, [value("x", FLOAT, [1, 6])], [value("y", FLOAT, [1, 3])],
                 {"a": random(6, 32), "b": random(32, 3)}), "reference"  # fmt: skip


def detector(first: str = "scores", second: str = "boxes") -> onnx.ModelProto:
    nodes = [node("MatMul", ["x", "a"], ["h"], "trunk"), node("MatMul", ["h", "b"], [first], "score_head"),
             node("MatMul", ["h", "c"], [second], "box_head")]  # fmt: skip
    outputs = [value(name, FLOAT, [5, 4]) for name in dict.fromkeys((*sorted((first, second)),))]
    return model(
        nodes, [value("x", FLOAT, [5, 6])], outputs, {"a": random(6, 8), "b": random(8, 4), "c": random(8, 4, seed=1)}
    )


@report("exchanged outputs", "scores and boxes under each other's names; a MatMul was blamed",
        says=("'boxes' equals the reference's 'scores'", "'scores' equals the reference's 'boxes'"),
        never=("origin: MatMul",), twin=lambda: (detector(), detector()))  # fmt: skip
def exchanged() -> Made:
    return detector("boxes", "scores"), detector()


@report("renamed output", "an exporter called 'scores' 'output'", code="V_CONTRACT",
        says=("'output' equals the reference's 'scores'",))  # fmt: skip
def renamed() -> Made:
    return detector("output"), detector()


def classified(op: str = "Softmax", opset: int = 13, **attributes: int) -> onnx.ModelProto:
    nodes = [node("MatMul", ["x", "w"], ["a"], "dense"), node(op, ["a"], ["y"], "classes", **attributes)]
    return model(nodes, [value("x", FLOAT, [2, 5, 6])], [value("y", FLOAT, [2, 5, 4])], {"w": random(6, 4)}, opset)


@report("softmax of another opset", "the file was re-exported from opset 12 to 13 by changing the number alone",
        names=("classes", "Softmax of opset 13 instead of 12"),
        says=("one axis", "opsets: the candidate is of opset 13, the reference of 12"), never=("not given",),
        twin=lambda: (classified(opset=12, axis=2), classified(opset=13)))  # fmt: skip
def softmax() -> Made:
    return classified(opset=13, axis=1), classified(opset=12, axis=1)


@report("hardmax of another opset", "as above, where the converter itself is at fault", names=("classes",),
        says=("of opset 13 instead of 11",),
        twin=lambda: (classified("Hardmax", 13, axis=2), classified("Hardmax", 11, axis=2)))  # fmt: skip
def hardmax() -> Made:
    return classified("Hardmax", 13, axis=1), classified("Hardmax", 11, axis=1)


def gathered(**attributes: int) -> onnx.ModelProto:
    nodes = [node("MatMul", ["x", "w"], ["a"], "dense"), node("Gather", ["a", "at"], ["b"], "pick", **attributes),
             node("Mul", ["b", "s"], ["y"], "scale")]  # fmt: skip
    return model(nodes, [value("x", FLOAT, [4, 6])], [value("y", FLOAT, [4, 4])],
                 {"w": random(6, 4), "at": np.array([3, 2, 1, 0]), "s": np.float32(2)})  # fmt: skip


@report("default told as a change", "axis=not given instead of 0 was told beside a changed weight", names=("pick",),
        says=("constant 'at' differs",), never=("axis", "not given"),
        twin=lambda: (gathered(), gathered(axis=0)))  # fmt: skip
def default() -> Made:
    wrong = gathered()
    order = onnx.numpy_helper.from_array(np.array([3, 2, 0, 1]), "at")
    next(t for t in wrong.graph.initializer if t.name == "at").CopyFrom(order)
    return wrong, gathered(axis=0)


@report("attribute against its default", "axis=1 where the original leaves it out", names=("pick",),
        says=("axis=1 instead of 0 (its default)",))  # fmt: skip
def against_default() -> Made:
    return gathered(axis=1), gathered()


def halved(factor: float = 1.0, keep: bool = True, half: bool = True) -> onnx.ModelProto:
    kind = np.float16 if half else np.float32
    second = random(24, 16, 3, 3, scale=0.12)
    second[3] *= np.float32(factor)
    inner = half and keep
    nodes = [node("Cast", ["x"], ["xh"], "to_half", to=HALF)] if inner else []
    nodes += [node("Conv", ["xh" if inner else "x", "w1"], ["a"], "c1"), node("Relu", ["a"], ["b"], "r1"),
              node("Conv", ["b", "w2"], ["c"], "c2"), node("Relu", ["c"], ["e"], "r2"),
              node("GlobalAveragePool", ["e"], ["g"], "pool"), node("Flatten", ["g"], ["f"], "flat"),
              node("MatMul", ["f", "w3"], ["yh" if inner else "y"], "head")]  # fmt: skip
    nodes += [node("Cast", ["yh"], ["y"], "to_float", to=FLOAT)] if inner else []
    constants = {"w1": random(16, 3, 3, 3, scale=0.27), "w2": second, "w3": random(24, 10, scale=0.3)}
    return model(nodes, [value("x", FLOAT, [1, 3, 20, 20])], [value("y", FLOAT, [1, 10])],
                 {name: array.astype(kind) for name, array in constants.items()})  # fmt: skip


@report("channel of a float16 file", "a float16 conversion with one wrong channel; the first Cast was blamed",
        names=("c2",), says=("constant 'w2' differs in 144 of 3456",),
        never=("float16 against float32", "c1", "origin: Cast"))  # fmt: skip
def half_channel() -> Made:
    return halved(1.5), halved(half=False)
