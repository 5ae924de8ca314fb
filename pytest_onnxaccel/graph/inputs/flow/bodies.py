"""Subgraphs and functions: what they are fed, and what comes out of one of two branches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import onnx

from pytest_onnxaccel.graph.inputs.flow.traces import joined, moved
from pytest_onnxaccel.graph.inputs.trace import UNKNOWN, Value


def graphs_of(attribute: Any) -> Iterator[Any]:
    """Yield the subgraphs that an attribute holds."""
    if attribute.type == onnx.AttributeProto.GRAPH:
        yield attribute.g
    elif attribute.type == onnx.AttributeProto.GRAPHS:
        yield from attribute.graphs


def with_attributes(inner: Any, call: Any, function: Any) -> Any:
    """Return a node of *function* with the attributes that *call* gives it in place of their names."""
    if not any(item.ref_attr_name for item in inner.attribute):
        return inner
    given = {item.name: item for item in [*function.attribute_proto, *call.attribute]}
    made = onnx.NodeProto()
    made.CopyFrom(inner)
    del made.attribute[:]
    for item in inner.attribute:
        if not item.ref_attr_name:
            made.attribute.append(item)
        elif item.ref_attr_name in given:
            copied = made.attribute.add()
            copied.CopyFrom(given[item.ref_attr_name])
            copied.name = item.name
    return made


def formals(node: Any, body: Any, operands: Sequence[Value | None]) -> dict[str, Value]:
    """Return the inputs of a subgraph by name: what Loop and Scan hand to it the first time."""
    names = [value.name for value in body.input]
    if node.op_type == "Loop":
        given: list[Value | None] = [_turn(operands[0] if operands else None), UNKNOWN, *operands[2:]]
    elif node.op_type == "Scan":
        states = len(names) - next((item.i for item in node.attribute if item.name == "num_scan_inputs"), len(names))
        given = [*operands[:states], *(_element(v) for v in operands[states:])]
    else:
        given = list(operands)
    return {name: v if v is not None else UNKNOWN for name, v in zip(names, given, strict=False)}


def _turn(trips: Value | None) -> Value:
    """Return the number of a turn, of which the last one is told by how many there are."""
    found = tuple(t.moved().with_(offset=t.offset - 1, turns=True) for t in trips.traces) if trips is not None else ()
    return Value(found, shape=(), by=trips.by if trips is not None else frozenset(), elem_type=7) if found else UNKNOWN


def _element(value: Value | None) -> Value:
    if value is None:
        return UNKNOWN
    shape = value.shape[1:] if value.shape else None
    return Value(moved(value.traces), shape=shape, by=value.by, sized_by=value.sized_by, elem_type=value.elem_type)


def either(a: Value, b: Value, chosen: frozenset[str]) -> Value:
    """Return what one of two values is; *chosen*: the inputs that decide which."""
    shape = a.shape if a.shape == b.shape else None
    sized = a.sized_by | b.sized_by | (chosen if a.shape is None or a.shape != b.shape else frozenset())
    return Value(
        joined([a, b]),
        shape=shape,
        by=a.by | b.by | chosen,
        sized_by=sized,
        elem_type=a.elem_type or b.elem_type,
        share=a.share or b.share,
    )
