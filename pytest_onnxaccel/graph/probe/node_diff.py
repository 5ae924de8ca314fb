"""What differs between two nodes, and the constants that they read. Runs in a worker, gives JSON."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, defs, helper, numpy_helper
from onnx.external_data_helper import uses_external_data

from pytest_onnxaccel.core.errors import printable
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.graph.files import load_graph
from pytest_onnxaccel.graph.upgrade import opset_of

#: Most differences told, and the largest constant compared, in elements.
_TOLD, _LARGEST = 4, 1 << 24
#: So far constants that are computed from constants are followed: nodes in all, and one behind the other.
_FOLLOWED, _DEPTH = 64, 8


def node_diff(candidate: str, value: str, reference: str, counterpart: str) -> dict[str, Any]:
    """What differs between the node that gives *value* in the model at *candidate* and the one that gives
    *counterpart* in the model at *reference*: operator, attributes, number and values of constants.

    Constants in external files are not looked at, nor are the names of values.

    Returns:
        ``differences``: a clause each, the candidate's side first, at most four.
    """
    return {"differences": _differences(_side(candidate), value, _side(reference), counterpart)}


def node_diffs(candidate: str, reference: str, pairs: list[list[str]]) -> dict[str, Any]:
    """As :func:`node_diff` for many pairs of values: ``differences`` by value, of those whose nodes are not alike."""
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
        """What the standard says of *node* at the model's opset; None of what is not the standard's."""
        try:
            return defs.get_schema(node.op_type, self.opset, "") if node.domain in ("", "ai.onnx") else None
        except defs.SchemaError:
            return None

    def only_constants(self, name: str) -> NodeProto | None:
        """The node that computes *name* from constants; None where it is a constant itself, or depends on more."""
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
    """What differs between two nodes, and behind what they read of constants."""
    found = []
    if left.op_type != right.op_type:
        found.append(f"{left.op_type} instead of {right.op_type}")
    elif (axes := _axes(ours, left)) is None or axes != _axes(theirs, right):
        found += _turned(ours, left, theirs, right)
        found += _attributes(ours, left, theirs, right)
    if len(left.input) != len(right.input) and left.op_type == right.op_type:
        found.append(f"{len(left.input)} inputs instead of {len(right.input)}")
    if left.op_type == right.op_type and _reordered(left, right):
        return [*found, f"inputs in the order {_names(left)} instead of {_names(right)}"]
    for index, (a, b) in enumerate(zip(left.input, right.input, strict=False)):
        mine, other = ours.constants.get(a), theirs.constants.get(b)
        made, its = ours.only_constants(a), theirs.only_constants(b)
        if mine is not None and other is not None:
            found += _constants(index, a, mine, other)
        elif made is not None and its is not None:
            if depth < _DEPTH:
                found += _of_nodes(ours, made, theirs, its, depth + 1)
        elif (mine is None and made is None) != (other is None and its is None) and left.op_type == right.op_type:
            found.append(f"input {index} is {'a' if mine is not None or made is not None else 'no'} constant")
    return found


def _axes(side: _Side, node: NodeProto) -> tuple[int, ...] | None:
    """The axes that Softmax and its like run over; None of other nodes, and where the rank is not known."""
    rank = side.ranks.get(node.input[0]) or side.ranks.get(node.output[0]) if node.input else None
    if node.op_type not in ("Softmax", "LogSoftmax", "Hardmax") or node.domain or not rank:
        return None
    usual = -1 if side.opset >= 13 else 1
    axis = next((item.i for item in node.attribute if item.name == "axis"), usual) % rank
    return (axis,) if side.opset >= 13 else tuple(range(axis, rank))


def _turned(ours: _Side, left: NodeProto, theirs: _Side, right: NodeProto) -> list[str]:
    """The standard defines the operator otherwise at the two opsets."""
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
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant":
            constants |= {name: item.t for name in node.output for item in node.attribute if item.name == "value"}
    makers = {value: node for node in model.graph.node for value in node.output if value}
    graph = model.graph
    values = [value for value in (*graph.input, *graph.value_info, *graph.output) if value.type.HasField("tensor_type")]
    ranks = {v.name: len(v.type.tensor_type.shape.dim) for v in values if v.type.tensor_type.HasField("shape")}
    return _Side(opset_of(model), makers, constants, ranks)


def _attributes(ours: _Side, left: NodeProto, theirs: _Side, right: NodeProto) -> list[str]:
    """Attributes that differ; one that is left out has its default, and is none where that is the other's."""
    a, b = ({item.name: _shown(item) for item in node.attribute} for node in (left, right))
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
    """One side leaves out what the other gives as the usual thing."""
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


def _constants(index: int, name: str, ours: TensorProto, theirs: TensorProto) -> list[str]:
    if uses_external_data(ours) or uses_external_data(theirs):
        return []
    if ours.raw_data and ours.raw_data == theirs.raw_data and list(ours.dims) == list(theirs.dims):
        return []
    a, b = numpy_helper.to_array(ours), numpy_helper.to_array(theirs)
    if a.dtype != b.dtype and a.shape == b.shape and a.dtype.kind == b.dtype.kind == "f":
        b = _rounded(a, b)
        a = _rounded(b, a)
    if a.shape != b.shape or a.dtype != b.dtype:
        return [f"{_constant(index, name)} is {a.dtype}{list(a.shape)} instead of {b.dtype}{list(b.shape)}"]
    if a.size > _LARGEST or a.dtype.kind in "OSU" or np.array_equal(a, b):
        return []
    differing = np.asarray(a != b)
    share = int(np.count_nonzero(differing))
    where = [int(i) for i in np.argwhere(differing)[0]] if a.ndim else []
    apart = float(np.nanmax(np.abs(a.astype(np.float64) - b.astype(np.float64))))
    return [f"{_constant(index, name)} differs in {share} of {a.size} values from {where} on, by up to {apart:.3g}"]


def _rounded(a: Any, b: Any) -> Any:
    """*b* in the type of *a*, where that is narrower: a conversion rounds its weights."""
    with np.errstate(over="ignore"):
        return b.astype(a.dtype) if a.dtype.itemsize < b.dtype.itemsize else b


def _constant(index: int, name: str) -> str:
    return f"constant {os.path.basename(name)!r}" if name else f"constant input {index}"
