"""What there is between a graph's inputs and outputs: nodes, values, their sizes. Runs in a worker, gives JSON."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, helper

from pytest_onnxaccel.graph.describe import tensor_spec
from pytest_onnxaccel.graph.files import load_graph
from pytest_onnxaccel.graph.probe.modules import module_of

#: These look at the shape of their input and not at its values.
_SHAPES_ONLY = ("Shape", "Size")


def anatomy(path: str, shapes: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """Return the part of the model at *path* that depends on what it is fed, at inputs of these *shapes*.

    Returns:
        ``inputs`` and ``outputs``: names. ``nodes``: those whose result depends on the values of the inputs, or takes
        from a table of weights what the sizes of the inputs say (learnt positions), in order, each with ``name``,
        ``op``, ``inputs`` (only the values that depend on the inputs, what a subgraph captures included; inputs of the
        model where only their sizes count), ``outputs`` and ``module`` (see :func:`~.modules.module_of`).
        ``values``: by the name of each result of these nodes ``[bytes, dtype, shape]``, with None or an empty text for
        what is not known. ``exposable``: results that can be made outputs and are none yet, in order. ``left_alone``:
        nodes with subgraphs, in words: what is inside them is not exposed.

    Raises:
        ModelError: as :func:`~.load.load_graph`.
    """
    model = load_graph(path)
    graph = model.graph
    tables = _tables(graph.initializer)
    constants = {tensor.name for tensor in graph.initializer}
    constants |= {tensor.values.name for tensor in graph.sparse_initializer}
    fed = [value.name for value in graph.input if value.name not in constants or value.name in shapes]
    live = set(fed)
    sized: dict[str, dict[str, None]] = {}  # by value, the inputs whose sizes alone it follows from
    nodes, left_alone = [], []
    for node in graph.node:
        inner = list(captured(node))
        if inner:
            left_alone.append(f"{node.op_type} {node.name!r}")
        reads = [name for name in (*node.input, *inner) if name in live]
        if not reads or node.op_type in _SHAPES_ONLY:
            of = {source: None for name in (*node.input, *inner) for source in _sources(name, fed, sized)}
            if reads or not of or not tables.intersection(node.input):
                sized.update((name, of) for name in node.output if name and of)
                continue
            reads = list(of)
        live.update(name for name in node.output if name)
        found = {"name": node.name, "op": node.op_type, "inputs": list(dict.fromkeys(reads))}
        nodes.append(found | {"outputs": [o for o in node.output if o], "module": module_of(node, constants)})
    known = _known(model, shapes, [name for node in nodes for name in node["outputs"]])
    values = {name: known.get(name, [None, "", None]) for node in nodes for name in node["outputs"]}
    outputs = [value.name for value in graph.output]
    exposable = [name for name, (_, dtype, _) in values.items() if name not in outputs and dtype != "no tensor"]
    return {
        "inputs": fed, "outputs": outputs, "nodes": nodes, "values": values, "exposable": exposable,
        "left_alone": left_alone,
    }  # fmt: skip


def _tables(initializers: Iterable[onnx.TensorProto]) -> set[str]:
    """Return the names of weights: tensors of floats with more than one element."""
    floats = (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16)
    return {tensor.name for tensor in initializers if tensor.data_type in floats and prod(tensor.dims) > 1}


def _sources(name: str, fed: Sequence[str], sized: Mapping[str, Iterable[str]]) -> Iterable[str]:
    return (name,) if name in fed else sized.get(name, ())


def captured(node: NodeProto) -> Iterator[str]:
    """Yield names that the subgraphs of *node* read; those of their own values are among them and do no harm."""
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            for inner in graph.node:
                yield from inner.input
                yield from captured(inner)
            yield from (value.name for value in graph.output)


def _known(model: ModelProto, shapes: Mapping[str, Sequence[int]], wanted: Sequence[str]) -> dict[str, list[Any]]:
    """Return ``[bytes, dtype, shape]`` by value, as the file tells or inferred at inputs of *shapes*."""
    told = {value.name: _size(value) for value in (*model.graph.value_info, *model.graph.output)}
    fixed = all(_sizes(value) == list(shapes[value.name]) for value in model.graph.input if value.name in shapes)
    if fixed and all(told.get(name, [None])[0] is not None for name in wanted):
        return told
    copy = ModelProto()
    copy.CopyFrom(model)
    moved = any(_declare(value, shapes[value.name]) for value in copy.graph.input if value.name in shapes)
    if moved:
        # Sizes that the file gives for its own batch would contradict
        del copy.graph.value_info[:]
        for value in copy.graph.output:
            value.type.tensor_type.ClearField("shape")
    # Where that fails sizes stay unknown, which costs a few sessions more
    with contextlib.suppress(Exception):
        copy = onnx.shape_inference.infer_shapes(copy, data_prop=True)
    return {value.name: _size(value) for value in (*copy.graph.value_info, *copy.graph.output)}


def _declare(value: Any, shape: Sequence[int]) -> bool:
    """Set the dimensions of an input; whether any changed."""
    dims = value.type.tensor_type.shape.dim
    if _sizes(value) == list(shape):
        return False
    del dims[:]
    for size in shape:
        dims.add().dim_value = int(size)
    return True


def _sizes(value: Any) -> list[int]:
    return [dim.dim_value for dim in value.type.tensor_type.shape.dim]


def _size(value: Any) -> list[Any]:
    spec = tensor_spec(value)
    if spec.kind != "tensor":
        return [None, "no tensor", None]
    shape = None if spec.shape is None else [d if isinstance(d, int) else None for d in spec.shape]
    if shape is None or None in shape or not spec.dtype:
        return [None, spec.dtype, shape]
    element = helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
    return [prod(d or 0 for d in shape) * np.dtype(element).itemsize, spec.dtype, shape]
