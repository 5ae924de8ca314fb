"""Faults at one known node, beside those of :mod:`fixtures.faults`, and legal rewrites that are none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from onnx import AttributeProto, ModelProto, NodeProto, helper, numpy_helper

from fixtures import faults


@dataclass(frozen=True)
class Planted:
    """A changed copy, and the node that was changed, as the copy calls it (of a dropped one, its reader)."""

    model: ModelProto
    node: str
    kind: str


def copied(model: ModelProto) -> ModelProto:
    copy = ModelProto()
    copy.CopyFrom(model)
    return copy


def label(node: NodeProto) -> str:
    return node.name or node.output[0]


def every(model: ModelProto) -> list[Planted]:
    """One or two faults of each kind that *model* has a place for, spread over its depth."""
    found: list[Planted] = []
    for plant in PLANTERS:
        found += plant(model)
    return found


def weights(model: ModelProto) -> list[Planted]:
    made = []
    for index in _spread(model, "Conv", "Gemm"):
        node = model.graph.node[index]
        made.append(Planted(faults.scale_channel(model, 1.05, node.input[1]), label(node), "weight"))
    return made


def biases(model: ModelProto) -> list[Planted]:
    made = []
    for index in _spread(model, "Conv", "BatchNormalization"):
        node = model.graph.node[index]
        if len(node.input) > 2:
            made.append(Planted(faults.move_bias(model, 0.05, node.input[2]), label(node), "bias"))
    return made


def activations(model: ModelProto) -> list[Planted]:
    made = []
    for index in _spread(model, "Relu"):
        changed = copied(model)
        node = changed.graph.node[index]
        node.op_type = "LeakyRelu"
        node.attribute.append(helper.make_attribute("alpha", 0.1))
        made.append(Planted(changed, label(node), "operator"))
    return made


def dropped(model: ModelProto) -> list[Planted]:
    """A node less: its readers read what it read."""
    made = []
    for index in _spread(model, "Relu"):
        changed = copied(model)
        gone = changed.graph.node[index]
        before, after = gone.input[0], gone.output[0]
        readers = [node for node in changed.graph.node if after in node.input]
        for node in readers:
            node.input[:] = [before if name == after else name for name in node.input]
        reader = label(readers[0])
        del changed.graph.node[index]
        made.append(Planted(changed, reader, "dropped"))
    return made


def added(model: ModelProto) -> list[Planted]:
    """A node too many: what a Relu reads is scaled first."""
    made = []
    for index in _spread(model, "Relu"):
        changed = copied(model)
        node = changed.graph.node[index]
        changed.graph.initializer.append(numpy_helper.from_array(np.array(1.1, np.float32), "planted_factor"))
        extra = helper.make_node("Mul", [node.input[0], "planted_factor"], ["planted_value"], "planted_mul")
        node.input[0] = "planted_value"
        changed.graph.node.insert(index, extra)
        made.append(Planted(changed, "planted_mul", "added"))
    return made


def pads(model: ModelProto) -> list[Planted]:
    made = []
    padded = {i for i, node in enumerate(model.graph.node) if _pads(node) is not None}
    for index in sorted(padded)[1:-1:8]:
        changed = copied(model)
        node = changed.graph.node[index]
        attribute = _pads(node)
        assert attribute is not None
        attribute.ints[:] = [0, 0, 2, 2]
        made.append(Planted(changed, label(node), "attribute"))
    return made


def _pads(node: NodeProto) -> AttributeProto | None:
    return next((a for a in node.attribute if a.name == "pads" and list(a.ints) == [1, 1, 1, 1]), None)


def swapped(model: ModelProto) -> list[Planted]:
    """Two inputs exchanged where that matters and keeps the shape."""
    made = []
    for index in _spread(model, "Sub", "Div"):
        changed = copied(model)
        node = changed.graph.node[index]
        node.input[:] = [node.input[1], node.input[0], *node.input[2:]]
        made.append(Planted(changed, label(node), "swapped"))
    return made


PLANTERS: tuple[Callable[[ModelProto], list[Planted]], ...] = (
    weights, biases, activations, dropped, added, pads, swapped,
)  # fmt: skip


def _spread(model: ModelProto, *operators: str) -> list[int]:
    """An early, a middle and a late node of these operators whose first input is not a model input."""
    inputs = {value.name for value in model.graph.input}
    weights = {tensor.name for tensor in model.graph.initializer}
    places = [
        i
        for i, node in enumerate(model.graph.node)
        if node.op_type in operators and not set(node.input) & (inputs - weights)
    ]
    wanted = (1, len(places) // 2, len(places) - 2)
    return sorted({places[i] for i in wanted if 0 <= i < len(places)} or set(places))


def renamed(model: ModelProto) -> ModelProto:
    """The same graph with every node, weight and inner value under another name, and no metadata."""
    changed = copied(model)
    graph = changed.graph
    kept = {value.name for value in (*graph.input, *graph.output)}
    weights = {tensor.name for tensor in graph.initializer}
    names: dict[str, str] = {}

    def other(name: str) -> str:
        if not name or (name in kept and name not in weights):
            return name
        return names.setdefault(name, f"t{len(names)}")

    for number, node in enumerate(graph.node):
        node.name = f"n{number}"
        node.input[:] = [other(name) for name in node.input]
        node.output[:] = [other(name) for name in node.output]
        del node.metadata_props[:]
    for tensor in graph.initializer:
        tensor.name = other(tensor.name)
    for value in graph.input:
        value.name = names.get(value.name, value.name)
    del graph.value_info[:]
    return changed
