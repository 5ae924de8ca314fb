"""Values that tell what ran: conditions of branches, trip counts of loops, indices into tables, silent channels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.graph.reach.lift import BYTES, FLOATS, elements

#: So many of one kind are looked at.
_MOST = 64
#: Operators between a layer's weights and its activation.
_BETWEEN = frozenset({"Add", "BatchNormalization", "Identity"})


@record(frozen=True)
class Probe:
    """One value to look at.

    Attributes:
        kind: ``branch`` (a condition), ``trips`` and ``start`` (of a loop), ``rows`` (indices), ``channels`` (the
            largest number of each).
        value: name of the value in the main graph; an input, or one that can be made an output.
        label: how the place is called.
        size: rows of a table; channels.
        rank: axes of what has the channels on axis 1; 0 where they are on the last axis.
    """

    kind: str
    value: str
    label: str
    size: int = 0
    rank: int = 0


def probes(model: ModelProto) -> list[Probe]:
    """Return what can be looked at in the main graph of *model*; what constants decide is the graph's own choice."""
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    fixed = set(tensors) | {n for node in model.graph.node if node.op_type == "Constant" for n in node.output}
    found: list[Probe] = []
    for node in model.graph.node:
        name = node.name or f"{node.op_type} {node.output[0] if node.output else ''}"
        if node.op_type == "If" and node.input[0] not in fixed:
            found.append(Probe("branch", node.input[0], name))
        elif node.op_type == "Loop":
            for kind, value in zip(("trips", "start"), node.input, strict=False):
                if value and value not in fixed:
                    found.append(Probe(kind, value, name))
        elif node.op_type == "Gather" and _axis(node) == 0 and len(node.input) == 2:
            table = tensors.get(node.input[0])
            if table is not None and node.input[1] not in fixed and _is_table(table):
                found.append(Probe("rows", node.input[1], node.input[0], int(table.dims[0])))
    found += _channels(model, tensors)
    return [probe for kind in dict.fromkeys(p.kind for p in found) for probe in _of(found, kind)]


def _of(found: list[Probe], kind: str) -> list[Probe]:
    return [probe for probe in found if probe.kind == kind][:_MOST]


def _channels(model: ModelProto, tensors: Mapping[str, TensorProto]) -> Iterator[Probe]:
    """Yield Relu behind a layer with weights: a channel that is never positive hides what follows it."""
    makers = {name: node for node in model.graph.node for name in node.output}
    for node in model.graph.node:
        if node.op_type != "Relu" or node.domain not in ("", "ai.onnx"):
            continue
        maker = makers.get(node.input[0])
        while maker is not None and maker.op_type in _BETWEEN:
            maker = next((makers[name] for name in maker.input if name in makers), None)
        weight = tensors.get(maker.input[1]) if maker is not None and len(maker.input) > 1 else None
        if maker is None or weight is None:
            continue
        label, dims = node.name or f"Relu {node.output[0]}", weight.dims
        if maker.op_type == "Conv":
            yield Probe("channels", node.output[0], label, int(dims[0]), len(dims))
        elif maker.op_type in ("Gemm", "MatMul") and len(dims) == 2:
            turned = maker.op_type == "Gemm" and any(item.name == "transB" and item.i for item in maker.attribute)
            yield Probe("channels", node.output[0], label, int(dims[0 if turned else 1]))


def measuring(probe: Probe, opset: int) -> tuple[str, list[NodeProto], list[TensorProto]]:
    """Return the nodes that give the largest number of each channel, so that whole activations need not be given.

    Returns:
        Name of that value, the nodes, and the constants that they read.
    """
    name = f"{probe.value}__largest"
    value, axes, nodes, held = probe.value, [0, *range(2, probe.rank)], [], []
    if not probe.rank:
        held.append(numpy_helper.from_array(np.array([-1, probe.size], np.int64), f"{name}_shape"))
        nodes.append(helper.make_node("Reshape", [value, f"{name}_shape"], [f"{name}_rows"]))
        value, axes = f"{name}_rows", [0]
    if opset < 18:
        nodes.append(helper.make_node("ReduceMax", [value], [name], axes=axes, keepdims=0))
    else:
        held.append(numpy_helper.from_array(np.array(axes, np.int64), f"{name}_axes"))
        nodes.append(helper.make_node("ReduceMax", [value, f"{name}_axes"], [name], keepdims=0))
    return name, nodes, held


def _is_table(tensor: TensorProto) -> bool:
    if not tensor.dims or tensor.data_type not in (*FLOATS, *BYTES):
        return False
    return int(tensor.dims[0]) > 1 and elements(tensor) > int(tensor.dims[0])


def _axis(node: Any) -> int:
    return next((int(item.i) for item in node.attribute if item.name == "axis"), 0)
