"""Judges a model that it makes itself, so that what libraries build at their first use is there for the next one."""

from __future__ import annotations

import contextlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from pytest_onnxaccel.core.domains import InputFacts
from pytest_onnxaccel.core.specs import ModelInfo
from pytest_onnxaccel.graph.describe import describe
from pytest_onnxaccel.graph.inputs.facts import facts_of
from pytest_onnxaccel.graph.lint import findings
from pytest_onnxaccel.graph.reach.lift import lift
from pytest_onnxaccel.graph.reach.paths import answering, weights
from pytest_onnxaccel.graph.reach.probes import probes


def rehearse() -> None:
    """Describe, check and walk through a model of four nodes in memory; no session is opened and no file.

    onnx registers its operators at the first check, and Python compiles patterns and learns which class is which at
    their first use: one process does that for all that are forked of it.
    """
    model = small_model()
    with contextlib.suppress(Exception):  # each worker meets again what is wrong here, and says so
        onnx.checker.check_model(model)
        onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
        ModelInfo.from_json(describe(model).to_json())
        InputFacts.from_json(facts_of(model).to_json())
        findings(model)
        lift(model)
        weights(model)
        probes(model)
        answering(model)


def small_model() -> onnx.ModelProto:
    """Return a model with a convolution, an activation, a reshape and a product."""
    held = [
        numpy_helper.from_array(np.ones((2, 1, 3, 3), np.float32), "w"),
        numpy_helper.from_array(np.array([1, -1], np.int64), "s"),
        numpy_helper.from_array(np.ones((8, 2), np.float32), "m"),
    ]
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("Reshape", ["r", "s"], ["f"]),
        helper.make_node("MatMul", ["f", "m"], ["y"]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 4, 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2])
    graph = helper.make_graph(nodes, "rehearsal", [x], [y], held)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
