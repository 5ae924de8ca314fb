"""Reports in which one engine computes an operator wrongly: it must be accused, and not the one that is alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from pytest_onnxaccel.backends.onnxruntime.cpu import OrtCpu
from pytest_onnxaccel.backends.protocol import LoadOptions, Session
from pytest_onnxaccel.backends.reference import ReferenceBackend
from suites.localise.crooked import Crooked
from suites.reports.making import BYTE, FLOAT, Made, model, node, positive, random, report, value

ORT, ONNX = "ort-cpu", "reference"


class Saturating(Crooked):
    """ONNX Runtime on a processor that adds products of bytes up in 16 bits: every QLinearConv saturates."""

    name = ORT

    def bend(self, made: onnx.ModelProto, options: LoadOptions) -> None:
        for index, one in enumerate(made.graph.node):
            if one.op_type != "QLinearConv":
                continue
            stored = {t.name: t for t in made.graph.initializer}
            weights = numpy_helper.to_array(stored[one.input[3]])
            halved = np.clip(weights, -48, 48)
            name = f"saturated-{index}"
            made.graph.initializer.append(numpy_helper.from_array(halved, name))
            one.input[3] = name


class Unmasked(Crooked):
    """ONNX Runtime whose Attention adds a boolean mask up as 0 and 1: what is masked is not -Inf."""

    name = ORT

    def bend(self, made: onnx.ModelProto, options: LoadOptions) -> None:
        for one in made.graph.node:
            if one.op_type == "Attention" and len(one.input) > 3:
                stored = {t.name: t for t in made.graph.initializer}
                mask = numpy_helper.to_array(stored[one.input[3]]).astype(np.float32)
                made.graph.initializer.append(numpy_helper.from_array(mask, "unmasked"))
                one.input[3] = "unmasked"


class Rounding(Crooked):
    """ONNX Runtime that takes the wrong half: Round of 0.5 away from zero."""

    name = ORT

    def bend(self, made: onnx.ModelProto, options: LoadOptions) -> None:
        for index, one in enumerate(list(made.graph.node)):
            if one.op_type == "AveragePool":
                del one.attribute[:]
                one.attribute.extend([
                    helper.make_attribute("kernel_shape", [3, 3]), helper.make_attribute("pads", [1, 1, 1, 1]),
                    helper.make_attribute("count_include_pad", 1),
                ])  # fmt: skip
            if one.op_type == "LSTM":
                one.attribute.append(helper.make_attribute("input_forget", 0))
                made.graph.node[index].input[5] = ""


class RawNorm(ReferenceBackend):
    """onnx's evaluator as it comes: its LpNormalization adds numbers of both signs up for the first norm."""

    def load(self, path: str, options: LoadOptions) -> Session:
        from unittest.mock import patch

        with patch("pytest_onnxaccel.backends.reference_operators.further_operators", list):
            return super().load(path, options)


class RawReference(ReferenceBackend):
    """onnx's evaluator on the file as it stands."""

    def upgrades(self, opset: int) -> int:
        return 0


class LostBranch(OrtCpu):
    """ONNX Runtime whose optimizer folds a scale in front of a Softmax away."""

    name = ORT

    def load(self, path: str, options: LoadOptions) -> Session:
        made = onnx.load(path)
        seen = {one.name for one in made.graph.output}
        for one in made.graph.node:
            if one.op_type == "Mul" and options.optimize and one.output[0] not in seen:
                one.op_type = "Add"
        onnx.save(made, f"{path}-lost.onnx")
        return super().load(f"{path}-lost.onnx", options)


def quantised(**_: Any) -> onnx.ModelProto:
    """QLinearConv whose sums of products are large."""
    scale = {"x_s": np.float32(0.02), "x_z": np.uint8(0), "w_s": np.float32(0.01), "w_z": np.int8(0),
             "y_s": np.float32(0.9), "y_z": np.uint8(128)}  # fmt: skip
    kernel = np.random.default_rng(3).integers(-127, 128, (4, 8, 3, 3)).astype(np.int8)
    reads = ["x_q", "x_s", "x_z", "w", "w_s", "w_z", "y_s", "y_z"]
    return model(
        [node("QuantizeLinear", ["x", "x_s", "x_z"], ["x_q"], "to_bytes"), node("QLinearConv", reads, ["y"], "qconv")],
        [value("x", FLOAT, [1, 8, 9, 9])], [value("y", BYTE, [1, 4, 7, 7])], {**scale, "w": kernel},
    )  # fmt: skip


def attention() -> onnx.ModelProto:
    mask = np.tril(np.ones((6, 6), bool))
    shape = [1, 2, 6, 8]
    return model(
        [node("Mul", ["x", "two"], ["q"], "scale"), node("Attention", ["q", "x", "x", "mask"], ["y"], "attend")],
        [value("x", FLOAT, shape)], [value("y", FLOAT, shape)], {"mask": mask, "two": np.float32(2)}, 23,
    )  # fmt: skip


def normalised(p: int = 1) -> onnx.ModelProto:
    return model(
        [node("MatMul", ["x", "w"], ["a"], "dense"), node("LpNormalization", ["a"], ["y"], "norm", p=p, axis=-1)],
        [value("x", FLOAT, [3, 8])], [value("y", FLOAT, [3, 6])], {"w": random(8, 6)},
    )  # fmt: skip


@report("saturating convolution", "u8s8 convolutions saturate on processors without VNNI; the evaluator was accused",
        names=("qconv",), wrong=(ORT,), says=("by exact integers", "reference is right"),
        never=("odd one out",), engines={ORT: Saturating}, backend=ONNX, twin=lambda: (quantised(), ORT))  # fmt: skip
def saturating() -> Made:
    return quantised(), ORT


@report("attention without its mask", "a boolean mask was added as 0 and 1; the evaluator was accused",
        names=("attend",), wrong=(ORT,), says=("by float64", "reference is right"), engines={ORT: Unmasked},
        backend=ONNX, twin=lambda: (attention(), ORT))  # fmt: skip
def unmasked() -> Made:
    return attention(), ORT


@report("norm of the evaluator", "onnx's evaluator adds signed numbers up; a deployed runtime was accused",
        names=("norm",), wrong=(ONNX,), says=("ort-cpu is right",), engines={ONNX: RawNorm}, backend=ONNX,
        twin=lambda: (normalised(), ORT))  # fmt: skip
def raw_norm() -> Made:
    return normalised(), ORT


def old_norm() -> onnx.ModelProto:
    names = ["c", "gain", "shift", "mean", "variance"]
    return model(
        [node("Conv", ["x", "k"], ["c"], "conv"), node("BatchNormalization", names, ["n"], "bn"),
         node("Relu", ["n"], ["y"], "relu")],
        [value("x", FLOAT, [2, 3, 8, 8])], [value("y", FLOAT, [2, 4, 6, 6])],
        {"k": random(4, 3, 3, 3), "gain": positive(4), "shift": random(4), "mean": random(4, seed=1),
         "variance": positive(4, seed=2)}, 9,
    )  # fmt: skip


@report("old batch norm in the evaluator", "below opset 14 the evaluator normalises by the batch",
        names=("bn",), wrong=(ONNX,), says=("ort-cpu is right",), engines={ONNX: RawReference}, backend=ONNX,
        twin=lambda: (old_norm(), ORT))  # fmt: skip
def raw_batch_norm() -> Made:
    return old_norm(), ORT


def pooled() -> onnx.ModelProto:
    return model(
        [node("AveragePool", ["x"], ["a"], "pool", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
         node("Relu", ["a"], ["y"], "relu")],
        [value("x", FLOAT, [1, 2, 6, 6])], [value("y", FLOAT, [1, 2, 6, 6])],
    )  # fmt: skip


@report("padding counted by one runtime", "an execution provider counted the padding of AveragePool",
        names=("pool",), wrong=(ORT,), says=("reference is right",), engines={ORT: Rounding}, backend=ONNX,
        twin=lambda: (pooled(), ORT))  # fmt: skip
def padded_pool() -> Made:
    return pooled(), ORT


def recurrent() -> onnx.ModelProto:
    weights = {"w": random(1, 24, 4, scale=0.4), "r": random(1, 24, 6, scale=0.4), "b": random(1, 48),
               "h": random(1, 2, 6), "c": random(1, 2, 6)}  # fmt: skip
    return model(
        [node("LSTM", ["x", "w", "r", "b", "", "h", "c"], ["y"], "lstm", hidden_size=6)],
        [value("x", FLOAT, [5, 2, 4])], [value("y", FLOAT, [5, 1, 2, 6])], weights,
    )  # fmt: skip


@report("initial state ignored", "one runtime ignored the initial hidden state of an LSTM",
        names=("lstm",), wrong=(ORT,), says=("reference is right",), engines={ORT: Rounding}, backend=ONNX,
        twin=lambda: (recurrent(), ORT))  # fmt: skip
def stateless() -> Made:
    return recurrent(), ORT


def scaled() -> onnx.ModelProto:
    return model(
        [node("MatMul", ["x", "w"], ["a"], "dense"), node("Mul", ["a", "s"], ["b"], "scale"),
         node("Softmax", ["b"], ["y"], "softmax")],
        [value("x", FLOAT, [3, 8])], [value("y", FLOAT, [3, 6])], {"w": random(8, 6), "s": np.float32(0.3)},
    )  # fmt: skip


@report("wrong fusion", "an optimization drops a scale; nothing shows once values are exposed",
        names=("scale",), wrong=(ORT,), says=("an optimization across", "by float64, the whole model"),
        engines={ORT: LostBranch}, twin=lambda: (scaled(), "unoptimized"))  # fmt: skip
def lost_scale() -> Made:
    return scaled(), "unoptimized"


@report("integers behind floats", "an optimization drops a scale before a Cast; float64 has no say in what is rounded",
        wrong=(), says=("an optimization across", "who is wrong cannot be told: it gives integers that hang on"),
        engines={ORT: LostBranch})  # fmt: skip
def whole_numbers() -> Made:
    return model(
        [node("MatMul", ["x", "w"], ["a"], "dense"), node("Mul", ["a", "s"], ["b"], "scale"),
         node("Cast", ["b"], ["y"], "whole", to=7)],
        [value("x", FLOAT, [3, 8])], [value("y", 7, [3, 6])], {"w": random(8, 6), "s": np.float32(9)},
    ), "unoptimized"  # fmt: skip
