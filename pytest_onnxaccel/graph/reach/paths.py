"""Which weights have a path to an output, in the order in which they are used, and how each may be called."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from onnx import ModelProto, NodeProto, TensorProto

from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.graph.inputs.flow.bodies import graphs_of
from pytest_onnxaccel.graph.probe.anatomy import captured
from pytest_onnxaccel.graph.probe.modules import module_of
from pytest_onnxaccel.graph.reach.lift import BYTES, elements, is_weight

#: These look at the shape of their operand and not at its values.
_SHAPES_ONLY = ("Shape", "Size")
#: Float operands behind the first of these are sizes: with others the graph has another shape.
_SIZED = ("Resize", "Upsample", "Range")
#: What these read are limits: they show in inputs beside them alone, which are fed, however far limits are moved.
_COMPARES = ("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual")
#: Bytes are weights where one of these reads them.
_QUANTISED = re.compile(r"DequantizeLinear|QLinear\w+|MatMulInteger\w*|ConvInteger|DynamicQuantize\w+|Q[A-Z]\w+|Gather")
#: Names that exporters make up: ``onnx::MatMul_123``, ``465``, ``val_12``.
_MADE_UP = re.compile(r"onnx(?:::|__)\S*|(?:val_|_?v_?|t)?\d+|\S*Constant(?:_\d+)?(?:_output_\d+)?")


@record(frozen=True)
class Weight:
    """One tensor of weights.

    Attributes:
        label: how it is called: its own name, or the module or node that reads it.
    """

    name: str
    label: str
    elements: int


def weights(model: ModelProto) -> tuple[list[Weight], list[Weight]]:
    """Return the weights of the lifted *model* with a path to an output, and those without.

    The first are in the order of their use.
    """
    tensors = {tensor.name: tensor for tensor in model.graph.initializer if is_weight(tensor)}
    alive = _alive(model)
    found: dict[str, Weight] = {}
    sizes: set[str] = set()
    for node in _nodes(model.graph):
        for place, name in enumerate(node.input):
            tensor = tensors.get(name)
            if tensor is None or name in found or _only_bytes(tensor, node) or node.op_type in _COMPARES:
                continue
            if node.op_type in _SIZED and (place or node.op_type == "Range"):
                sizes.add(name)
                continue
            found[name] = Weight(name, _label(name, node, tensors), elements(tensor))
    used = [weight for name, weight in found.items() if name not in sizes]
    return [w for w in used if w.name in alive], [w for w in used if w.name not in alive]


def answering(model: ModelProto) -> list[str]:
    """Return the outputs that the values of an input have a path to: the others are constants by design."""
    given = {tensor.name for tensor in model.graph.initializer}
    reached = {value.name for value in model.graph.input} - given
    for node in model.graph.node:
        if node.op_type not in _SHAPES_ONLY and any(name in reached for name in _read(node)):
            reached.update(node.output)
    return [value.name for value in model.graph.output if value.name in reached]


def _alive(model: ModelProto) -> set[str]:
    """Return the values with a path to an output."""
    alive = {value.name for value in model.graph.output}
    for node in reversed(model.graph.node):
        if any(name in alive for name in node.output):
            alive.update(_read(node))
    return alive


def _read(node: NodeProto) -> list[str]:
    """Return what *node* reads, its subgraphs included."""
    inner = any(True for attribute in node.attribute for _ in graphs_of(attribute))
    return [*node.input, *captured(node)] if inner else list(node.input)


def _nodes(graph: Any) -> Iterable[NodeProto]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in graphs_of(attribute):
                yield from _nodes(inner)


def _only_bytes(tensor: TensorProto, node: NodeProto) -> bool:
    return tensor.data_type in BYTES and not _QUANTISED.fullmatch(node.op_type)


def _label(name: str, node: NodeProto, tensors: Mapping[str, TensorProto]) -> str:
    plain = re.sub(r"/\d+$", "", name) if node.op_type == "Identity" else name
    if not _MADE_UP.fullmatch(plain):
        return plain
    module = module_of(node, tensors) or node.name.strip("/").replace("/", ".")
    return f"{module}.{plain}" if module else plain
