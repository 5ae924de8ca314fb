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

Shapes = dict[str, tuple[int | str | None, ...]]


def carried_back(graph: Any, declared: Shapes) -> Shapes:
    """Return *declared*, and the shapes of values between them that follow from it."""
    found = dict(declared)
    numbers: set[str] | None = None
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
