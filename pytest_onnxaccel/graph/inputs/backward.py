"""Sizes that are declared behind a value hold for the value itself, where no node between them changes its shape."""

from __future__ import annotations

from typing import Any

#: Operators whose result has the shape of their first operand.
SAME_SHAPE = frozenset({
    "Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Cast", "CastLike", "Ceil", "Celu", "Clip", "Cos", "Cosh",
    "Dropout", "Elu", "Erf", "Exp", "Floor", "Gelu", "HardSigmoid", "HardSwish", "Identity", "IsInf", "IsNaN",
    "LeakyRelu", "Log", "LogSoftmax", "Mish", "Neg", "Not", "Reciprocal", "Relu", "Round", "Selu", "Sigmoid", "Sign",
    "Sin", "Sinh", "Softmax", "Softplus", "Softsign", "Sqrt", "Swish", "Tan", "Tanh", "ThresholdedRelu",
})  # fmt: skip
#: Operators of two operands, element by element, of which one may be a single number.
ELEMENTWISE = frozenset({
    "Add", "Sub", "Mul", "Div", "Pow", "Mod", "Max", "Min", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual",
})  # fmt: skip

#: Operators whose results have sizes that an operand says: where it is fed, what reads them tells the sizes.
_SIZED = frozenset({"Expand", "Pad", "Reshape", "Resize", "Slice", "Tile", "Upsample"})
#: Operators that make a list of sizes of what is fed.
_PUTS_TOGETHER = frozenset({"Cast", "Concat", "Identity", "Reshape", "Squeeze", "Unsqueeze"})

Shape = tuple[int | str | None, ...]
Shapes = dict[str, Shape]


def carried_back(graph: Any, declared: Shapes) -> Shapes:
    """Return *declared*, and the shapes of values between them that follow from it."""
    found = dict(declared)
    numbers: set[str] | None = None
    sized = _sized_by_inputs(graph) - found.keys()
    held = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer} if sized else {}
    for node in reversed(graph.node):
        shape = found.get(node.output[0]) if node.output else None
        if shape is None or node.domain not in ("", "ai.onnx") or not node.input:
            continue
        if node.op_type in SAME_SHAPE:
            found.setdefault(node.input[0], shape)
        elif node.op_type in ELEMENTWISE and len(node.input) == 2:
            if numbers is None:
                numbers = _numbers(graph)
            first, second = node.input
            if second in numbers or first == second:
                found.setdefault(first, shape)
            elif first in numbers:
                found.setdefault(second, shape)
        for place, name in enumerate(node.input[:2]) if sized else ():
            other = held.get(node.input[1 - place]) if name in sized and len(node.input) == 2 else None
            wanted = _fitting(node.op_type, shape, other, place) if other is not None else None
            if wanted is not None:
                found.setdefault(name, wanted)
    return found


def _fitting(op: str, result: Shape, other: Shape, place: int) -> Shape | None:
    """Return the shape of operand *place* next to a constant of shape *other*.

    Of the sizes that broadcasting leaves open, that of the result is taken.
    """
    if op in ELEMENTWISE and len(other) <= len(result):
        wide = (*(None,) * (len(result) - len(other)), *other)
        return tuple(w if size is None and w != 1 else size for size, w in zip(result, wide, strict=True))
    if op == "MatMul" and not place and len(other) == 2 and len(result) > 1:
        return (*result[:-1], other[0])
    return None


def _sized_by_inputs(graph: Any) -> set[str]:
    """Return the results of :data:`_SIZED` operators whose sizes are fed, as they are or put together."""
    fed = {value.name for value in graph.input}
    found: set[str] = set()
    for node in graph.node:
        if node.op_type in _SIZED and not fed.isdisjoint(node.input[1:]):
            found.update(node.output)
        elif node.op_type in _PUTS_TOGETHER and not fed.isdisjoint(node.input):
            fed.update(node.output)
    return found


def _numbers(graph: Any) -> set[str]:
    """Return constants of one element and no axes, and what is computed of such alone."""
    found = {tensor.name for tensor in graph.initializer if not tensor.dims}
    for node in graph.node:
        if node.op_type == "Constant":
            if any(
                (item.name == "value" and not item.t.dims) or item.name in ("value_float", "value_int")
                for item in node.attribute
            ):
                found.update(node.output)
        elif node.input and node.op_type in SAME_SHAPE | ELEMENTWISE and all(name in found for name in node.input):
            found.update(node.output)
    return found
