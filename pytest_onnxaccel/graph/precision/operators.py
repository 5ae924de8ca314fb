"""Operators on whole numbers with a scale: where each has its numbers, its scales and its zero points."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import onnx
from onnx import NodeProto

#: Operators that hand quantised numbers on as they are.
HANDS_ON = frozenset({
    "DepthToSpace", "Expand", "Flatten", "Gather", "Identity", "MaxPool", "Pad", "Reshape", "Slice", "SpaceToDepth",
    "Split", "Squeeze", "Transpose", "Unsqueeze",
})  # fmt: skip
#: By operator: places of what is read with its scale and zero point, and places of the scale and zero point written.
PLACES: Mapping[str, tuple[tuple[tuple[int, int, int], ...], tuple[int, int] | None]] = {
    "QuantizeLinear": ((), (1, 2)),
    "DequantizeLinear": (((0, 1, 2),), None),
    "QLinearConv": (((0, 1, 2), (3, 4, 5)), (6, 7)),
    "QLinearMatMul": (((0, 1, 2), (3, 4, 5)), (6, 7)),
    "QLinearAdd": (((0, 1, 2), (3, 4, 5)), (6, 7)),
    "QLinearMul": (((0, 1, 2), (3, 4, 5)), (6, 7)),
    "QGemm": (((0, 1, 2), (3, 4, 5)), (7, 8)),
}  # fmt: skip
PLACES = {**PLACES, **dict.fromkeys(
    ("QLinearAveragePool", "QLinearGlobalAveragePool", "QLinearLeakyRelu", "QLinearReduceMean", "QLinearSigmoid",
     "QLinearSoftmax"),
    (((0, 1, 2),), (3, 4)),
)}  # fmt: skip
#: Places of a bias, in steps of the product of those of input and weights.
BIAS = {"QLinearConv": 8, "QGemm": 6}
#: Integer products: places of the weights, of their zero point.
INTEGER = {"MatMulInteger": (1, 3), "ConvInteger": (1, 3)}
#: What stands between a table of whole numbers and a product of its rows.
MOVES = ("Gather", "Identity", "Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze")


def label(node: NodeProto) -> str:
    """Return *node* in words."""
    return f"{node.op_type} {node.name!r}" if node.name else f"{node.op_type} that gives {node.output[0]!r}"


def written_by(node: NodeProto) -> tuple[str, str] | None:
    """Return the names of scale and zero point of the whole numbers that *node* gives; None where it gives none."""
    _, writes = PLACES.get(node.op_type, ((), None))
    if writes is None or len(node.input) <= writes[0] or not node.input[writes[0]]:
        return None
    return node.input[writes[0]], node.input[writes[1]] if len(node.input) > writes[1] else ""


def quantised_scales(model: onnx.ModelProto) -> Iterator[str]:
    """Return the names of the scales of whole numbers that are computed; not of those that are constants."""
    constants = {tensor.name for tensor in model.graph.initializer}
    for node in model.graph.node:
        reads, writes = PLACES.get(node.op_type, ((), None))
        for place, scale, _ in reads:
            if len(node.input) > scale and node.input[place] not in constants:
                yield node.input[scale]
        if writes is not None and len(node.input) > writes[0]:
            yield node.input[writes[0]]
