"""What a model file says of itself."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import onnx
from onnx import numpy_helper

from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.specs import Dim, ModelInfo, TensorSpec
from pytest_onnxaccel.graph.files import all_graphs, fed_values, load_graph

_SAVE_AGAIN = "save the model and its data again"


def inspect(path: str) -> dict[str, Any]:
    """Return the JSON form of :class:`~pytest_onnxaccel.core.specs.ModelInfo` of the model at *path*.

    Raises:
        ModelError: ``E_PARSE``: a name by which it is run is not UTF-8; ``E_EXTERNAL``: external data without a place.
    """
    return describe(load_graph(path)).to_json()


def describe(model: onnx.ModelProto) -> ModelInfo:
    """Return what *model* declares; external data is not looked at."""
    graph = model.graph
    inputs, outputs = ports(model)
    graphs = all_graphs(model)
    operators = Counter(node.op_type for g in graphs for node in g.node)
    _readable("an operator", operators)
    sizes = Counter(d for t in graph.initializer if len(t.dims) > 1 for d in t.dims if 1 < d <= 4096)
    return ModelInfo(
        ir_version=model.ir_version,
        opsets={o.domain or "ai.onnx": o.version for o in model.opset_import},
        producer=f"{_text(model.producer_name)} {_text(model.producer_version)}".strip(),
        inputs=inputs,
        outputs=outputs,
        batch=shared_batch(inputs),
        nodes=sum(len(g.node) for g in graphs),
        initializers=len(graph.initializer),
        external=external_locations(graphs),
        operators=dict(operators),
        dim_hints=tuple(dict.fromkeys([*(size for size, _ in sizes.most_common(12)), *_multiples(graph)])),
    )


def _multiples(graph: onnx.GraphProto) -> list[int]:
    """Return how many elements the constant shapes of Reshape hold: a free size may have to be a multiple of them."""
    targets = {node.input[1] for node in graph.node if node.op_type == "Reshape" and len(node.input) > 1}
    found = []
    for tensor in graph.initializer if targets else ():
        if tensor.name in targets and tensor.data_location != onnx.TensorProto.EXTERNAL:
            try:
                wanted = [int(size) for size in numpy_helper.to_array(tensor).reshape(-1)]
            except Exception:  # data that does not fill the shape is the checker's to refuse
                continue
            if -1 in wanted:
                found.append(math.prod(size for size in wanted if size > 0))
    return [size for size in dict.fromkeys(found) if 1 < size <= 4096][:12]


def ports(model: onnx.ModelProto) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    """Return the inputs of *model* that no initializer gives a value to, and its outputs.

    Raises:
        ModelError: ``E_PARSE``: the name of one is not UTF-8.
    """
    inputs = tuple(tensor_spec(value) for value in fed_values(model.graph))
    outputs = tuple(tensor_spec(value) for value in model.graph.output)
    _readable("an input", (spec.name for spec in inputs))
    _readable("an output", (spec.name for spec in outputs))
    return inputs, outputs


def _readable(what: str, names: Iterable[str | bytes]) -> None:
    for name in names:
        if isinstance(name, bytes):  # what protobuf gives where a text is not UTF-8
            cause = f"the name of {what} is not UTF-8: {_text(name)}"
            raise ModelError(cause, code="E_PARSE", remedy="export it again with other names")


def _text(found: str | bytes) -> str:
    return found.decode(errors="backslashreplace") if isinstance(found, bytes) else found


def tensor_spec(value: onnx.ValueInfoProto) -> TensorSpec:
    """Return a declared input or output."""
    kind, tensor = _kind(value.type)
    if tensor is None:
        return TensorSpec(value.name, "", None, kind)
    shape = None
    if tensor.HasField("shape"):
        shape = tuple(_dim(d) for d in tensor.shape.dim)
    return TensorSpec(value.name, dtype_name(tensor.elem_type), shape, kind)


def _kind(declared: Any) -> tuple[str, Any]:
    """Return what kind of value it is, and the tensors that it is or holds; None where it holds others."""
    found = declared.WhichOneof("value")
    if found in (None, "tensor_type"):
        # Without any type the value is still a tensor as far as anyone knows
        return "tensor", declared.tensor_type
    if found in ("sequence_type", "optional_type"):
        name = found.partition("_")[0]
        inner, tensor = _kind(getattr(declared, found).elem_type)
        if inner == "tensor" and tensor.elem_type:
            return name, tensor
        return ("optional sequence", tensor) if (name, inner) == ("optional", "sequence") else (name, None)
    return ("map" if found == "map_type" else "sparse"), None


def _dim(dim: Any) -> Dim:
    if dim.HasField("dim_value"):
        # Exporters of old wrote -1 for "any"
        return int(dim.dim_value) if dim.dim_value >= 0 else None
    return dim.dim_param or None


def dtype_name(elem_type: int) -> str:
    """Return NumPy's name of an ONNX element type, or ONNX's in lower case; empty when undefined."""
    names = {int(onnx.TensorProto.FLOAT): "float32", int(onnx.TensorProto.DOUBLE): "float64", 0: ""}
    if elem_type in names:
        return names[elem_type]
    try:
        return str(onnx.TensorProto.DataType.Name(elem_type)).lower()
    except ValueError:
        return f"type {elem_type}"


def shared_batch(inputs: tuple[TensorSpec, ...]) -> Dim:
    """Return the size or symbol of axis 0 that all inputs share; None when they do not."""
    firsts = {spec.shape[0] if spec.shape and spec.kind == "tensor" else None for spec in inputs}
    return firsts.pop() if len(firsts) == 1 else None


def external_locations(graphs: list[Any]) -> tuple[str, ...]:
    """Return files of external data that the tensors of *graphs* name, each once.

    Raises:
        ModelError: ``E_EXTERNAL``: a tensor's data is said to be external, but no location is given.
    """
    found: dict[str, None] = {}
    for graph in graphs:
        for tensor in _tensors(graph):
            if tensor.data_location != onnx.TensorProto.EXTERNAL:
                continue
            # Where several are given, one loader takes the first and another the last
            locations = [entry.value for entry in tensor.external_data if entry.key == "location"]
            if not locations or not all(locations):
                cause = f"tensor {tensor.name!r} has external data without a location"
                raise ModelError(cause, code="E_EXTERNAL", remedy=_SAVE_AGAIN)
            for entry in tensor.external_data:
                if entry.key in ("offset", "length") and not entry.value.isdecimal():
                    cause = f"tensor {tensor.name!r} has external data of {entry.key} {entry.value!r}, not a number"
                    raise ModelError(cause, code="E_EXTERNAL", remedy=_SAVE_AGAIN)
            found |= dict.fromkeys(locations)
    return tuple(found)


def _tensors(graph: Any) -> Iterator[Any]:
    """Yield every tensor that *graph* itself holds: initializers and attributes, the parts of sparse ones included."""
    yield from getattr(graph, "initializer", ())
    sparse = list(getattr(graph, "sparse_initializer", ()))
    for attribute in (a for node in graph.node for a in node.attribute):
        if attribute.type == onnx.AttributeProto.TENSOR:
            yield attribute.t
        yield from attribute.tensors
        sparse += [attribute.sparse_tensor] if attribute.type == onnx.AttributeProto.SPARSE_TENSOR else []
        sparse += attribute.sparse_tensors
    for tensor in sparse:
        yield from (tensor.values, tensor.indices)
