"""Tables and texts: encoders, scalers, trees, and inputs that are sequences or may be left out."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from suites.planted.making import FLOAT, INT, changed, kind, model, node, random, value

TEXT = int(TensorProto.STRING)
ML = "ai.onnx.ml"
CITIES = [f"city-{i}" for i in range(120)]


def _encoded(node_: onnx.NodeProto, dtype: int, out: int = FLOAT, width: Any = 1) -> onnx.ModelProto:
    return model([node_], [value("x", dtype, ["batch", 1])], [value("y", out, ["batch", width])], ml=3)


@kind("one text of many", "120 cities, of which one got another number")
def one_city(damaged: bool) -> onnx.ModelProto:
    numbers = [float(i) for i in range(len(CITIES))]
    numbers[97] = 40.5 if damaged else numbers[97]
    return _encoded(
        node("LabelEncoder", ["x"], ["y"], "encode", domain=ML, keys_strings=CITIES, values_floats=numbers,
             default_float=-1.0), TEXT,
    )  # fmt: skip


@kind("a text that is not known", "the default of an encoder")
def stranger(damaged: bool) -> onnx.ModelProto:
    return _encoded(
        node("LabelEncoder", ["x"], ["y"], "encode", domain=ML, keys_strings=CITIES[:5],
             values_floats=[0.0, 1.0, 2.0, 3.0, 4.0], default_float=-2.0 if damaged else -1.0), TEXT,
    )  # fmt: skip


@kind("one number of an encoder", "30 codes far apart")
def one_code(damaged: bool) -> onnx.ModelProto:
    codes = [1000 + 37 * i for i in range(30)]
    found = [i + 100 if damaged and i == 29 else i for i in range(30)]
    return _encoded(
        node("LabelEncoder", ["x"], ["y"], "encode", domain=ML, keys_int64s=codes, values_int64s=found,
             default_int64=-1), INT, INT,
    )  # fmt: skip


@kind("a category of one-hot", "the weight of the last of 26 letters")
def category(damaged: bool) -> onnx.ModelProto:
    letters, rows = [chr(97 + i) for i in range(26)], random(26, 2)
    return model(
        [
            node("OneHotEncoder", ["x"], ["o"], "letters", domain=ML, cats_strings=letters, zeros=1),
            node("MatMul", ["o", "w"], ["y"], "head"),
        ],
        [value("x", TEXT, ["batch", 1])], [value("y", FLOAT, ["batch", 1, 2])],
        {"w": changed(rows, -1) if damaged else rows}, ml=3,
    )  # fmt: skip


@kind("offset of a scaler", "one column's offset, of numbers around 1800")
def scaler(damaged: bool) -> onnx.ModelProto:
    offsets = [1800.0, 0.5, -40.0]
    return model(
        [
            node("Scaler", ["x"], ["s"], "scale", domain=ML, offset=[1810.0 if damaged else 1800.0, *offsets[1:]],
                 scale=[0.01, 2.0, 0.1]),
            node("Tanh", ["s"], ["y"]),
        ],
        [value("x", FLOAT, ["batch", 3])], [value("y", FLOAT, ["batch", 3])], ml=3,
    )  # fmt: skip


def _tree(first: float, second: float, leaves: list[float]) -> onnx.ModelProto:
    """``x0 <= first`` and then ``x1 <= second``."""
    return model(
        [node(
            "TreeEnsembleRegressor", ["x"], ["y"], "tree", domain=ML, n_targets=1, post_transform="NONE",
            nodes_treeids=[0] * 5, nodes_nodeids=[0, 1, 2, 3, 4], nodes_featureids=[0, 0, 1, 0, 0],
            nodes_values=[first, 0.0, second, 0.0, 0.0],
            nodes_modes=["BRANCH_LEQ", "LEAF", "BRANCH_LEQ", "LEAF", "LEAF"],
            nodes_truenodeids=[1, 0, 3, 0, 0], nodes_falsenodeids=[2, 0, 4, 0, 0],
            nodes_missing_value_tracks_true=[0] * 5, nodes_hitrates=[1.0] * 5,
            target_treeids=[0] * 3, target_nodeids=[1, 3, 4], target_ids=[0] * 3, target_weights=leaves,
        )],
        [value("x", FLOAT, ["batch", 2])], [value("y", FLOAT, ["batch", 1])], ml=3,
    )  # fmt: skip


@kind("threshold of a tree", "a limit that moved from 37.5 to 39, past what was drawn beside it")
def threshold(damaged: bool) -> onnx.ModelProto:
    return _tree(60.0 if damaged else 37.5, 1e-3, [1.0, 2.0, 3.0])


@kind("one leaf of a tree", "behind two limits far from 0")
def leaf(damaged: bool) -> onnx.ModelProto:
    return _tree(37.5, 900.0, [1.0, 2.0, 3.5 if damaged else 3.0])


@kind("what a missing number becomes", "an imputer that puts a mean in the place of NaN")
def imputed(damaged: bool) -> onnx.ModelProto:
    return model(
        [node("Imputer", ["x"], ["y"], "impute", domain=ML, imputed_value_floats=[1.0, 2.5 if damaged else 2.0],
              replaced_value_float=float("nan"))],
        [value("x", FLOAT, ["batch", 2])], [value("y", FLOAT, ["batch", 2])], ml=3,
    )  # fmt: skip


@kind("what -999 becomes", "a number that stands for a missing one")
def replaced(damaged: bool) -> onnx.ModelProto:
    return model(
        [node("Imputer", ["x"], ["y"], "impute", domain=ML, imputed_value_floats=[1.0, 2.5 if damaged else 2.0],
              replaced_value_float=-999.0)],
        [value("x", FLOAT, ["batch", 2])], [value("y", FLOAT, ["batch", 2])], ml=3,
    )  # fmt: skip


@kind("a word of a bag of words", "the weight of one key of forty")
def word(damaged: bool) -> onnx.ModelProto:
    words = [f"word{i}" for i in range(40)]
    weights = [1.0 + i / 40 for i in range(40)]
    weights[33] = 5.0 if damaged else weights[33]
    return model(
        [node(
            "TfIdfVectorizer", ["x"], ["y"], "bag", mode="TFIDF", min_gram_length=1, max_gram_length=1,
            max_skip_count=0,
            ngram_counts=[0], ngram_indexes=list(range(40)), pool_strings=words, weights=weights,
        )],
        [value("x", TEXT, [6])], [value("y", FLOAT, [40])],
    )  # fmt: skip


@kind("an element of a sequence", "the second tensor of a sequence")
def element(damaged: bool) -> onnx.ModelProto:
    return model(
        [
            node("SequenceAt", ["xs", "zero"], ["a"]), node("SequenceAt", ["xs", "one"], ["b"]),
            node("Mul", ["b", "w"], ["c"]), node("Add", ["a", "c"], ["y"]),
        ],
        [helper.make_tensor_sequence_value_info("xs", FLOAT, [3])], [value("y", FLOAT, [3])],
        {"zero": np.array(0), "one": np.array(1), "w": np.float32(3 if damaged else 2)},
    )  # fmt: skip


@kind("an optional that is there", "its element, where it is given")
def given(damaged: bool) -> onnx.ModelProto:
    tensor = helper.make_tensor_type_proto(FLOAT, [3])
    return model(
        [node("OptionalGetElement", ["maybe"], ["m"]), node("Mul", ["m", "w"], ["n"]), node("Add", ["x", "n"], ["y"])],
        [value("x", FLOAT, [3]), helper.make_value_info("maybe", helper.make_optional_type_proto(tensor))],
        [value("y", FLOAT, [3])], {"w": np.float32(3 if damaged else 2)},
    )  # fmt: skip


@kind("an input with a default", "an input that may be left out: what it is then stands in the file")
def default(damaged: bool) -> onnx.ModelProto:
    return model(
        [node("Mul", ["x", "gain"], ["y"])],
        [value("x", FLOAT, ["batch", 3]), value("gain", FLOAT, [3])], [value("y", FLOAT, ["batch", 3])],
        {"gain": np.array([1, 2, 3.5 if damaged else 3], np.float32)},
    )  # fmt: skip


@kind("where a missing number goes", "a tree of LightGBM sends NaN to one side, which a converter may lose")
def tracked(damaged: bool) -> onnx.ModelProto:
    return model(
        [node(
            "TreeEnsembleRegressor", ["x"], ["y"], "tree", domain=ML, n_targets=1, post_transform="NONE",
            nodes_treeids=[0] * 3, nodes_nodeids=[0, 1, 2], nodes_featureids=[0] * 3, nodes_values=[0.5, 0.0, 0.0],
            nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"], nodes_truenodeids=[1, 0, 0], nodes_falsenodeids=[2, 0, 0],
            nodes_missing_value_tracks_true=[0 if damaged else 1, 0, 0], nodes_hitrates=[1.0] * 3,
            target_treeids=[0, 0], target_nodeids=[1, 2], target_ids=[0, 0], target_weights=[1.0, 2.0],
        )],
        [value("x", FLOAT, ["batch", 2])], [value("y", FLOAT, ["batch", 1])], ml=3,
    )  # fmt: skip


def _tensor(*numbers: float, kind: Any = np.float32) -> onnx.TensorProto:
    return onnx.numpy_helper.from_array(np.array(numbers, kind))


@kind("a set of a tree", "a node that asks whether a code is 7 or 19")
def member(damaged: bool) -> onnx.ModelProto:
    return model(
        [node(
            "TreeEnsemble", ["x"], ["y"], "tree", domain=ML, n_targets=1, aggregate_function=1, post_transform=0,
            membership_values=_tensor(7, 19, float("nan")), nodes_featureids=[0], nodes_modes=_tensor(6, kind=np.uint8),
            nodes_splits=_tensor(0), nodes_truenodeids=[0], nodes_trueleafs=[1], nodes_falsenodeids=[1],
            nodes_falseleafs=[1], leaf_targetids=[0, 0], leaf_weights=_tensor(5 if damaged else 4, 2), tree_roots=[0],
        )],
        [value("x", FLOAT, ["batch", 2])], [value("y", FLOAT, ["batch", 1])], ml=5, opset=21,
    )  # fmt: skip


@kind("keys of one column of texts", "a table of texts of which one column is looked up: its 12th word")
def column_of_texts(damaged: bool) -> onnx.ModelProto:
    numbers = [float(i) for i in range(12)]
    numbers[11] = 40.5 if damaged else 11.0
    return model(
        [
            node("Gather", ["x", "one"], ["c"], axis=1),
            node("LabelEncoder", ["c"], ["y"], domain=ML, keys_strings=CITIES[:12], values_floats=numbers,
                 default_float=-1.0),
        ],
        [value("x", TEXT, ["batch", 3])], [value("y", FLOAT, ["batch"])], {"one": np.array(1)}, ml=3,
    )  # fmt: skip


@kind("a threshold behind a logarithm", "scikit-learn takes log1p of prices before a tree of them")
def behind_a_logarithm(damaged: bool) -> onnx.ModelProto:
    tree = node(
        "TreeEnsembleRegressor", ["l"], ["y"], "tree", domain=ML, n_targets=1, post_transform="NONE",
        nodes_treeids=[0] * 3, nodes_nodeids=[0, 1, 2], nodes_featureids=[1, 0, 0], nodes_values=[6.5, 0.0, 0.0],
        nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"], nodes_truenodeids=[1, 0, 0], nodes_falsenodeids=[2, 0, 0],
        nodes_missing_value_tracks_true=[0] * 3, nodes_hitrates=[1.0] * 3, target_treeids=[0, 0],
        target_nodeids=[1, 2], target_ids=[0, 0], target_weights=[1.0, 2.5 if damaged else 2.0],
    )  # fmt: skip
    return model(
        [node("Add", ["x", "one"], ["p"]), node("Log", ["p"], ["l"]), tree], [value("x", FLOAT, ["batch", 2])],
        [value("y", FLOAT, ["batch", 1])], {"one": np.float32(1)}, ml=3,
    )  # fmt: skip
