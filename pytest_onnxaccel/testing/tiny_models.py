"""Tiny models with inputs and the outputs that every backend must give for them.

Numbers are small multiples of a quarter, so that they are exact in any float arithmetic a device may use.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np  # noqa: TID253 - this module is imported by the first check that runs
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper  # noqa: TID253

from pytest_onnxaccel.core.frozen import record

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

    Arrays = Mapping[str, Any]

_FLOAT, _INT64, _BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
#: Both are old enough for every runtime in use.
IR_VERSION, OPSET = 8, 13

_WEIGHTS = np.arange(-6, 6, dtype=np.float32).reshape(4, 3) / 4
_BIAS = np.array([0.5, -1.0, 0.25], np.float32)
#: Numbers that neither float64 nor int32 can hold.
_TABLE = np.array([7, -(2**40), 2**53 + 1, -1, 2**62], np.int64)


@record(frozen=True)
class Case:
    """One model.

    Attributes:
        model: makes it.
        feeds: inputs for a batch size; models without a batch axis are not asked for another than 2.
        expected: outputs in the declared order, computed by NumPy from the inputs.
    """

    name: str
    model: Callable[[], ModelProto]
    feeds: Callable[[int], dict[str, Array]]
    expected: Callable[[Arrays], dict[str, Any]]
    batches: tuple[int, ...] = (2,)

    def write(self, folder: str) -> str:
        """Write the model into *folder*, once, and return its path."""
        path = os.path.join(folder, f"{self.name}.onnx")
        if not os.path.exists(path):
            with open(path, "wb") as file:
                file.write(self.model().SerializeToString())
        return path


def floats(*shape: int, start: float = -1.0) -> Array:
    """Return distinct multiples of a quarter of *shape*."""
    return (start + np.arange(np.prod(shape), dtype=np.float32) / 4).reshape(shape)


def _value(name: str, dtype: int, *shape: int | str) -> Any:
    return helper.make_tensor_value_info(name, dtype, shape)


def _model(nodes: list[NodeProto], inputs: list[Any], outputs: list[Any], **constants: Array) -> ModelProto:
    initializers = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, initializers)
    opsets = [helper.make_opsetid("", OPSET)]
    opsets += [helper.make_opsetid(domain, 1) for domain in sorted({n.domain for n in nodes if n.domain})]
    return helper.make_model(graph, ir_version=IR_VERSION, opset_imports=opsets)


def _add() -> ModelProto:
    node = helper.make_node("Add", ["x", "b"], ["y"])
    return _model([node], [_value("x", _FLOAT, 2, 3)], [_value("y", _FLOAT, 2, 3)], b=_BIAS)


def _matmul_relu() -> ModelProto:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Relu", ["h"], ["y"])]
    return _model(nodes, [_value("x", _FLOAT, 2, 4)], [_value("y", _FLOAT, 2, 3)], w=_WEIGHTS)


def _gather() -> ModelProto:
    node = helper.make_node("Gather", ["table", "index"], ["y"])
    return _model([node], [_value("index", _INT64, 3)], [_value("y", _INT64, 3)], table=_TABLE)


def _where() -> ModelProto:
    nodes = [helper.make_node("Where", ["c", "x", "b"], ["y"]), helper.make_node("Not", ["c"], ["other"])]
    inputs = [_value("c", _BOOL, 2, 3), _value("x", _FLOAT, 2, 3)]
    return _model(nodes, inputs, [_value("y", _FLOAT, 2, 3), _value("other", _BOOL, 2, 3)], b=_BIAS)


def _two_outputs() -> ModelProto:
    # Neither the alphabet nor the order of the nodes gives the declared order
    nodes = [helper.make_node("Relu", ["x"], ["area"]), helper.make_node("Neg", ["x"], ["total"])]
    return _model(nodes, [_value("x", _FLOAT, 2, 3)], [_value("total", _FLOAT, 2, 3), _value("area", _FLOAT, 2, 3)])


def _scalar_output() -> ModelProto:
    node = helper.make_node("ReduceMax", ["x"], ["y"], keepdims=0)
    return _model([node], [_value("x", _FLOAT, 2, 3)], [_value("y", _FLOAT)])


def _dynamic_batch() -> ModelProto:
    node = helper.make_node("Gemm", ["x", "w", "b"], ["y"])
    return _model([node], [_value("x", _FLOAT, "N", 4)], [_value("y", _FLOAT, "N", 3)], w=_WEIGHTS, b=_BIAS)


def _clashing() -> ModelProto:
    node = helper.make_node("Add", ["x", "z"], ["y"])
    return _model([node], [_value("x", _FLOAT, "N"), _value("z", _FLOAT, "M")], [_value("y", _FLOAT, "K")])


def _unknown_operator() -> ModelProto:
    node = helper.make_node("Mystery", ["x"], ["y"], domain="com.example")
    return _model([node], [_value("x", _FLOAT, 2, 3)], [_value("y", _FLOAT, 2, 3)])


CASES = {
    case.name: case
    for case in (
        Case("add", _add, lambda n: {"x": floats(2, 3)}, lambda f: {"y": f["x"] + _BIAS}),
        Case(
            "matmul_relu",
            _matmul_relu,
            lambda n: {"x": floats(2, 4)},
            lambda f: {"y": np.maximum(f["x"] @ _WEIGHTS, 0)},
        ),
        Case(
            "gather_int64",
            _gather,
            lambda n: {"index": np.array([2, 4, 1], np.int64)},
            lambda f: {"y": _TABLE[f["index"]]},
        ),
        Case(
            "where_bool",
            _where,
            lambda n: {"c": np.array([[1, 0, 1], [0, 0, 1]], bool), "x": floats(2, 3)},
            lambda f: {"y": np.where(f["c"], f["x"], _BIAS), "other": ~f["c"]},
        ),
        Case(
            "two_outputs",
            _two_outputs,
            lambda n: {"x": floats(2, 3)},
            lambda f: {"total": -f["x"], "area": np.maximum(f["x"], 0)},
        ),
        Case("scalar_output", _scalar_output, lambda n: {"x": floats(2, 3)}, lambda f: {"y": f["x"].max()}),
        Case(
            "dynamic_batch",
            _dynamic_batch,
            lambda n: {"x": floats(n, 4)},
            lambda f: {"y": f["x"] @ _WEIGHTS + _BIAS},
            (1, 3),
        ),
    )
}

#: Weights and bias of the model ``dynamic_batch``.
AFFINE = (_WEIGHTS, _BIAS)

#: Takes any two vectors, and fails on these, whose sizes differ.
CLASHING = Case("clashing", _clashing, lambda n: {"x": floats(2), "z": floats(3)}, lambda f: {})

#: Holds an operator that no runtime has.
UNKNOWN_OPERATOR = Case("unknown_operator", _unknown_operator, lambda n: {"x": floats(2, 3)}, lambda f: {})
