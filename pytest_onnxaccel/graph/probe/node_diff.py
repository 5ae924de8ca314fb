"""What differs between two nodes, and the constants that they read. Runs in a worker, gives JSON."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from onnx.external_data_helper import uses_external_data

from pytest_onnxaccel.core.errors import printable
from pytest_onnxaccel.graph.files import load_graph

#: Most differences told, and the largest constant compared, in elements.
_TOLD, _LARGEST = 4, 1 << 24


def node_diff(candidate: str, value: str, reference: str, counterpart: str) -> dict[str, Any]:
    """Compare the node that gives *value* in the model at *candidate* with that of *counterpart* in *reference*.

    Operator, attributes, and number and values of constants are compared. Constants in external files are not looked
    at, nor are the names of values.

    Returns:
        ``differences``: a clause each, the candidate's side first, at most four.
    """
    return {"differences": _differences(_makers(candidate), value, _makers(reference), counterpart)}


def node_diffs(candidate: str, reference: str, pairs: list[list[str]]) -> dict[str, Any]:
    """Compare many pairs of values as :func:`node_diff`: ``differences`` by value, where the nodes differ."""
    ours, theirs = _makers(candidate), _makers(reference)
    found = {value: _differences(ours, value, theirs, counterpart) for value, counterpart in pairs}
    return {"differences": {value: told for value, told in found.items() if told}}


#: Node and constants that it reads, by the value that it gives.
_Makers = dict[str, tuple[NodeProto, dict[str, TensorProto]]]


def _differences(our_makers: _Makers, value: str, their_makers: _Makers, counterpart: str) -> list[str]:
    left, right = our_makers.get(value), their_makers.get(counterpart)
    if left is None or right is None:
        return []
    (ours, our_constants), (theirs, their_constants) = left, right
    found = []
    if ours.op_type != theirs.op_type:
        found.append(f"{ours.op_type} instead of {theirs.op_type}")
    found += _attributes(ours, theirs)
    if len(ours.input) != len(theirs.input):
        found.append(f"{len(ours.input)} inputs instead of {len(theirs.input)}")
    for index, (a, b) in enumerate(zip(ours.input, theirs.input, strict=False)):
        mine, other = our_constants.get(a), their_constants.get(b)
        if mine is not None and other is not None:
            found += _constants(index, a, mine, other)
        elif (mine is None) != (other is None):
            found.append(f"input {index} is {'a' if mine is not None else 'no'} constant")
    if not found and list(ours.input) != list(theirs.input) and sorted(ours.input) == sorted(theirs.input):
        found.append(f"inputs in the order {_names(ours)} instead of {_names(theirs)}")
    return [printable(text, 160) for text in found[:_TOLD]]


def _names(node: NodeProto) -> str:
    return ", ".join(node.input)


def _makers(path: str) -> _Makers:
    model: ModelProto = load_graph(path)
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant":
            constants |= {name: item.t for name in node.output for item in node.attribute if item.name == "value"}
    return {
        value: (node, {name: constants[name] for name in node.input if name in constants})
        for node in model.graph.node
        for value in node.output
    }


def _attributes(ours: NodeProto, theirs: NodeProto) -> list[str]:
    a, b = ({item.name: _shown(item) for item in node.attribute} for node in (ours, theirs))
    found = []
    for name in sorted({*a, *b}):
        if a.get(name) != b.get(name):
            found.append(f"{name}={a.get(name, 'not given')} instead of {b.get(name, 'not given')}")
    return found


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
    a, b = _as_narrower(numpy_helper.to_array(ours), numpy_helper.to_array(theirs))
    if a.shape != b.shape or a.dtype != b.dtype:
        return [f"{_constant(index, name)} is {a.dtype}{list(a.shape)} instead of {b.dtype}{list(b.shape)}"]
    if a.size > _LARGEST or a.dtype.kind in "OSU" or np.array_equal(a, b):
        return []
    differing = np.asarray(a != b)
    share = int(np.count_nonzero(differing))
    where = [int(i) for i in np.argwhere(differing)[0]] if a.ndim else []
    apart = float(np.nanmax(np.abs(a.astype(np.float64) - b.astype(np.float64))))
    return [f"{_constant(index, name)} differs in {share} of {a.size} values from {where} on, by up to {apart:.3g}"]


#: Digits behind the point, in bits, of the float types that others are converted to.
_DIGITS = {"bfloat16": 7, "float16": 10, "float32": 23, "float64": 52}


def _as_narrower(a: Any, b: Any) -> tuple[Any, Any]:
    """Return the wider of two floats of different types, where it rounds to the other or is a step from it."""
    if a.dtype == b.dtype or a.dtype.name not in _DIGITS or b.dtype.name not in _DIGITS or a.shape != b.shape:
        return a, b
    narrower = min(a.dtype.name, b.dtype.name, key=_DIGITS.__getitem__)
    wide = a.astype(np.float64), b.astype(np.float64)
    limit = 2.0 ** -_DIGITS[narrower] * np.abs(wide[1]) + (2.0**-24 if narrower == "float16" else 0.0)
    same = np.abs(wide[0] - wide[1]) <= limit
    return np.where(same, wide[1], wide[0]), wide[1]


def _constant(index: int, name: str) -> str:
    return f"constant {os.path.basename(name)!r}" if name else f"constant input {index}"
