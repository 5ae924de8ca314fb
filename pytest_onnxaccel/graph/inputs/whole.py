"""Outputs that are one number for all samples of a batch: losses, means and sums over it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx

from pytest_onnxaccel.graph.inputs.backward import ELEMENTWISE, SAME_SHAPE
from pytest_onnxaccel.graph.inputs.findings import named
from pytest_onnxaccel.graph.inputs.trace import UNKNOWN, Value

_LOSSES = frozenset({"SoftmaxCrossEntropyLoss", "NegativeLogLikelihoodLoss"})
_REDUCTIONS = frozenset({"ReduceMean", "ReduceSum", "ReduceSumSquare", "ReduceL1", "ReduceL2"})
#: Operators behind a reduction that leave one number one number.
_KEEPS_ONE = SAME_SHAPE | ELEMENTWISE | {"Flatten", "Reshape", "Squeeze", "Sum", "Unsqueeze", "Where"}
#: Nodes that are looked at behind one output.
_MOST = 64


def whole_results(graph: Any, values: Mapping[str, Value]) -> dict[str, str]:
    """Return the outputs of *graph* that are one number for a whole batch, with the node that makes it so.

    Args:
        graph: a main graph.
        values: what is known of its values, by name.
    """
    single = [v.name for v in graph.output if _single(v)]
    if not single:
        return {}
    makers = {name: node for node in graph.node for name in node.output if name}
    found: dict[str, str] = {}
    for output in single:
        waiting, seen = [output], set[str]()
        while waiting and len(seen) < _MOST and output not in found:
            name = waiting.pop()
            node = makers.get(name)
            if node is None or name in seen or node.domain not in ("", "ai.onnx"):
                continue
            seen.add(name)
            if _over_the_batch(node, name, values):
                found[output] = named(node)
            elif node.op_type in _KEEPS_ONE:
                waiting += node.input
    return found


def _single(value: Any) -> bool:
    """Return whether an output declares that it is one number."""
    kind = value.type.tensor_type
    return bool(
        value.type.WhichOneof("value") == "tensor_type"
        and kind.HasField("shape")
        and all(dim.HasField("dim_value") and dim.dim_value == 1 for dim in kind.shape.dim)
    )


def _over_the_batch(node: Any, result: str, values: Mapping[str, Value]) -> bool:
    given = {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}
    if node.op_type in _LOSSES:
        return bool(result == node.output[0] and given.get("reduction", b"mean") != b"none")
    if node.op_type not in _REDUCTIONS:
        return False
    axes: Any = given.get("axes")
    if len(node.input) > 1 and node.input[1]:
        axes = values.get(node.input[1], UNKNOWN).constant
        if axes is None:
            return False
    if axes is None or not np.size(axes):
        return not given.get("noop_with_empty_axes", 0)
    rank = len(values.get(node.input[0], UNKNOWN).shape or ())
    return 0 in axes or (rank > 0 and -rank in axes)
