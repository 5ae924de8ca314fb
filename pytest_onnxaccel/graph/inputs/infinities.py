"""Which values may be infinite because the graph says so: masks of minus infinity, the maximum of nothing."""

from __future__ import annotations

from collections.abc import Callable
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


def infinities(op: str) -> Callable[[Site, int], bool] | None:
    """Return what says whether an output of standard operator *op* may hold infinities; None where none does.

    It takes the node and the output's place.
    """
    if op in _WRITES:
        return _written
    if op in _CARRIES:
        return _carried
    if op.startswith("Reduce"):
        return _of_nothing
    return {"Attention": _scores, "ConstantOfShape": _filled}.get(op)


def _carried(site: Site, place: int) -> bool:
    return True in [v.infinite for v in site.operands if v is not None]


def _written(site: Site, place: int) -> bool:
    return any(value is not None and (value.infinite or _infinite_constant(value)) for value in site.operands)


def _scores(site: Site, place: int) -> bool:
    return place == _SCORES


def _of_nothing(site: Site, place: int) -> bool:
    source = site.operand(0)
    return source.infinite or (source.shape is not None and 0 in source.shape)


def _filled(site: Site, place: int) -> bool:
    value = site.attribute("value")
    return value is not None and _holds(numpy_helper.to_array(value))


def _infinite_constant(value: Value) -> bool:
    return value.constant is not None and _holds(value.constant)


def _holds(array: Any) -> bool:
    return array.dtype.kind == "f" and bool(np.isinf(array).any())
