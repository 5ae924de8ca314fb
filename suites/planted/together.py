"""Values that tell together: cells, pairs of categories, columns of one table, and rows of many numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx

from suites.planted.making import BOOL, FLOAT, INT, changed, kind, model, node, random, value

ML, MS, TEXT = "ai.onnx.ml", "com.microsoft", int(onnx.TensorProto.STRING)
ONE = ["batch", 1]


@kind("one cell", "a table that two numbers look up: one cell in its middle")
def one_cell(damaged: bool) -> onnx.ModelProto:
    table = random(20, 20)
    return model(
        [node("Concat", ["i", "j"], ["ij"], axis=1), node("GatherND", ["table", "ij"], ["y"], "cell")],
        [value("i", INT, ONE), value("j", INT, ONE)], [value("y", FLOAT, ["batch"])],
        {"table": changed(table, (7, 13)) if damaged else table},
    )  # fmt: skip


@kind("one cell of pairs", "the same with one input of two columns")
def cell_of_pairs(damaged: bool) -> onnx.ModelProto:
    table = random(20, 20)
    return model(
        [node("GatherND", ["table", "ij"], ["y"], "cell")], [value("ij", INT, ["batch", 2])],
        [value("y", FLOAT, ["batch"])], {"table": changed(table, (7, 13)) if damaged else table},
    )  # fmt: skip


@kind("one row that two numbers make", "9 * i + j: one in the middle")
def row_of_digits(damaged: bool) -> onnx.ModelProto:
    table = random(108)
    nodes = [
        node("Mul", ["i", "nine"], ["i9"]),
        node("Add", ["i9", "j"], ["ij"]),
        node("Gather", ["table", "ij"], ["y"]),
    ]
    held = {"nine": np.array(9), "table": changed(table, 66) if damaged else table}
    return model(nodes, [value("i", INT, ["batch"]), value("j", INT, ["batch"])], [value("y", FLOAT, ["batch"])], held)


@kind("a row in the middle of a table", "one number chooses one of 200 rows: each may be the wrong one")
def middle_row(damaged: bool) -> onnx.ModelProto:
    table = random(200, 3)
    return model(
        [node("Gather", ["table", "code"], ["y"], "lookup")], [value("code", INT, ["batch"])],
        [value("y", FLOAT, ["batch", 3])], {"table": changed(table, 117) if damaged else table},
    )  # fmt: skip


@kind("a rule for three codes", "And of three comparisons: one combination of many")
def three_codes(damaged: bool) -> onnx.ModelProto:
    nodes = [node("Equal", [name, "four"], [f"is_{name}"]) for name in "abc"]
    nodes += [
        node("And", ["is_a", "is_b"], ["ab"]), node("And", ["ab", "is_c"], ["all"]),
        node("Where", ["all", "bonus", "none"], ["y"], "bonus"),
    ]  # fmt: skip
    held = {"four": np.array(4), "bonus": np.float32(3 if damaged else 2), "none": np.float32(0)}
    return model(nodes, [value(name, INT, ONE) for name in "abc"], [value("y", FLOAT, ONE)], held)


@kind("a pair of words", "two encoders whose codes make one row: one pair of thirty")
def pair_of_words(damaged: bool) -> onnx.ModelProto:
    def encoder(name: str, keys: list[str]) -> onnx.NodeProto:
        numbers = list(range(len(keys)))
        more: dict[str, Any] = {"keys_strings": keys, "values_int64s": numbers, "default_int64": len(keys)}
        return node("LabelEncoder", [name], [f"code_{name}"], domain=ML, **more)

    table = random(30)
    nodes = [
        encoder("a", list("xyzuv")), encoder("b", list("pqrs")), node("Mul", ["code_a", "five"], ["m"]),
        node("Add", ["m", "code_b"], ["i"]), node("Gather", ["table", "i"], ["y"]),
    ]  # fmt: skip
    held = {"five": np.array(5), "table": changed(table, 17) if damaged else table}
    return model(nodes, [value("a", TEXT, ONE), value("b", TEXT, ONE)], [value("y", FLOAT, ONE)], held, ml=3)


@kind("a number made of flags", "two flags number four rows")
def of_flags(damaged: bool) -> onnx.ModelProto:
    table = random(5, 3)
    nodes = [
        node("Cast", ["a"], ["ai"], to=INT), node("Cast", ["b"], ["bi"], to=INT), node("Mul", ["bi", "two"], ["b2"]),
        node("Add", ["ai", "b2"], ["i"]), node("Gather", ["table", "i"], ["y"]),
    ]  # fmt: skip
    held = {"two": np.array(2), "table": changed(table, 3) if damaged else table}
    rows = [value("a", BOOL, ["batch"]), value("b", BOOL, ["batch"])]
    return model(nodes, rows, [value("y", FLOAT, ["batch", 3])], held)


@kind("limits of two columns", "one column is high and another one low, of one table")
def two_columns(damaged: bool) -> onnx.ModelProto:
    nodes = [
        node("Slice", ["x", "s0", "e0", "axis"], ["c0"]), node("Slice", ["x", "s2", "e2", "axis"], ["c2"]),
        node("Greater", ["c0", "high"], ["g"]), node("Less", ["c2", "low"], ["l"]), node("And", ["g", "l"], ["both"]),
        node("Where", ["both", "bonus", "none"], ["y"], "bonus"),
    ]  # fmt: skip
    held = {
        "s0": np.array([0]), "e0": np.array([1]), "s2": np.array([2]), "e2": np.array([3]), "axis": np.array([1]),
        "high": np.float32(40), "low": np.float32(-15), "bonus": np.float32(3 if damaged else 2), "none": np.float32(0),
    }  # fmt: skip
    return model(nodes, [value("x", FLOAT, ["batch", 4])], [value("y", FLOAT, ONE)], held)


@kind("what each column's missing number becomes", "a fill for each of four columns: the last one is wrong")
def fills(damaged: bool) -> onnx.ModelProto:
    row = ["batch", 4]
    return model(
        [node("IsNaN", ["x"], ["is"]), node("Where", ["is", "fill", "x"], ["y"], "fill")],
        [value("x", FLOAT, row)], [value("y", FLOAT, row)],
        {"fill": np.array([1, 2, 3, 5 if damaged else 4], np.float32)},
    )  # fmt: skip


@kind("a support vector", "its weight shows next to it alone, behind a scaler and far from 0")
def support_vector(damaged: bool) -> onnx.ModelProto:
    vectors = [8.0, 3.0, -9.0, 3.5, 1.0, -2.0]
    nodes = [
        node("Scaler", ["x"], ["z"], domain=ML, offset=[100.0, -3.0], scale=[0.1, 2.0]),
        node(
            "SVMRegressor", ["z"], ["y"], domain=ML, kernel_type="RBF", kernel_params=[2.0, 0.0, 3.0], n_supports=3,
            coefficients=[1.0, -1.0, 0.8 if damaged else 0.5], support_vectors=vectors, rho=[0.1],
            post_transform="NONE",
        ),
    ]  # fmt: skip
    return model(nodes, [value("x", FLOAT, ["batch", 2])], [value("y", FLOAT, ONE)], ml=1)


@kind("a nearest neighbour", "distances to 30 rows: the label of one of them")
def neighbour(damaged: bool) -> onnx.ModelProto:
    labels = np.arange(30) % 4
    if damaged:
        labels[17] = 3
    nodes = [
        node("CDist", ["x", "rows"], ["d"], domain=MS, metric="euclidean"),
        node("ArgMin", ["d"], ["i"], axis=1, keepdims=0), node("Gather", ["labels", "i"], ["y"]),
    ]  # fmt: skip
    held = {"rows": random(30, 3) * 20, "labels": labels}
    return model(nodes, [value("x", FLOAT, ["batch", 3])], [value("y", INT, ["batch"])], held, contrib=1)


@kind("texts of a pattern", "two letters and digits, of which none is enough for the damaged one")
def pattern(damaged: bool) -> onnx.ModelProto:
    wanted = "[A-Z]{2}[0-9]*" if damaged else "[A-Z]{2}[0-9]+"
    return model(
        [node("RegexFullMatch", ["x"], ["y"], pattern=wanted)], [value("x", TEXT, ["batch"])],
        [value("y", BOOL, ["batch"])], opset=20,
    )  # fmt: skip


@kind("a threshold that moved a little", "Binarizer at 120, and at 128")
def binarizer(damaged: bool) -> onnx.ModelProto:
    one = node("Binarizer", ["x"], ["y"], domain=ML, threshold=128.0 if damaged else 120.0)
    return model([one], [value("x", FLOAT, ["batch", 3])], [value("y", FLOAT, ["batch", 3])], ml=1)


@kind("the upper half of 32 bits", "a cast by way of a type with a sign")
def upper_half(damaged: bool) -> onnx.ModelProto:
    way = [node("Cast", ["x"], ["i"], to=6), node("Cast", ["i"], ["f"], to=11)]
    nodes = [*(way if damaged else [node("Cast", ["x"], ["f"], to=11)]), node("Div", ["f", "k"], ["y"])]
    return model(
        nodes, [value("x", 12, ["batch", 8])], [value("y", 11, ["batch", 8])], {"k": np.array(2.0**32)}
    )  # fmt: skip


@kind("the order of unique numbers", "Unique sorts, or keeps the order in which they come")
def unique(damaged: bool) -> onnx.ModelProto:
    names = ["values", "first", "inverse", "counts"]
    return model(
        [node("Unique", ["x"], names, sorted=0 if damaged else 1)], [value("x", INT, ["numbers"])],
        [value(name, INT, [None]) for name in names],
    )  # fmt: skip


@kind("the end of counted positions", "EmbedLayerNormalization counts positions by itself: the last row of its table")
def fused_positions(damaged: bool) -> onnx.ModelProto:
    positions = random(32, 8, seed=2)
    held = {
        "words": random(50, 8), "positions": changed(positions, 31) if damaged else positions,
        "kinds": random(2, 8, seed=1), "gamma": np.ones(8, np.float32), "beta": np.zeros(8, np.float32),
    }  # fmt: skip
    one = node(
        "EmbedLayerNormalization", ["ids", "segments", "words", "positions", "kinds", "gamma", "beta", "mask"],
        ["y", "counts"], domain=MS,
    )  # fmt: skip
    rows = [value(name, 6, ["batch", "sequence"]) for name in ("ids", "segments", "mask")]
    outputs = [value("y", FLOAT, ["batch", "sequence", 8]), value("counts", 6, ["batch"])]
    return model([one], rows, outputs, held, contrib=1)


@kind("a leaf behind two inputs", "a tree of columns that are fed one by one, as skl2onnx exports a data frame")
def leaf_of_inputs(damaged: bool) -> onnx.ModelProto:
    tree = node(
        "TreeEnsembleRegressor", ["x"], ["y"], "tree", domain=ML, n_targets=1, post_transform="NONE",
        nodes_treeids=[0] * 5, nodes_nodeids=list(range(5)), nodes_featureids=[0, 1, 0, 0, 0],
        nodes_values=[10.0, 5.0, 0.0, 0.0, 0.0], nodes_modes=["BRANCH_LEQ", "BRANCH_LEQ", "LEAF", "LEAF", "LEAF"],
        nodes_truenodeids=[1, 3, 0, 0, 0], nodes_falsenodeids=[2, 4, 0, 0, 0], target_treeids=[0] * 3,
        target_nodeids=[2, 3, 4], target_ids=[0] * 3, target_weights=[1.0, 2.0, 3.5 if damaged else 3.0],
    )  # fmt: skip
    rows = [value("a", FLOAT, ONE), value("b", FLOAT, ONE)]
    return model([node("Concat", ["a", "b"], ["x"], axis=1), tree], rows, [value("y", FLOAT, ONE)], ml=3)


@kind("one hour of a day", "seconds by remainder and quotient: each hour has a row")
def hour(damaged: bool) -> onnx.ModelProto:
    hours = random(24)
    nodes = [
        node("Mod", ["time", "day"], ["s"]), node("Div", ["s", "hour"], ["h"]),
        node("Gather", ["hours", "h"], ["y"], "lookup"),
    ]  # fmt: skip
    held = {"day": np.array(86400), "hour": np.array(3600), "hours": changed(hours, 17) if damaged else hours}
    return model(nodes, [value("time", INT, ["batch"])], [value("y", FLOAT, ["batch"])], held)


@kind("one bucket of equal width", "Floor of a quotient, cut off at both ends")
def bucket(damaged: bool) -> onnx.ModelProto:
    rows = random(24)
    nodes = [
        node("Div", ["x", "width"], ["q"]), node("Floor", ["q"], ["f"]), node("Cast", ["f"], ["i"], to=INT),
        node("Clip", ["i", "first", "last"], ["at"]), node("Gather", ["rows", "at"], ["y"], "lookup"),
    ]  # fmt: skip
    held = {
        "width": np.float32(3600), "first": np.array(0), "last": np.array(23),
        "rows": changed(rows, 17) if damaged else rows,
    }  # fmt: skip
    return model(nodes, [value("x", FLOAT, ["batch"])], [value("y", FLOAT, ["batch"])], held)
