"""What ``scan`` and ``unroll`` share: fresh names, renamed copies of nodes, what depends on the inputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, helper, numpy_helper

from pytest_onnxaccel.graph.rebatch.batch_axis import cannot
from pytest_onnxaccel.graph.rebatch.survey import Survey


def subgraphs(node: NodeProto) -> list[GraphProto]:
    """Return the bodies of the node, one level deep."""
    found: list[GraphProto] = []
    for item in node.attribute:
        found += [item.g] if item.HasField("g") else []
        found += item.graphs
    return found


def graphs_of(graph: GraphProto) -> list[GraphProto]:
    """Return the graph and every graph inside it."""
    found = [graph]
    for node in graph.node:
        for body in subgraphs(node):
            found += graphs_of(body)
    return found


class Names:
    """Gives names that occur nowhere in the graph or its subgraphs."""

    def __init__(self, graph: GraphProto) -> None:
        self.taken: set[str] = set()
        for body in graphs_of(graph):
            self.taken |= {v.name for v in [*body.input, *body.output, *body.value_info]}
            self.taken |= {t.name for t in body.initializer} | {t.values.name for t in body.sparse_initializer}
            for node in body.node:
                self.taken |= {node.name, *node.input, *node.output}

    def fresh(self, base: str) -> str:
        name, count = base, 1
        while name in self.taken:
            count += 1
            name = f"{base}_{count}"
        self.taken.add(name)
        return name


def uses(node: NodeProto) -> set[str]:
    """Return the names that the node reads, those that its bodies read from outside included."""
    names = set(node.input)
    for body in subgraphs(node):
        inside = {v.name for v in body.input} | {t.name for t in body.initializer}
        wanted = {v.name for v in body.output}
        for inner in body.node:
            wanted |= uses(inner)
            inside |= set(inner.output)
        names |= wanted - inside
    return names - {""}


def dependents(graph: GraphProto, names: Iterable[str]) -> list[NodeProto]:
    """Return the nodes of *graph* whose results depend on *names*, in order."""
    reached, found = set(names), []
    for node in graph.node:
        if uses(node) & reached:
            found.append(node)
            reached |= {name for name in node.output if name}
    return found


def renamed(node: NodeProto, names: Mapping[str, str]) -> NodeProto:
    """Return a copy of *node* with the values in *names* under their new names, also where its bodies read them."""
    copy = NodeProto()
    copy.CopyFrom(node)
    _rename(copy, names)
    return copy


def _rename(node: NodeProto, names: Mapping[str, str]) -> None:
    node.input[:] = [names.get(name, name) for name in node.input]
    node.output[:] = [names.get(name, name) for name in node.output]
    for body in subgraphs(node):
        own = {v.name for v in body.input} | {t.name for t in body.initializer}
        own |= {name for inner in body.node for name in inner.output}
        seen = {old: new for old, new in names.items() if old not in own}
        for inner in body.node:
            _rename(inner, seen)
        for value in body.output:  # a branch may give out a value of the outside
            value.name = seen.get(value.name, value.name)


def copies(found: Survey, n: int) -> int:
    """Return how many runs of the original batch *n* takes.

    Raises:
        ModelError: *n* is not a multiple of the original batch.
    """
    size = found.batch.size
    if n % size:
        raise cannot(f"the model takes {size} samples a run, and {n} is not a multiple of it")
    return n // size


class Builder:
    """Makes nodes in the form that the model's opset asks for; collects them in :attr:`nodes`."""

    def __init__(self, model: ModelProto) -> None:
        self.opset = next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), 0)
        self.names = Names(model.graph)
        self.nodes: list[NodeProto] = []

    def node(self, op: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any) -> None:
        self.nodes.append(helper.make_node(op, inputs, outputs, name=self.names.fresh(f"batch_{op}"), **attributes))

    def constant(self, values: Sequence[int] | int) -> str:
        name = self.names.fresh("batch_constant")
        array = np.asarray(values, np.int64)
        self.nodes.append(helper.make_node("Constant", [], [name], value=numpy_helper.from_array(array, name)))
        return name

    def with_axes(self, op: str, source: str, target: str, axis: int) -> None:
        """Squeeze or Unsqueeze along one axis."""
        if self.opset >= 13:
            self.node(op, [source, self.constant([axis])], [target])
        else:
            self.node(op, [source], [target], axes=[axis])

    def reshape(self, source: str, target: str, shape: Sequence[int]) -> None:
        if self.opset >= 5:
            self.node("Reshape", [source, self.constant(shape)], [target])
        else:
            self.node("Reshape", [source], [target], shape=list(shape))

    def split(self, source: str, targets: Sequence[str], size: int) -> None:
        """Cut axis 0 into equal pieces."""
        sizes = [size] * len(targets)
        if self.opset >= 13:
            self.node("Split", [source, self.constant(sizes)], targets, axis=0)
        else:
            self.node("Split", [source], targets, axis=0, split=sizes)
