"""A norm that was left in training mode before its graph was quantised fails without a limit, and is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from pytest_onnxaccel.core.comparisons import Comparison
from pytest_onnxaccel.core.results import Verdict
from suites.precision.conversions import parity, quantised, told


def net(training: bool) -> ModelProto:
    """A convolution and a norm, and a second output beside them: 2x3x6x6 to 2x6x6x6 and 2x3."""
    r = np.random.default_rng(4)
    weights: dict[str, Any] = {
        "w": r.normal(0, 0.4, (6, 3, 3, 3)), "gain": r.uniform(0.5, 1.5, 6), "shift": r.normal(0, 1, 6),
        "mean": r.normal(0, 1, 6), "variance": r.uniform(0.5, 1.5, 6), "w2": r.normal(0, 0.4, (3, 3)),
    }  # fmt: skip
    node = helper.make_node
    more: dict[str, Any] = {"training_mode": 1} if training else {}
    results = ["n", "new_mean", "new_variance"] if training else ["n"]
    nodes = [
        node("Conv", ["x", "w"], ["c"], name="conv", pads=[1] * 4),
        node("BatchNormalization", ["c", "gain", "shift", "mean", "variance"], results, name="norm", **more),
        node("Relu", ["n"], ["y"], name="relu"),
        node("GlobalAveragePool", ["x"], ["p"], name="pool"),
        node("Flatten", ["p"], ["f"], name="flat"),
        node("MatMul", ["f", "w2"], ["beside"], name="beside_it"),
    ]
    sides = [("x", [2, 3, 6, 6])], [("y", [2, 6, 6, 6]), ("beside", [2, 3])]
    values = [[helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n, shape in side] for side in sides]
    tensors = [numpy_helper.from_array(array.astype(np.float32), name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "net", *values, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)


@pytest.mark.parametrize("form", ["qdq", "qoperator", "dynamic"])
def test_it_fails_without_a_limit_and_is_named(form: str, tmp_path: Path) -> None:
    found = parity(quantised(net(True), tmp_path, form, False), net(False), tmp_path)
    assert (found.verdict, found.code) == (Verdict.FAILED, "V_PARITY"), told(found)
    assert "origin: BatchNormalization 'norm' in training mode" in found.message, told(found)
    assert any("call eval()" in line for line in found.details), told(found)


@pytest.mark.parametrize("form", ["qdq", "qoperator", "dynamic"])
def test_it_is_named_where_a_limit_is_given(form: str, tmp_path: Path) -> None:
    limit = {"y": Comparison("sqnr", 25.0), "beside": Comparison("sqnr", 15.0)}
    found = parity(quantised(net(True), tmp_path, form, False), net(False), tmp_path, comparisons=limit)
    assert found.verdict is Verdict.FAILED, told(found)
    assert "origin: BatchNormalization 'norm' in training mode" in found.message, told(found)


@pytest.mark.parametrize("training", [False, True])
def test_the_same_mode_on_both_sides_is_no_fault(training: bool, tmp_path: Path) -> None:
    found = parity(quantised(net(training), tmp_path, "dynamic", False), net(training), tmp_path)
    assert (found.verdict, found.code) == (Verdict.INCONCLUSIVE, "V_QUANTISED"), told(found)
