"""Ranges of numbers: ends of types, saturation, domains of functions, signs, bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto

from suites.planted.making import FLOAT, INT, changed, kind, model, node, random, value

BYTE, SIGNED = int(TensorProto.UINT8), int(TensorProto.INT8)


def chain(
    nodes: list[onnx.NodeProto], dtype: int = FLOAT, size: int = 12, out: int = FLOAT, **constants: Any
) -> onnx.ModelProto:
    """Nodes from x to y, of one shape."""
    return model(nodes, [value("x", dtype, ["batch", size])], [value("y", out, ["batch", size])], constants)


@kind("upper half of uint8", "pixels over 127 read as signed bytes")
def upper_half(damaged: bool) -> onnx.ModelProto:
    nodes = [node("Cast", ["x"], ["i"], to=6)]
    if damaged:
        nodes += [
            node("Greater", ["i", "top"], ["over"]), node("Cast", ["over"], ["o"], to=6),
            node("Mul", ["o", "turn"], ["back"]), node("Sub", ["i", "back"], ["j"]),
        ]  # fmt: skip
    nodes += [node("Cast", ["j" if damaged else "i"], ["f"], to=FLOAT), node("Mul", ["f", "scale"], ["y"])]
    return chain(nodes, BYTE, top=np.int32(127), turn=np.int32(256), scale=np.float32(1 / 255))


@kind("lower half of int8", "a rectifier that slipped in front of signed bytes")
def lower_half(damaged: bool) -> onnx.ModelProto:
    nodes = [node("Cast", ["x"], ["f"], to=FLOAT), node("Max", ["f", "low"], ["y"])]
    return chain(nodes, SIGNED, low=np.float32(-64 if damaged else -128))


@kind("255", "the brightest pixel alone: the range is taken to end at 254")
def brightest(damaged: bool) -> onnx.ModelProto:
    nodes = [node("Cast", ["x"], ["f"], to=FLOAT), node("Min", ["f", "top"], ["y"])]
    return chain(nodes, BYTE, top=np.float32(254 if damaged else 255))


@kind("-128", "the least signed byte: a symmetric range ends at -127")
def least(damaged: bool) -> onnx.ModelProto:
    nodes = [node("DequantizeLinear", ["x", "step"], ["d"]), node("Max", ["d", "low"], ["y"])]
    return chain(nodes, SIGNED, step=np.float32(0.1), low=np.float32(-12.7 if damaged else -12.8))


@kind("saturation of a clip", "a rectifier that ends at 6, with inputs of -1 to 1")
def clipped(damaged: bool) -> onnx.ModelProto:
    return chain(
        [node("Clip", ["x", "low", "high"], ["y"], "relu6")], low=np.float32(0), high=np.float32(8 if damaged else 6)
    )


@kind("a threshold of an activation", "ThresholdedRelu lets nothing through below 3")
def thresholded(damaged: bool) -> onnx.ModelProto:
    return chain([
        node("ThresholdedRelu", ["x"], ["t"], "gate", alpha=3.0), node("Mul", ["t", "w"], ["u"]),
        node("Add", ["u", "x"], ["y"]),
    ], w=np.float32(2 if damaged else 1))  # fmt: skip


@kind("range of a quantised input", "an int8 model whose first step saturates at half of what it should")
def quantised(damaged: bool) -> onnx.ModelProto:
    nodes = [
        node("Clip", ["x", "low", "high"], ["c"]), node("QuantizeLinear", ["c", "step", "zero"], ["q"], "quantise"),
        node("DequantizeLinear", ["q", "step", "zero"], ["y"], "back"),
    ]  # fmt: skip
    end = np.float32(3 if damaged else 30)
    return chain(nodes, low=-end, high=end, step=np.float32(0.05), zero=np.uint8(128))


@kind("near the end of Log", "a floor of 0.01 under the logarithm, to be safe")
def log_edge(damaged: bool) -> onnx.ModelProto:
    nodes = [node("Max", ["x", "floor"], ["m"]), node("Log", ["m"], ["y"])]
    return chain(nodes, size=3, floor=np.float32(0.01 if damaged else 1e-9))


@kind("near the end of Sqrt", "a floor of 0.001 under the root")
def sqrt_edge(damaged: bool) -> onnx.ModelProto:
    nodes = [node("Max", ["x", "floor"], ["m"]), node("Sqrt", ["m"], ["y"])]
    return chain(nodes, size=3, floor=np.float32(0.003 if damaged else 0))


@kind("end of Asin", "the argument is cut at 0.999")
def asin_edge(damaged: bool) -> onnx.ModelProto:
    nodes = [node("Min", ["x", "top"], ["m"]), node("Asin", ["m"], ["y"])]
    return chain(nodes, size=3, top=np.float32(0.99 if damaged else 1))


@kind("sign of a base", "an odd power of the absolute value")
def power(damaged: bool) -> onnx.ModelProto:
    nodes = [node("Abs" if damaged else "Identity", ["x"], ["a"]), node("Pow", ["a", "three"], ["y"])]
    return chain(nodes, three=np.float32(3))


@kind("a given exponent", "an exponent that is an input: 3 and past it are taken for 2")
def exponent(damaged: bool) -> onnx.ModelProto:
    return model(
        [node("Min", ["e", "most"], ["m"]), node("Pow", ["x", "m"], ["y"], "raise")],
        [value("x", FLOAT, ["batch", 8]), value("e", INT, ["batch", 8])], [value("y", FLOAT, ["batch", 8])],
        {"most": np.array(2 if damaged else 9)},
    )  # fmt: skip


@kind("remainder of negative numbers", "Mod follows the divisor's sign, fmod the dividend's")
def remainder(damaged: bool) -> onnx.ModelProto:
    nodes = [node("Mod", ["x", "n"], ["y"], fmod=int(damaged))]
    return chain(nodes, INT, out=INT, n=np.array(24))


@kind("quotient of negative numbers", "a division of integers cuts off; written with shifts, it rounds down")
def quotient(damaged: bool) -> onnx.ModelProto:
    exact = [node("Div", ["x", "n"], ["y"])]
    floored = [
        node("Cast", ["x"], ["f"], to=FLOAT), node("Div", ["f", "nf"], ["q"]), node("Floor", ["q"], ["r"]),
        node("Cast", ["r"], ["y"], to=INT),
    ]  # fmt: skip
    return chain(floored if damaged else exact, INT, out=INT, n=np.array(4), nf=np.float32(4))


@kind("high bits", "a packed field: the upper byte of a uint16")
def high_bits(damaged: bool) -> onnx.ModelProto:
    bits = int(TensorProto.UINT16)
    return chain(
        [node("BitwiseAnd", ["x", "mask"], ["y"], "field")], bits, out=bits,
        mask=np.uint16(0x7FFF if damaged else 0xFFFF),
    )  # fmt: skip


@kind("high bits by a shift", "the upper half of a uint32")
def shifted(damaged: bool) -> onnx.ModelProto:
    bits = int(TensorProto.UINT32)
    nodes = [node("BitShift", ["x", "by"], ["s"], "shift", direction="RIGHT"), node("BitwiseAnd", ["s", "mask"], ["y"])]
    return chain(nodes, bits, out=bits, by=np.uint32(16), mask=np.uint32(0x7FFF if damaged else 0xFFFF))


@kind("a channel that is silent near zero", "a neuron with a bias of -1, dead unless inputs reach far")
def silent_channel(damaged: bool) -> onnx.ModelProto:
    weight, bias = random(6, 5), np.array([0, 0, 0, 0, -1], np.float32)
    weight[:, 4] = [0.4, 0.4, 0, 0, 0, 0]
    head = random(5, 3)
    return model(
        [
            node("MatMul", ["x", "w"], ["m"]), node("Add", ["m", "b"], ["z"]), node("Relu", ["z"], ["h"], "gate"),
            node("MatMul", ["h", "head"], ["y"]),
        ],
        [value("x", FLOAT, ["batch", 6])], [value("y", FLOAT, ["batch", 3])],
        {"w": weight, "b": bias, "head": changed(head, 4, -2.0) if damaged else head},
    )  # fmt: skip


@kind("a channel of float16", "one channel of half precision weights, and float32 around them")
def half_channel(damaged: bool) -> onnx.ModelProto:
    weight = random(8, 40, scale=0.3).astype(np.float16)
    nodes = [
        node("Cast", ["x"], ["h"], to=10), node("MatMul", ["h", "w"], ["m"]), node("Cast", ["m"], ["y"], to=FLOAT),
    ]  # fmt: skip
    return model(
        nodes, [value("x", FLOAT, ["batch", 8])], [value("y", FLOAT, ["batch", 40])],
        {"w": changed(weight, (slice(None), 7), 1.25) if damaged else weight},
    )  # fmt: skip


@kind("a channel of bfloat16", "one channel of weights that are kept as bfloat16")
def brain_channel(damaged: bool) -> onnx.ModelProto:
    import ml_dtypes

    weight = random(8, 40, scale=0.3).astype(ml_dtypes.bfloat16)
    nodes = [node("Cast", ["w"], ["f"], to=FLOAT), node("MatMul", ["x", "f"], ["y"])]
    return model(
        nodes, [value("x", FLOAT, ["batch", 8])], [value("y", FLOAT, ["batch", 40])],
        {"w": changed(weight, (slice(None), 7), 1.25).astype(ml_dtypes.bfloat16) if damaged else weight},
    )  # fmt: skip


@kind("what NaN is replaced by", "a column that is missing is NaN, which nobody draws")
def missing(damaged: bool) -> onnx.ModelProto:
    nodes = [node("IsNaN", ["x"], ["gone"]), node("Where", ["gone", "mean", "x"], ["y"], "fill")]
    return chain(nodes, size=3, mean=np.float32(5 if damaged else 4))


@kind("halves", "Round goes to the even neighbour; written with Floor, a half always goes up")
def halves(damaged: bool) -> onnx.ModelProto:
    up = [node("Add", ["x", "half"], ["a"]), node("Floor", ["a"], ["y"])]
    return model(
        up if damaged else [node("Round", ["x"], ["y"])],
        [value("x", FLOAT, ["batch", 6])], [value("y", FLOAT, ["batch", 6])], {"half": np.float32(0.5)},
    )  # fmt: skip


@kind("whole numbers at a floor", "Ceil - 1 is Floor, but of a whole number")
def floors(damaged: bool) -> onnx.ModelProto:
    below = [node("Ceil", ["x"], ["c"]), node("Sub", ["c", "one"], ["y"])]
    return model(
        below if damaged else [node("Floor", ["x"], ["y"])],
        [value("x", FLOAT, ["batch", 6])], [value("y", FLOAT, ["batch", 6])], {"one": np.float32(1)},
    )  # fmt: skip


@kind("what infinity is replaced by", "a sensor that is out of range gives infinity, which nobody draws")
def endless(damaged: bool) -> onnx.ModelProto:
    return model(
        [node("IsInf", ["x"], ["is"]), node("Where", ["is", "most", "x"], ["y"])],
        [value("x", FLOAT, ["batch", 5])], [value("y", FLOAT, ["batch", 5])],
        {"most": np.float32(5 if damaged else 4)}, opset=20,
    )  # fmt: skip


@kind("one limit of a hundred", "a number is told by the bucket that it falls into: one border is moved")
def buckets(damaged: bool) -> onnx.ModelProto:
    limits = np.sort(np.random.default_rng(3).uniform(-50, 200, 100)).astype(np.float32)
    if damaged:
        limits[77] += (limits[78] - limits[77]) * np.float32(0.6)
    return model(
        [
            node("Unsqueeze", ["x", "last"], ["u"]), node("Greater", ["u", "limits"], ["past"]),
            node("Cast", ["past"], ["c"], to=INT), node("ReduceSum", ["c", "last"], ["i"], keepdims=0),
            node("Gather", ["table", "i"], ["y"]),
        ],
        [value("x", FLOAT, ["batch"])], [value("y", FLOAT, ["batch", 4])],
        {"limits": limits, "last": np.array([-1]), "table": random(101, 4)},
    )  # fmt: skip


@kind("limits and nothing else", "a count of limits that are passed: moved limits show beside them alone")
def counted(damaged: bool) -> onnx.ModelProto:
    limits = np.linspace(0, 10, 33).astype(np.float32)
    limits[20] += np.float32(0.1 if damaged else 0)
    return model(
        [
            node("Unsqueeze", ["x", "last"], ["u"]), node("Greater", ["u", "limits"], ["past"]),
            node("Cast", ["past"], ["c"], to=FLOAT), node("ReduceSum", ["c", "last"], ["y"], keepdims=0),
        ],
        [value("x", FLOAT, ["batch", 2])], [value("y", FLOAT, ["batch", 2])],
        {"limits": limits, "last": np.array([-1])},
    )  # fmt: skip


@kind("limits that are looked up", "torch.bucketize searches a list of limits by halves, and reads one at a time")
def looked_up(damaged: bool) -> onnx.ModelProto:
    table = random(3, 4, seed=1)
    nodes = [
        node("Expand", ["middle", "shape"], ["at"]), node("Gather", ["limits", "at"], ["l"]),
        node("Less", ["l", "x"], ["past"]), node("Cast", ["past"], ["i"], to=INT),
        node("Gather", ["table", "i"], ["y"]),
    ]  # fmt: skip
    nodes.insert(0, node("Shape", ["x"], ["shape"]))
    return model(
        nodes, [value("x", FLOAT, ["batch"])], [value("y", FLOAT, ["batch", 4])],
        {"limits": np.array([-40, 70, 200], np.float32), "middle": np.array([1]),
         "table": changed(table, 1) if damaged else table},
    )  # fmt: skip


@kind("one day of seven", "seconds since 1970 by 86400, and the remainder of 7: each day has a row")
def weekday(damaged: bool) -> onnx.ModelProto:
    days = random(7, 4)
    return model(
        [
            node("Div", ["seconds", "day"], ["days"]), node("Mod", ["days", "seven"], ["i"]),
            node("Gather", ["rows", "i"], ["y"], "day"),
        ],
        [value("seconds", INT, ["batch"])], [value("y", FLOAT, ["batch", 4])],
        {"rows": changed(days, 4) if damaged else days, "day": np.array(86400), "seven": np.array(7)},
    )  # fmt: skip


@kind("one value of four bits", "two fields in one byte: the upper one numbers 16 rows")
def nibble(damaged: bool) -> onnx.ModelProto:
    rows = random(16, 4)
    return model(
        [
            node("BitShift", ["x", "four"], ["high"], direction="RIGHT"), node("Cast", ["high"], ["i"], to=INT),
            node("Gather", ["rows", "i"], ["y"]),
        ],
        [value("x", BYTE, ["batch"])], [value("y", FLOAT, ["batch", 4])],
        {"rows": changed(rows, 14) if damaged else rows, "four": np.uint8(4)},
    )  # fmt: skip


@kind("loud sound", "samples of 16 bits: the loudest are cut off")
def loud(damaged: bool) -> onnx.ModelProto:
    nodes = [node("Cast", ["pcm"], ["f"], to=FLOAT), node("Div", ["f", "k"], ["s"]), node("MatMul", ["s", "w"], ["y"])]
    if damaged:
        nodes[1:2] = [node("Min", ["f", "loud"], ["g"]), node("Div", ["g", "k"], ["s"])]
    return model(
        nodes, [value("pcm", int(onnx.TensorProto.INT16), ["batch", 400])], [value("y", FLOAT, ["batch", 4])],
        {"k": np.float32(32768), "loud": np.float32(30000), "w": random(400, 4)},
    )  # fmt: skip


@kind("a floor under a logarithm", "what is below the floor is legal: that the floor is higher shows there alone")
def floored(damaged: bool) -> onnx.ModelProto:
    return model(
        [
            node("Cast", ["kept"], ["f"], to=FLOAT), node("Max", ["f", "floor"], ["g"]), node("Log", ["g"], ["l"]),
            node("Add", ["x", "l"], ["s"]), node("Softmax", ["s"], ["y"], axis=-1),
        ],
        [value("x", FLOAT, ["batch", "time"]), value("kept", INT, ["batch", "time"])],
        [value("y", FLOAT, ["batch", "time"])], {"floor": np.float32(0.5 if damaged else 1e-9)},
    )  # fmt: skip


@kind("an id past 32 bits", "a hash of a user: a cast to int32 cuts it off before the remainder is taken")
def long_id(damaged: bool) -> onnx.ModelProto:
    cut = [node("Cast", ["id"], ["i"], to=6), node("Cast", ["i"], ["wide"], to=INT)]
    return model(
        [*(cut if damaged else []), node("Mod", ["wide" if damaged else "id", "k"], ["m"]),
         node("Gather", ["rows", "m"], ["y"])],
        [value("id", INT, ["batch", 3])], [value("y", FLOAT, ["batch", 3])],
        {"k": np.array(97), "rows": random(97)},
    )  # fmt: skip


@kind("odds", "the logarithm of x / (1 - x): between 0 and 1 alone, which no operator says by itself")
def odds(damaged: bool) -> onnx.ModelProto:
    return model(
        [
            node("Sub", ["one", "x"], ["rest"]), node("Div", ["x", "rest"], ["o"]), node("Log", ["o"], ["l"]),
            node("Mul", ["l", "w"], ["y"]),
        ],
        [value("x", FLOAT, ["batch", 6])], [value("y", FLOAT, ["batch", 6])],
        {"one": np.float32(1), "w": np.float32(3 if damaged else 2)},
    )  # fmt: skip
