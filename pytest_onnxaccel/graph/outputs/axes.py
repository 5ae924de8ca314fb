"""Where an axis of a node's input is found in its output. Axes are counted from the end: -1 is the last one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import onnx

from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.graph.outputs.shapes import Shape, Shapes

#: Each element hangs on the elements at its place alone, whatever is broadcast.
_EACH = frozenset({
    "Abs", "Add", "And", "BitShift", "Cast", "CastLike", "Ceil", "Clip", "Cos", "DequantizeLinear", "Div", "Elu",
    "Equal", "Erf", "Exp", "Expand", "Floor", "Greater", "GreaterOrEqual", "HardSigmoid", "Identity", "IsNaN",
    "LeakyRelu", "Less", "LessOrEqual", "Log", "Max", "Mean", "Min", "Mod", "Mul", "Neg", "Not", "Or", "Pad", "Pow",
    "QuantizeLinear",
    "Reciprocal", "Relu", "Round", "Sigmoid", "Sign", "Sin", "Slice", "Softplus", "Sqrt", "Sub", "Sum", "Tanh", "Tile",
    "Where", "Xor",
})  # fmt: skip
#: Rows stay rows where this is computed along another axis.
_ALONG = frozenset({"Softmax", "LogSoftmax", "Hardmax", "LayerNormalization", "LpNormalization", "Concat", "Split"})


@record(frozen=True)
class Place:
    """An axis of an operand of a node: what is asked for."""

    node: Any
    operand: int
    axis: int
    shapes: Shapes

    @property
    def name(self) -> str:
        """Of the operand."""
        return str(self.node.input[self.operand])

    def attribute(self, name: str, default: Any = None) -> Any:
        """Return an attribute's value."""
        for item in self.node.attribute:
            if item.name == name:
                return onnx.helper.get_attribute_value(item)
        return default

    def rank(self, operand: int) -> int | None:
        """Return number of axes of an operand."""
        return self.shapes.rank(self.node.input[operand]) if operand < len(self.node.input) else None

    def from_end(self, axis: int, rank: int | None) -> int | None:
        """Return *axis* counted from the end; None where that cannot be told."""
        if axis < 0:
            return axis
        return None if rank is None else axis - rank

    def axes(self, operand: int = 1) -> list[int] | None:
        """Return the constant axes of a node, given as an attribute or as an operand; None where there are none."""
        given = self.attribute("axes")
        if given is None and len(self.node.input) > operand and self.node.input[operand]:
            return self.shapes.whole(self.node.input[operand])
        return None if given is None else [int(axis) for axis in given]


def moved(place: Place) -> int | None:
    """Return the axis of the node's outputs that holds the same, in the same order; None where there is none."""
    if place.node.domain not in ("", "ai.onnx"):
        return None
    operator = place.node.op_type
    if operator in _EACH:
        return place.axis if operator != "Slice" or place.operand == 0 else None
    if operator in _ALONG:
        along = place.from_end(
            int(place.attribute("axis", -1 if operator != "Split" else 0)), place.rank(place.operand)
        )
        return place.axis if along is not None and along != place.axis else None
    if operator.startswith("Reduce") or operator in ("ArgMax", "ArgMin"):
        return _reduced(place)
    rule = _RULES.get(operator)
    return rule(place) if rule is not None else None


def _transposed(place: Place) -> int | None:
    order = place.attribute("perm")
    rank = len(order) if order is not None else place.rank(0)
    if rank is None:
        return None
    order = list(order) if order is not None else list(range(rank))[::-1]
    return order.index(place.axis + rank) - rank if 0 <= place.axis + rank < rank else None


def _reshaped(place: Place) -> int | None:
    """By sizes: what comes before the axis, and the axis itself, must be the same before and after."""
    if place.operand:
        return None
    before, after = place.shapes.shape(place.name), place.shapes.shape(place.node.output[0])
    if before is None or after is None:
        return None
    position = place.axis + len(before)
    for index, size in enumerate(after):
        here = size is not None and size == before[position]
        if here and _same(before[:position], after[:index]) and _same(before[position + 1 :], after[index + 1 :]):
            return index - len(after)
    return None


def _same(before: Shape, after: Shape) -> bool:
    """Both parts of a shape hold the same number of elements."""
    a, b = ([size for size in part if size != 1] for part in (before, after))
    if a == b:
        return None not in a
    known = all(isinstance(size, int) for size in (*a, *b))
    return known and _product(a) == _product(b)


def _product(sizes: list[Any]) -> int:
    found = 1
    for size in sizes:
        found *= int(size)
    return found


def _squeezed(place: Place) -> int | None:
    axes, rank = place.axes(), place.rank(0)
    if place.operand or axes is None or rank is None:
        return _reshaped(place)
    gone = {axis % rank for axis in axes}
    here = place.axis + rank
    return None if here in gone else place.axis + sum(1 for axis in gone if axis > here)


def _unsqueezed(place: Place) -> int | None:
    axes, rank = place.axes(), place.rank(0)
    if place.operand or axes is None or rank is None:
        return None
    total = rank + len(axes)
    new = {axis % total for axis in axes}
    old = [axis for axis in range(total) if axis not in new]
    return old[place.axis + rank] - total


def _reduced(place: Place) -> int | None:
    """Of Reduce operators, and of ArgMax and ArgMin, which have one axis."""
    rank = place.rank(0)
    axes = place.axes()
    if place.node.op_type in ("ArgMax", "ArgMin"):
        axes = [int(place.attribute("axis", 0))]
    if place.operand or rank is None or axes is None:
        return None
    gone = {axis % rank for axis in axes}
    here = place.axis + rank
    if here in gone:
        return None
    return place.axis if place.attribute("keepdims", 1) else place.axis + sum(1 for axis in gone if axis > here)


def _gathered(place: Place) -> int | None:
    data, indices = place.rank(0), place.rank(1)
    along = place.from_end(int(place.attribute("axis", 0)), data)
    if along is None:
        return None
    if place.operand == 1:
        return place.axis + along + 1
    if place.axis == along or indices is None:
        return None
    return place.axis if place.axis > along else place.axis - (indices - 1)


def _gathered_elements(place: Place) -> int | None:
    if place.operand == 1:
        return place.axis
    along = place.from_end(int(place.attribute("axis", 0)), place.rank(0))
    return place.axis if along is not None and along != place.axis else None


def _gathered_nd(place: Place) -> int | None:
    data, shape = place.rank(0), place.shapes.shape(place.node.input[1])
    batch = int(place.attribute("batch_dims", 0))
    if place.operand != 1 or data is None or shape is None or not isinstance(shape[-1], int) or place.axis == -1:
        return None
    return place.axis + 1 - (data - batch - shape[-1])


def _product_of_matrices(place: Place) -> int | None:
    if place.node.op_type == "Gemm":
        turned = place.attribute("transA" if place.operand == 0 else "transB", 0)
        if place.operand > 1:
            return place.axis
        kept = (-1 if turned else -2) if place.operand == 0 else (-2 if turned else -1)
        return (-2 if place.operand == 0 else -1) if place.axis == kept else None
    if None in (place.rank(0), place.rank(1)) or 1 in (place.rank(0), place.rank(1)):
        return None
    return None if place.axis == (-1 if place.operand == 0 else -2) else place.axis


def _compressed(place: Place) -> int | None:
    along = place.attribute("axis")
    if place.operand or along is None:
        return None
    return place.axis


_RULES: dict[str, Callable[[Place], int | None]] = {
    "Transpose": _transposed, "Reshape": _reshaped, "Flatten": _reshaped, "Squeeze": _squeezed,
    "Unsqueeze": _unsqueezed, "Gather": _gathered, "GatherElements": _gathered_elements, "GatherND": _gathered_nd,
    "MatMul": _product_of_matrices, "Gemm": _product_of_matrices, "Compress": _compressed,
}  # fmt: skip
