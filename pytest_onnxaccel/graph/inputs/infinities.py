"""Which values may be infinite because the graph says so: masks of minus infinity, the maximum of nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import numpy_helper

if TYPE_CHECKING:
    from pytest_onnxaccel.graph.inputs.trace import Value
    from pytest_onnxaccel.graph.inputs.walk import Site

#: Operators through which an infinity goes, as one.
_CARRIES = frozenset({
    "Abs", "Add", "Cast", "CastLike", "Clip", "Concat", "Div", "Expand", "Flatten", "Gather", "GatherElements",
    "GatherND", "Identity", "Log", "Max", "Min", "Mul", "Neg", "Pad", "Reshape", "ScatterElements", "ScatterND",
    "Slice", "Split", "Sqrt", "Squeeze", "Sub", "Tile", "Transpose", "Trilu", "Unsqueeze", "Where",
})  # fmt: skip
#: Of those, the ones that an infinite constant is written into a value by.
_WRITES = frozenset({
    "Add", "Cast", "CastLike", "Concat", "Expand", "Identity", "Max", "Min", "Pad", "ScatterElements", "ScatterND",
    "Sub", "Where",
})  # fmt: skip
#: Outputs of Attention that hold scores before the softmax.
_SCORES = 3


def infinite(site: Site, place: int) -> bool:
    """Return whether output *place* of the node, of a standard operator, may hold infinities."""
    op = site.node.op_type
    if op in _CARRIES:
        values = [v for v in site.operands if v is not None]
        if True in [v.infinite for v in values]:
            return True
        return op in _WRITES and any(_infinite_constant(v) for v in values if v.constant is not None)
    if op == "Attention":
        return place == _SCORES
    if op.startswith("Reduce"):
        source = site.operand(0)
        return source.infinite or (source.shape is not None and 0 in source.shape)
    if op == "ConstantOfShape":
        value = site.attribute("value")
        return value is not None and _holds(numpy_helper.to_array(value))
    return False


def _infinite_constant(value: Value) -> bool:
    return value.constant is not None and _holds(value.constant)


def _holds(array: Any) -> bool:
    return array.dtype.kind == "f" and bool(np.isinf(array).any())
