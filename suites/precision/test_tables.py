"""A product whose other operand was looked up in a quantised table: both scales are constants behind it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from pytest_onnxaccel.core.results import Verdict
from suites.precision.conversions import changed, parity, quantised, told


def looked_up() -> ModelProto:
    """Seven ids, their rows of a table turned round, and a product with them, as a transformer's first layer has it."""
    random = np.random.default_rng(5)
    arrays = {
        "table": random.standard_normal((40, 16)).astype(np.float32),
        "w": (random.standard_normal((16, 12)) * 0.1).astype(np.float32),
    }
    node = helper.make_node
    nodes = [
        node("Gather", ["table", "ids"], ["rows"], name="lookup"),
        node("Transpose", ["rows"], ["turned"], name="turn", perm=[1, 0, 2]),
        node("MatMul", ["turned", "w"], ["product"], name="project"),
        node("Tanh", ["product"], ["y"], name="squash"),
    ]
    inputs = [helper.make_tensor_value_info("ids", TensorProto.INT64, [1, 7])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [7, 1, 12])]
    tensors = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    graph = helper.make_graph(nodes, "looked_up", inputs, outputs, tensors)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    return made


def otherwise_named(model: ModelProto) -> ModelProto:
    """The scale of the weights under a name that says nothing."""
    for tensor in model.graph.initializer:
        tensor.name = "factor" if tensor.name == "w_scale" else tensor.name
    for node in model.graph.node:
        node.input[:] = ["factor" if name == "w_scale" else name for name in node.input]
    return model


@pytest.mark.parametrize("named", [True, False], ids=["named", "otherwise named"])
@pytest.mark.parametrize("per_channel", [False, True], ids=["tensor", "channel"])
def test_a_healthy_one_is_inconclusive_without_a_limit(per_channel: bool, named: bool, tmp_path: Path) -> None:
    model = looked_up()
    made = quantised(model, tmp_path, "dynamic", per_channel)
    behind = [n for n in made.graph.node if n.op_type == "Mul" and {"table_scale", "w_scale"} <= set(n.input)]
    assert behind, "the scales are not multiplied: nothing is tried here"
    found = parity(made if named else otherwise_named(made), model, tmp_path)
    assert (found.verdict, found.code) == (Verdict.INCONCLUSIVE, "V_QUANTISED"), told(found)


@pytest.mark.parametrize("per_channel", [False, True], ids=["tensor", "channel"])
@pytest.mark.parametrize("constant", ["w", "table"])
def test_a_scale_that_is_off_fails_and_is_named(constant: str, per_channel: bool, tmp_path: Path) -> None:
    model = looked_up()
    made = changed(quantised(model, tmp_path, "dynamic", per_channel), f"{constant}_scale", lambda scale: scale * 2)
    found = parity(made, model, tmp_path)
    assert (found.verdict, found.code) == (Verdict.FAILED, "V_PARITY"), told(found)
    assert f"'{constant}_quantized'" in found.message, told(found)
    assert "2 times" in found.message, told(found)
    assert "'project" in found.message, told(found)


@pytest.mark.parametrize("by", [1.0, 2.0])
def test_two_scales_in_one_constant_are_not_taken_for_one(by: float, tmp_path: Path) -> None:
    """As an optimizer folds them: which one is off, nothing tells."""
    model = looked_up()
    made = quantised(model, tmp_path, "dynamic", False)
    scales = {t.name: numpy_helper.to_array(t) for t in made.graph.initializer if t.name.endswith("_scale")}
    product = next(n for n in made.graph.node if {"table_scale", "w_scale"} <= set(n.input))
    both = np.asarray(scales["table_scale"] * scales["w_scale"] * np.float32(by))
    made.graph.initializer.append(numpy_helper.from_array(both, product.output[0]))
    made.graph.node.remove(product)
    found = parity(made, model, tmp_path)
    assert (found.verdict, found.code) == (Verdict.INCONCLUSIVE, "V_QUANTISED"), told(found)
