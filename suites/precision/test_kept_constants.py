"""Constants of a conversion are the original's, rounded: what is right, what is wrong, and what is not compared."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import ModelProto, helper, numpy_helper

from pytest_onnxaccel.core.results import Verdict
from pytest_onnxaccel.core.specs import Tolerance
from pytest_onnxaccel.graph.precision.kept_constants import kept_constants
from suites.precision.conversions import changed, parity, to_bfloat16, to_float16, told
from suites.precision.nets import NETS, dense_net


def compared(candidate: ModelProto, reference: ModelProto, folder: Path, dtype: str = "float16") -> dict[str, Any]:
    onnx.save(candidate, folder / "a.onnx")
    onnx.save(reference, folder / "b.onnx")
    return kept_constants(str(folder / "a.onnx"), str(folder / "b.onnx"), dtype)


def one_percent(content: np.ndarray) -> np.ndarray:
    content.reshape(-1)[0] *= content.dtype.type(1.01)
    return content


@pytest.mark.parametrize("keep", [True, False], ids=["kept", "changed"])
@pytest.mark.parametrize("net", NETS)
def test_a_conversion_keeps_them(net: str, keep: bool, tmp_path: Path) -> None:
    found = compared(to_float16(NETS[net](), keep), NETS[net](), tmp_path)
    assert found["judged"] >= 5
    assert (found["faults"], found["others"]) == ([], [])


def test_bfloat16_keeps_them(tmp_path: Path) -> None:
    found = compared(to_bfloat16(dense_net(), True), dense_net(), tmp_path, "bfloat16")
    assert (found["judged"], found["faults"]) == (5, [])


def test_one_number_that_is_off_is_told_with_its_place(tmp_path: Path) -> None:
    found = compared(changed(to_float16(dense_net(), True), "w2", one_percent), dense_net(), tmp_path)
    (fault,) = found["faults"]
    assert (fault["node"], fault["name"]) == ("MatMul 'second'", "w2")
    assert fault["text"].startswith("1 of 1280 values are not the original's, rounded: at [0, 0]")


def test_a_graph_sorted_otherwise_is_the_same(tmp_path: Path) -> None:
    model = NETS["attention"]()
    made = to_float16(model, False)
    nodes = [copy.deepcopy(node) for node in made.graph.node]
    nodes[0], nodes[1] = nodes[1], nodes[0]  # two projections of the same input
    del made.graph.node[:]
    made.graph.node.extend(nodes)
    assert compared(changed(made, "w_q", one_percent), model, tmp_path)["faults"][0]["node"] == "MatMul 'project_q'"


def test_numbers_past_the_type_are_cut_off_rightly(tmp_path: Path) -> None:
    wide = changed(dense_net(), "b1", lambda b: b * 0 + np.linspace(-3e5, 1e-9, b.size, dtype=np.float32))
    assert compared(to_float16(wide, True), wide, tmp_path)["faults"] == []


def test_another_graph_is_not_compared(tmp_path: Path) -> None:
    other = to_float16(dense_net(), True)
    other.graph.node.append(helper.make_node("Relu", ["y"], ["y_again"], name="more"))
    found = compared(other, dense_net(), tmp_path)
    assert (found["judged"], found["faults"], found["others"]) == (0, [], [])


def test_weights_that_were_all_made_anew_are_not_judged(tmp_path: Path) -> None:
    found = compared(to_float16(dense_net(seed=1), True), dense_net(seed=2), tmp_path)
    assert found["judged"] == 5
    assert found["faults"] == []


def test_another_operator_is_told(tmp_path: Path) -> None:
    made = to_float16(dense_net(), True)
    node = next(node for node in made.graph.node if node.op_type == "Relu")
    node.op_type = "LeakyRelu"
    found = compared(made, dense_net(), tmp_path)
    assert found["others"] == [{"node": "LeakyRelu 'first_relu'", "text": "LeakyRelu instead of Relu"}]


def test_a_weight_that_the_noise_hides_fails(tmp_path: Path) -> None:
    damaged = changed(to_float16(dense_net(), True), "w2", one_percent)
    found = parity(damaged, dense_net(), tmp_path)
    assert (found.verdict, found.code) == (Verdict.FAILED, "V_PARITY"), told(found)
    assert found.message.startswith("1 of 5 constants are not those of original.onnx, rounded to float16")
    assert found.message.endswith("origin: MatMul 'second'")


def test_a_given_tolerance_decides_alone(tmp_path: Path) -> None:
    damaged = changed(to_float16(dense_net(), True), "w2", one_percent)
    found = parity(damaged, dense_net(), tmp_path, tolerance=Tolerance(0.01, 0.05))
    assert found.verdict is Verdict.PASSED, told(found)


def test_a_slope_that_rounding_hides_fails_where_the_node_is_another(tmp_path: Path) -> None:
    model = NETS["residual"](2)
    made = to_float16(model, True)
    node = next(node for node in made.graph.node if node.name == "enter_relu")
    node.op_type = "LeakyRelu"
    found = parity(made, model, tmp_path)
    assert found.verdict is Verdict.FAILED, told(found)
    assert "LeakyRelu 'enter_relu'" in found.message


def test_a_constant_node_counts(tmp_path: Path) -> None:
    model = dense_net()
    made = to_float16(model, True)
    tensor = next(t for t in made.graph.initializer if t.name == "w3")
    content = one_percent(numpy_helper.to_array(tensor).copy())
    made.graph.initializer.remove(tensor)
    node = helper.make_node("Constant", [], ["w3"], value=numpy_helper.from_array(content, "w3"))
    made.graph.node.insert(0, node)
    assert [fault["name"] for fault in compared(made, model, tmp_path)["faults"]] == ["w3"]
