"""Tables and trees: inputs lie between the thresholds of each column, so that a damaged forest is told apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from fixtures.forests import COLUMNS, forest, with_one_threshold_moved, with_thresholds_permuted
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import ModelSpec
from pytest_onnxaccel.graph.inputs.facts import facts_of
from pytest_onnxaccel.graph.inputs.rules.tables import between
from pytest_onnxaccel.runner.api import validate
from pytest_onnxaccel.runner.request import RunOptions


def parity(model: onnx.ModelProto, original: onnx.ModelProto, folder: Path) -> CheckResult:
    onnx.save(original, folder / "original.onnx")
    onnx.save(model, folder / "model.onnx")
    spec = ModelSpec(
        "model", str(folder / "model.onnx"), "model.onnx", backends=("ort-cpu",),
        reference=str(folder / "original.onnx"),
    )  # fmt: skip
    (result,) = validate(spec, checks=["parity"], options=RunOptions(in_process=True))
    return result


def test_numbers_lie_on_both_sides_of_each_threshold_and_on_none() -> None:
    assert between([3.0, 1.0]) == [-1.0, 2.0, 5.0]
    assert between([7.0]) == [pytest.approx(6.65), pytest.approx(7.35)]
    close = float(np.nextafter(np.float32(1), np.float32(2)))
    assert len(between([1.0, close])) == 2


@pytest.mark.parametrize("scaled", [False, True])
def test_each_column_is_drawn_where_its_thresholds_are(scaled: bool) -> None:
    domain = facts_of(forest(scaled=scaled)).domains["x"]
    assert len(domain.columns) == len(COLUMNS)
    for (centre, spread), numbers in zip(COLUMNS, domain.columns, strict=True):
        assert len(numbers) > 50
        assert abs(np.median(numbers) - centre) < spread


@pytest.mark.parametrize("scaled", [False, True])
def test_a_healthy_forest_passes_and_permuted_thresholds_do_not(scaled: bool, tmp_path: Path) -> None:
    original = forest(scaled=scaled)
    assert parity(original, original, tmp_path).verdict is Verdict.PASSED
    found = parity(with_thresholds_permuted(original), original, tmp_path)
    assert found.verdict is Verdict.FAILED
    assert found.code == "V_PARITY"


def test_one_threshold_of_480_that_moved_far_is_found(tmp_path: Path) -> None:
    original = forest()
    assert parity(with_one_threshold_moved(original), original, tmp_path).code == "V_PARITY"


def test_columns_are_followed_through_selections_and_joins() -> None:
    model = forest(trees=5)
    trees = model.graph.node[0]
    trees.input[0] = "table"
    pick = helper.make_node("Gather", ["x", "order"], ["picked"], axis=1)
    join = helper.make_node("Concat", ["picked", "last"], ["table"], axis=1)
    del model.graph.node[:]
    model.graph.node.extend([pick, join, trees])
    del model.graph.input[:]
    model.graph.input.append(helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4]))
    model.graph.input.append(helper.make_tensor_value_info("last", TensorProto.FLOAT, ["N", 1]))
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([3, 2, 1, 0]), "order"))
    domains = facts_of(model).domains
    medians = [float(np.median(numbers)) for numbers in domains["x"].columns]
    for median, (centre, spread) in zip(medians, COLUMNS[3::-1], strict=True):
        assert abs(median - centre) < 2 * spread
    assert abs(float(np.median(domains["last"].columns[0])) - COLUMNS[4][0]) < 2 * COLUMNS[4][1]


def test_a_table_without_trees_is_drawn_around_its_scaler() -> None:
    node = helper.make_node("Scaler", ["x"], ["y"], domain="ai.onnx.ml", offset=[10.0, -5.0], scale=[0.5, 4.0])
    domains = facts_of(table([node], 2)).domains
    assert [round(float(np.median(numbers))) for numbers in domains["x"].columns] == [10, -5]


def test_a_network_without_tables_has_no_columns() -> None:
    assert not any(
        domain.columns for domain in facts_of(table([helper.make_node("Relu", ["x"], ["y"])], 3)).domains.values()
    )


def test_encoders_are_fed_their_keys_and_one_that_they_do_not_know() -> None:
    node = helper.make_node(
        "LabelEncoder", ["x"], ["y"], domain="ai.onnx.ml", keys_strings=["cat", "dog"], values_int64s=[3, 4]
    )
    assert facts_of(table([node], 2, TensorProto.STRING)).domains["x"].choices == ("cat", "dog", "onnxaccel")
    strict = helper.make_node("OneHotEncoder", ["x"], ["y"], domain="ai.onnx.ml", cats_int64s=[3, 5, 9], zeros=0)
    assert facts_of(table([strict], 2, TensorProto.INT64)).domains["x"].choices == (3, 5, 9)


def table(nodes: list[onnx.NodeProto], width: int, dtype: int = TensorProto.FLOAT) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", dtype, ["N", width])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)
