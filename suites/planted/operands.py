"""Operands that are fed: counts, sizes, scales and places of which the declared output says nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper

from suites.planted.making import BOOL, FLOAT, INT, changed, kind, model, node, random, value


def dense(
    last: onnx.NodeProto, fed: list[Any], outputs: list[Any], damaged: bool, shape: tuple[int, ...] = (4, 9)
) -> onnx.ModelProto:
    """A dense layer ``m`` of a table, and *last* behind it, whose operands are *fed*."""
    table = random(*shape)
    nodes = [node("MatMul", ["x", "w"], ["m"], "dense"), last]
    constants = {"w": table * 1.1 if damaged else table}
    return model(nodes, [value("x", FLOAT, ["batch", shape[0]]), *fed], outputs, constants)


@kind("the best one alone", "TopK with a K that is fed: a single one ties with the last one that is kept")
def the_best(damaged: bool) -> onnx.ModelProto:
    outputs = [value("best", FLOAT, ["batch", "K"]), value("at", INT, ["batch", "K"])]
    return dense(node("TopK", ["m", "k"], ["best", "at"], axis=1), [value("k", INT, [1])], outputs, damaged)


@kind("the one best of many", "a result of the first place alone, sorted by itself")
def first_place(damaged: bool) -> onnx.ModelProto:
    table = random(4, 9)
    nodes = [node("MatMul", ["x", "w"], ["m"], "dense"), node("TopK", ["m", "one"], ["best", "at"], axis=1)]
    constants = {"w": table * 2 if damaged else table, "one": np.array([1])}
    outputs = [value("best", FLOAT, ["batch", 1]), value("at", INT, ["batch", 1])]
    return model(nodes, [value("x", FLOAT, ["batch", 4])], outputs, constants)


@kind("parts of sizes that are fed", "Split: the sizes add up to the width of a layer")
def parts(damaged: bool) -> onnx.ModelProto:
    outputs = [value("a", FLOAT, ["batch", "left"]), value("b", FLOAT, ["batch", "right"])]
    return dense(node("Split", ["m", "sizes"], ["a", "b"], axis=1), [value("sizes", INT, [2])], outputs, damaged)


@kind("a cut that is fed", "Slice: starts and ends for which something is left, whatever the batch")
def cut(damaged: bool) -> onnx.ModelProto:
    fed = [value("starts", INT, [2]), value("ends", INT, [2])]
    outputs = [value("y", FLOAT, ["rows", "columns"])]
    return dense(node("Slice", ["m", "starts", "ends"], ["y"]), fed, outputs, damaged)


@kind("a border that is fed", "Pad: as wide as somebody says, and none around the batch")
def border(damaged: bool) -> onnx.ModelProto:
    return dense(node("Pad", ["m", "pads"], ["y"]), [value("pads", INT, [4])], [value("y", FLOAT, ["r", "c"])], damaged)


@kind("a size that is fed", "Resize to the size that a picture had; half a pixel off at the borders")
def back_to_size(damaged: bool) -> onnx.ModelProto:
    how = "align_corners" if damaged else "half_pixel"
    nodes = [
        node("Concat", ["as_is", "size"], ["sizes"], axis=0),
        node("Resize", ["x", "", "", "sizes"], ["y"], "back", mode="linear", coordinate_transformation_mode=how),
    ]
    inputs = [value("x", FLOAT, [1, 4, 16, 16]), value("size", INT, [2])]
    return model(nodes, inputs, [value("y", FLOAT, [1, 4, "H", "W"])], {"as_is": np.array([1, 4])})


@kind("a scale that is fed", "Resize by scales: above 0, and the batch stays")
def by_scales(damaged: bool) -> onnx.ModelProto:
    how = "align_corners" if damaged else "half_pixel"
    nodes = [node("Resize", ["x", "", "scales"], ["y"], "larger", mode="linear", coordinate_transformation_mode=how)]
    inputs = [value("x", FLOAT, ["batch", 3, 16, 16]), value("scales", FLOAT, [4])]
    return model(nodes, inputs, [value("y", FLOAT, ["batch", 3, "H", "W"])])


@kind("rows that flags choose", "NonZero of flags: some of them are true")
def chosen_rows(damaged: bool) -> onnx.ModelProto:
    table = random(4, 3)
    nodes = [
        node("MatMul", ["x", "w"], ["h"], "dense"), node("NonZero", ["flags"], ["at"]),
        node("Squeeze", ["at", "first"], ["i"]), node("Gather", ["h", "i"], ["y"], "choose"),
    ]  # fmt: skip
    constants = {"w": table * 1.2 if damaged else table, "first": np.array([0])}
    inputs = [value("x", FLOAT, ["rows", 4]), value("flags", BOOL, ["rows"])]
    return model(nodes, inputs, [value("y", FLOAT, ["kept", 3])], constants)


@kind("weights behind a sequence", "weights behind a sequence that is fed are moved like all others")
def element(damaged: bool) -> onnx.ModelProto:
    table = random(4, 3)
    nodes = [node("SequenceAt", ["parts", "place"], ["e"]), node("MatMul", ["e", "w"], ["y"], "dense")]
    inputs = [helper.make_tensor_sequence_value_info("parts", FLOAT, ["batch", 4]), value("place", INT, [])]
    return model(nodes, inputs, [value("y", FLOAT, ["batch", 3])], {"w": table * 1.2 if damaged else table})


@kind("places along an axis of a result", "GatherElements on what a layer gave: as far as its axis goes")
def along_an_axis(damaged: bool) -> onnx.ModelProto:
    scale = np.ones((12, 1), np.float32)
    nodes = [
        node("MatMul", ["x", "w"], ["h"], "dense"), node("Mul", ["h", "by_place"], ["hp"]),
        node("GatherElements", ["hp", "at"], ["y"], "choose", axis=1),
    ]  # fmt: skip
    constants = {"w": random(4, 5), "by_place": changed(scale, 11) if damaged else scale}
    inputs = [value("x", FLOAT, ["batch", 12, 4]), value("at", INT, ["batch", 3, 5])]
    return model(nodes, inputs, [value("y", FLOAT, ["batch", 3, 5])], constants)


@kind("an optional that is left out", "what runs where an optional input is absent has weights of its own")
def left_out(damaged: bool) -> onnx.ModelProto:
    table = random(4, 3, seed=1)
    given = helper.make_graph(
        [node("OptionalGetElement", ["extra"], ["e"]), node("MatMul", ["e", "w"], ["given"])], "given", [],
        [value("given", FLOAT, None)],
    )  # fmt: skip
    absent = helper.make_graph(
        [node("MatMul", ["x", "w2"], ["absent"])], "absent", [], [value("absent", FLOAT, None)]
    )  # fmt: skip
    nodes = [
        node("OptionalHasElement", ["extra"], ["has"]),
        node("If", ["has"], ["y"], "choose", then_branch=given, else_branch=absent),
    ]
    kind_of = helper.make_optional_type_proto(helper.make_tensor_type_proto(FLOAT, ["batch", 4]))
    inputs = [value("x", FLOAT, ["batch", 4]), helper.make_value_info("extra", kind_of)]
    constants = {"w": random(4, 3), "w2": table * 1.2 if damaged else table}
    return model(nodes, inputs, [value("y", FLOAT, ["batch", 3])], constants)


def _before(damaged: bool, op: onnx.NodeProto, inputs: list[onnx.ValueInfoProto], wide: int, axis: Any = None) -> Any:
    """An operator of which only what is added to it says how large it makes ``x``."""
    added = random(1, wide)
    constants = {"b": changed(added, np.s_[:, -1]) if damaged else added}
    return model(
        [op, node("Add", ["t", "b"], ["y"])], [value("x", FLOAT, ["batch", 4]), *inputs],
        [value("y", FLOAT, ["batch", None])], constants | ({} if axis is None else {"axis": axis}),
    )  # fmt: skip


@kind("copies before a row", "Tile: how often is fed, and a row that is added says it")
def copies(damaged: bool) -> onnx.ModelProto:
    return _before(damaged, node("Tile", ["x", "times"], ["t"]), [value("times", INT, [2])], 12)


@kind("a cut before a row", "Slice: starts and ends are fed, and a row that is added says how much is left")
def cut_before(damaged: bool) -> onnx.ModelProto:
    ends = [value("start", INT, [1]), value("end", INT, [1])]
    return _before(damaged, node("Slice", ["x", "start", "end", "axis"], ["t"]), ends, 3, np.array([1]))


@kind("copies before a matrix", "Tile: how often is fed, and a layer says it")
def copies_before(damaged: bool) -> onnx.ModelProto:
    weights = random(12, 3)
    return model(
        [node("Tile", ["x", "times"], ["t"]), node("MatMul", ["t", "w"], ["y"])],
        [value("x", FLOAT, ["batch", 4]), value("times", INT, [2])], [value("y", FLOAT, ["batch", 3])],
        {"w": changed(weights, 11) if damaged else weights},
    )  # fmt: skip


@kind("a shape before a table", "Expand: the shape is fed, and what is multiplied with it says it")
def shape_before(damaged: bool) -> onnx.ModelProto:
    table = random(7, 4)
    return model(
        [node("Expand", ["x", "shape"], ["t"]), node("Mul", ["t", "b"], ["y"])],
        [value("x", FLOAT, [1, 4]), value("shape", INT, [2])], [value("y", FLOAT, [7, 4])],
        {"b": changed(table, 6) if damaged else table},
    )  # fmt: skip


@kind("places past the border", "GridSample: what lies outside of the image is 0, not the border's colour")
def past_the_border(damaged: bool) -> onnx.ModelProto:
    return model(
        [node("GridSample", ["x", "grid"], ["y"], padding_mode="border" if damaged else "zeros", align_corners=1)],
        [value("x", FLOAT, ["batch", 3, 8, 8]), value("grid", FLOAT, ["batch", 6, 6, 2])],
        [value("y", FLOAT, ["batch", 3, 6, 6])],
    )  # fmt: skip


@kind("a model that can be trained", "Dropout that a flag switches on: it is fed as a trained model is")
def trained(damaged: bool) -> onnx.ModelProto:
    weights = random(4, 4)
    return model(
        [node("MatMul", ["x", "w"], ["h"]), node("Dropout", ["h", "ratio", "training"], ["y"])],
        [value("x", FLOAT, ["batch", 4]), value("training", BOOL, [])], [value("y", FLOAT, ["batch", 4])],
        {"ratio": np.float32(0.3), "w": changed(weights, 0) if damaged else weights},
    )  # fmt: skip


@kind("a shape that holds the batch", "Reshape: the shape is fed, and the batch is its first number")
def shape_of_a_batch(damaged: bool) -> onnx.ModelProto:
    weights = random(3, 2)
    return model(
        [node("Reshape", ["x", "shape"], ["r"]), node("MatMul", ["r", "w"], ["y"])],
        [value("x", FLOAT, ["batch", 6]), value("shape", INT, [3])], [value("y", FLOAT, ["batch", 2, 2])],
        {"w": changed(weights, 0) if damaged else weights},
    )  # fmt: skip
