"""Values that tell what ran: conditions of branches, trip counts of loops, indices into tables."""

from __future__ import annotations

from typing import Any

from onnx import ModelProto, TensorProto

from pytest_onnxaccel.frozen_class import record
from pytest_onnxaccel.graph.reach.lift import BYTES, FLOATS, elements

#: So many of one kind are looked at.
_MOST = 64


@record(frozen=True)
class Probe:
    """One value to look at.

    Attributes:
        kind: ``branch`` (a condition), ``trips`` and ``start`` (of a loop), ``rows`` (indices).
        value: name of the value in the main graph; an input, or one that can be made an output.
        label: how the place is called.
        size: rows of a table.
    """

    kind: str
    value: str
    label: str
    size: int = 0


def probes(model: ModelProto) -> list[Probe]:
    """What can be looked at in the main graph of *model*; what constants decide is the graph's own choice."""
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
    return [probe for kind in dict.fromkeys(p.kind for p in found) for probe in _of(found, kind)]


def _of(found: list[Probe], kind: str) -> list[Probe]:
    return [probe for probe in found if probe.kind == kind][:_MOST]


def _is_table(tensor: TensorProto) -> bool:
    if not tensor.dims or tensor.data_type not in (*FLOATS, *BYTES):
        return False
    return int(tensor.dims[0]) > 1 and elements(tensor) > int(tensor.dims[0])


def _axis(node: Any) -> int:
    return next((int(item.i) for item in node.attribute if item.name == "axis"), 0)
