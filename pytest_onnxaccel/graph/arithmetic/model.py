"""A model in float64, computed operator by operator by definition: the judge of two engines that differ.

Runs in a worker, gives JSON. The evaluator runs what is written here, with the kernels of
:mod:`~pytest_onnxaccel.graph.arithmetic.table` in place of its own.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import onnx
from onnx import AttributeProto, FunctionProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.graph.arithmetic.table import KERNELS, PLAIN
from pytest_onnxaccel.graph.rebatch_files import read_whole
from pytest_onnxaccel.graph.upgrade import opset_of

#: Domain of the operators that are computed by definition, and of the functions that operators are defined by.
DOMAIN = "onnxaccel.arithmetic"

_FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16)
#: What Cast may go to.
_CAST = tuple(
    getattr(TensorProto, name)
    for name in ("DOUBLE", "BOOL", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64")
)
_TYPE_ATTRIBUTES = ("to", "dtype", "stash_type", "softmax_precision", "output_dtype")
#: What the bodies of functions may use besides: of floats, or of positive integers.
_IN_FUNCTIONS = ("Div", "Mod", "Softmax")
#: Kernels that give the first of their results alone.
_FIRST = ("BatchNormalization", "LayerNormalization", "MaxPool", "GroupNormalization", "Dropout")


def arithmetic(source: str, target: str) -> dict[str, Any]:
    """Write the model at *source* to *target*, with every float as a float64 and every operator by its definition.

    Returns:
        ``unknown``: the operators that have no definition here, in words; nothing is written where there are some.
        ``nodes``: how many there are.

    Raises:
        ModelError: the file cannot be read or written.
    """
    model = read_whole(source)
    operators = [node.op_type for node in model.graph.node]
    unknown = _Rewrite(model).done()
    if unknown:
        return {"unknown": sorted(unknown), "nodes": len(operators)}
    onnx.save(model, target)
    return {"unknown": [], "nodes": len(operators)}


class _Rewrite:
    """Rewrites one model in place."""

    def __init__(self, model: ModelProto) -> None:
        self._model = model
        self._opset = opset_of(model)
        self._unknown: set[str] = set()
        self._types: dict[str, Any] = {}

    def done(self) -> set[str]:
        model = self._model
        if model.functions or model.graph.sparse_initializer:
            return {"functions of its own" if model.functions else "sparse weights"}
        for tensor in model.graph.initializer:
            _widen(tensor)
        for value in (*model.graph.input, *model.graph.output):
            if value.type.tensor_type.elem_type in _FLOATS:
                value.type.tensor_type.elem_type = TensorProto.DOUBLE
        del model.graph.value_info[:]
        _widen_attributes(model.graph.node)
        self._types = _types(model)
        read = {name for node in model.graph.node for name in node.input} | {o.name for o in model.graph.output}
        for node in model.graph.node:
            self._rewrite(node, read, self._opset)
        if not any(entry.domain == DOMAIN for entry in model.opset_import):
            model.opset_import.append(helper.make_opsetid(DOMAIN, 1))
        return self._unknown

    def _rewrite(self, node: NodeProto, read: Iterable[str], opset: int) -> None:
        label = f"{node.op_type} {node.name or (node.output[0] if node.output else '')!r}"
        nested = any(item.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS) for item in node.attribute)
        if node.domain not in ("", "ai.onnx") or nested:
            self._unknown.add(label)
        elif node.op_type in KERNELS:
            if any(item.ref_attr_name for item in node.attribute):
                self._unknown.add(label)
                return
            since = onnx.defs.get_schema(node.op_type, opset, "").since_version
            node.domain = DOMAIN
            node.attribute.append(helper.make_attribute("since", since))
            node.attribute.append(helper.make_attribute("outputs", len([name for name in node.output if name])))
            if node.op_type in _FIRST:
                if any(name in read for name in node.output[1:]):
                    self._unknown.add(f"further results of {label}")
                del node.output[1:]
        elif node.op_type not in PLAIN and not self._as_function(node, opset):
            self._unknown.add(label)
        elif node.op_type in ("Cast", "CastLike") and self._cast_to(node) not in _CAST:
            self._unknown.add(f"{label} to a type that NumPy lacks")

    def _cast_to(self, node: NodeProto) -> int:
        if node.op_type == "CastLike":
            known = self._types.get(node.input[1])
            return int(known.tensor_type.elem_type) if known is not None else 0
        return next((int(item.i) for item in node.attribute if item.name == "to"), 0)

    def _as_function(self, node: NodeProto, opset: int) -> bool:
        """Let *node* call the function that the standard defines its operator by; False where there is none."""
        function = self._body(node, opset)
        if function is None:
            return False
        function.name = f"{node.op_type}_{len(self._model.functions)}"
        function.domain = DOMAIN
        _widen_attributes(function.node)
        if any(part.op_type not in PLAIN and part.op_type not in _IN_FUNCTIONS for part in function.node):
            return False  # the evaluator hands no kernels to functions
        given = {item.name for item in node.attribute} if function.attribute else {*()}
        defaults = onnx.defs.get_schema(node.op_type, opset, "").attributes
        node.attribute.extend(
            d.default_value for name, d in defaults.items() if name not in given and d.default_value.name
        )
        node.input.extend([""] * (len(function.input) - len(node.input)))
        wanted = [i for i, name in enumerate(node.output) if name]
        results, names = [function.output[i] for i in wanted], [node.output[i] for i in wanted]
        del function.output[:], node.output[:]
        function.output.extend(results)
        node.output.extend(names)
        node.op_type, node.domain = function.name, DOMAIN
        self._model.functions.append(function)
        return True

    def _body(self, node: NodeProto, opset: int) -> FunctionProto | None:
        with contextlib.suppress(Exception):  # no schema, or types that its function cannot be made for
            schema: Any = onnx.defs.get_schema(node.op_type, opset, "")
            function = FunctionProto()
            if schema.has_function:
                function.CopyFrom(schema.function_body)
                return function
            if schema.has_context_dependent_function:
                types = [(self._types.get(name) or onnx.TypeProto()).SerializeToString() for name in node.input]
                function.ParseFromString(schema.get_context_dependent_function(node.SerializeToString(), types))
                if not any(item.ref_attr_name for part in function.node for item in part.attribute):
                    del function.attribute[:], node.attribute[:]  # all of them are in the body already
                return function
        return None


def _types(model: ModelProto) -> dict[str, Any]:
    """Return what type each value has, as far as that can be inferred."""
    found = {value.name: value.type for value in model.graph.input}
    for tensor in model.graph.initializer:
        found[tensor.name] = helper.make_tensor_type_proto(tensor.data_type, list(tensor.dims))
    with contextlib.suppress(Exception):
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
        found |= {value.name: value.type for value in (*inferred.value_info, *inferred.output)}
    return found


def _widen_attributes(nodes: Iterable[NodeProto]) -> None:
    for node in nodes:
        for item in node.attribute:
            if item.type == AttributeProto.TENSOR:
                _widen(item.t)
            elif item.name in _TYPE_ATTRIBUTES and item.type == AttributeProto.INT and item.i in _FLOATS:
                item.i = TensorProto.DOUBLE
        if node.op_type == "Constant":
            _widen_constant(node)


def _widen_constant(node: NodeProto) -> None:
    for item in node.attribute:
        if item.name in ("value_float", "value_floats") and not item.ref_attr_name:
            value = item.f if item.name == "value_float" else list(item.floats)
            tensor = numpy_helper.from_array(np.asarray(value, np.float64))
            item.CopyFrom(helper.make_attribute("value", tensor))


def _widen(tensor: TensorProto) -> None:
    if tensor.data_type in _FLOATS:
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float64), name))


def operators() -> list[Any]:
    """Return the kernels, to hand to ``ReferenceEvaluator``."""
    from onnx.reference.op_run import OpRun

    def run(self: Any, *inputs: Any, **_: Any) -> Any:
        attributes: Mapping[str, Any] = {
            item.name: _decoded(helper.get_attribute_value(item)) for item in self.onnx_node.attribute
        }
        try:
            return tuple(np.asarray(y) for y in KERNELS[type(self).__name__](inputs, attributes))
        except NotImplementedError as error:
            raise ModelError(str(error), code="E_SCHEMA") from None

    return [type(op, (OpRun,), {"op_domain": DOMAIN, "_run": run}) for op in KERNELS]


def _decoded(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
