"""What differs between two nodes, and the constants that they read. Runs in a worker, gives JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, defs, helper

from pytest_onnxaccel.core.errors import printable
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.graph.files import load_graph
from pytest_onnxaccel.graph.probe.constant_diff import constants_differ
from pytest_onnxaccel.graph.upgrade import opset_of

#: Most differences told.
_TOLD = 4
#: So far constants that are computed from constants are followed: nodes in all, and one behind the other.
_FOLLOWED, _DEPTH = 64, 8


def node_diff(candidate: str, value: str, reference: str, counterpart: str) -> dict[str, Any]:
    """Compare the node that gives *value* in the model at *candidate* with that of *counterpart* in *reference*.

    Operator, attributes, and number and values of constants are compared. Constants in external files are not looked
    at, nor are the names of values.

    Returns:
        ``differences``: a clause each, the candidate's side first, at most four.
    """
    return {"differences": _differences(_side(candidate), value, _side(reference), counterpart)}


def node_diffs(candidate: str, reference: str, pairs: list[list[str]]) -> dict[str, Any]:
    """Compare many pairs of values as :func:`node_diff`: ``differences`` by value, where the nodes differ."""
    ours, theirs = _side(candidate), _side(reference)
    found = {value: _differences(ours, value, theirs, counterpart) for value, counterpart in pairs}
    return {"differences": {value: told for value, told in found.items() if told}}


@record(frozen=True)
class _Side:
    """One of the two models.

    Attributes:
        makers: node by the value that it gives.
        constants: tensors by name, those of Constant nodes too.
        ranks: by value, as far as the file tells.
    """

    opset: int
    makers: Mapping[str, NodeProto]
    constants: Mapping[str, TensorProto]
    ranks: Mapping[str, int]

    def schema(self, node: NodeProto) -> Any:
        """Return what the standard says of *node* at the model's opset; None of what is not the standard's."""
        try:
            return defs.get_schema(node.op_type, self.opset, "") if node.domain in ("", "ai.onnx") else None
        except defs.SchemaError:
            return None

    def only_constants(self, name: str) -> NodeProto | None:
        """Return the node that computes *name* from constants; None where it is a constant, or depends on more."""
        node = self.makers.get(name)
        if node is None or name in self.constants:
            return None
        waiting, seen = list(node.input), set[str]()
        while waiting:
            read = waiting.pop()
            if not read or read in self.constants or read in seen:
                continue
            seen.add(read)
            if read not in self.makers or len(seen) > _FOLLOWED:
                return None
            waiting += self.makers[read].input
        return node


#: Operators that compute something else from that opset on, whatever their attributes, and what.
_TURNED = {
    ("Softmax", 13): "one axis, not all from it on", ("LogSoftmax", 13): "one axis, not all from it on",
    ("Hardmax", 13): "one axis, not all from it on", ("Resize", 11): "samples at the centres of pixels",
    ("GroupNormalization", 21): "a scale for each channel, not for each group",
}  # fmt: skip


def _differences(ours: _Side, value: str, theirs: _Side, counterpart: str) -> list[str]:
    left, right = ours.makers.get(value), theirs.makers.get(counterpart)
    if left is None or right is None:
        return []
    return [printable(text, 160) for text in _of_nodes(ours, left, theirs, right)[:_TOLD]]


def _reordered(left: NodeProto, right: NodeProto) -> bool:
    a, b = list(left.input), list(right.input)
    return a != b and sorted(a) == sorted(b)


def _of_nodes(ours: _Side, left: NodeProto, theirs: _Side, right: NodeProto, depth: int = 0) -> list[str]:
    """Return what differs between two nodes, and behind what they read of constants."""
    found = []
    if left.op_type != right.op_type:
        found.append(f"{left.op_type} instead of {right.op_type}")
    elif (axes := _axes(ours, left)) is None or axes != _axes(theirs, right):
        found += _turned(ours, left, theirs, right) + _bodies(ours, left, theirs, right)
        found += _attributes(ours, left, theirs, right)
    if len(left.input) != len(right.input) and left.op_type == right.op_type:
        found.append(f"{len(left.input)} inputs instead of {len(right.input)}")
    if left.op_type == right.op_type and _reordered(left, right):
        return [*found, f"inputs in the order {_names(left)} instead of {_names(right)}"]
    for index, (a, b) in enumerate(zip(left.input, right.input, strict=False)):
        mine, other = ours.constants.get(a), theirs.constants.get(b)
        made, its = ours.only_constants(a), theirs.only_constants(b)
        if mine is not None and other is not None:
            found += constants_differ(index, a, mine, other)
        elif made is not None and its is not None:
            if depth < _DEPTH:
                found += _of_nodes(ours, made, theirs, its, depth + 1)
        elif (mine is None and made is None) != (other is None and its is None) and left.op_type == right.op_type:
            found.append(f"input {index} is {'a' if mine is not None or made is not None else 'no'} constant")
    return found


def _axes(side: _Side, node: NodeProto) -> tuple[int, ...] | None:
    """Return the axes that Softmax and its like run over; None of other nodes, and where the rank is not known."""
    rank = side.ranks.get(node.input[0]) or side.ranks.get(node.output[0]) if node.input else None
    if node.op_type not in ("Softmax", "LogSoftmax", "Hardmax") or node.domain or not rank:
        return None
    usual = -1 if side.opset >= 13 else 1
    axis = next((item.i for item in node.attribute if item.name == "axis"), usual) % rank
    return (axis,) if side.opset >= 13 else tuple(range(axis, rank))


def _turned(ours: _Side, left: NodeProto, theirs: _Side, right: NodeProto) -> list[str]:
    """Return whether the standard defines the operator otherwise at the two opsets."""
    schemas = ours.schema(left), theirs.schema(right)
    if None in schemas:
        return []
    versions = [schema.since_version for schema in schemas]
    low, high = min(versions), max(versions)
    what = next((text for (op, at), text in _TURNED.items() if op == left.op_type and low < at <= high), "")
    if not what:
        return []
    since = next(at for (op, at) in _TURNED if op == left.op_type and low < at <= high)
    return [f"{left.op_type} of opset {ours.opset} instead of {theirs.opset} (from {since} on: {what})"]


def _names(node: NodeProto) -> str:
    return ", ".join(node.input)


def _side(path: str) -> _Side:
    model: ModelProto = load_graph(path)
    return _of_graph(model.graph, opset_of(model), {})


def _of_graph(graph: GraphProto, opset: int, outer: Mapping[str, TensorProto]) -> _Side:
    constants = dict(outer) | {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            constants |= {name: item.t for name in node.output for item in node.attribute if item.name == "value"}
    makers = {value: node for node in graph.node for value in node.output if value}
    values = [value for value in (*graph.input, *graph.value_info, *graph.output) if value.type.HasField("tensor_type")]
    ranks = {v.name: len(v.type.tensor_type.shape.dim) for v in values if v.type.tensor_type.HasField("shape")}
    return _Side(opset, makers, constants, ranks)


def _bodies(ours: _Side, left: NodeProto, theirs: _Side, right: NodeProto) -> list[str]:
    """Return what differs inside the branches or the body of two nodes, node by node in their order."""
    found = []
    others = {item.name: item.g for item in right.attribute if item.type == AttributeProto.GRAPH}
    for item in left.attribute:
        if item.type != AttributeProto.GRAPH or item.name not in others:
            continue
        a, b = item.g, others[item.name]
        if [node.op_type for node in a.node] != [node.op_type for node in b.node]:
            found.append(f"{item.name} has {len(a.node)} other nodes instead of {len(b.node)}")
            continue
        inner = _of_graph(a, ours.opset, ours.constants), _of_graph(b, theirs.opset, theirs.constants)
        for mine, its in zip(a.node, b.node, strict=True):
            if mine.op_type != "Constant":
                told = _of_nodes(inner[0], mine, inner[1], its)
                found += [f"in {item.name}, {mine.op_type} {mine.name or mine.output[0]!r}: {text}" for text in told]
    return found


def _attributes(ours: _Side, left: NodeProto, theirs: _Side, right: NodeProto) -> list[str]:
    """Return attributes that differ; one that is left out has its default, and is none where that is the other's."""
    graphs = (AttributeProto.GRAPH, AttributeProto.GRAPHS)
    a, b = ({i.name: _shown(i) for i in node.attribute if i.type not in graphs} for node in (left, right))
    defaults = [_defaults(side.schema(node)) for side, node in ((ours, left), (theirs, right))]
    found = []
    for name in sorted({*a, *b}):
        mine, its = (
            given.get(name) or (f"{default[name]} (its default)" if name in default else "not given")
            for given, default in zip((a, b), defaults, strict=True)
        )
        if mine.removesuffix(" (its default)") != its.removesuffix(" (its default)") and not _usual(name, mine, its):
            found.append(f"{name}={mine} instead of {its}")
    return found


#: Defaults that depend on the rank, or that the standard leaves to the text: all of them are ones, or zeros.
_FILLED = {"strides": "1", "dilations": "1", "pads": "0", "output_padding": "0"}


def _usual(name: str, mine: str, its: str) -> bool:
    """Return whether one side leaves out what the other gives as the usual thing."""
    given = next((text for text in (mine, its) if text != "not given"), "")
    if "not given" not in (mine, its):
        return False
    if name in _FILLED:
        return set(given.strip("[]").replace(" ", "").split(",")) <= {_FILLED[name], ""}
    return name == "kernel_shape"  # follows from the weights


def _defaults(schema: Any) -> dict[str, str]:
    if schema is None:
        return {}
    given = {name: item.default_value for name, item in schema.attributes.items()}
    return {name: _shown(item) for name, item in given.items() if item.type}


def _shown(attribute: Any) -> str:
    value = helper.get_attribute_value(attribute)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return printable(str(value), 60)
