"""Nodes that work across the samples of a batch although every shape fits, which shape inference misses."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from onnx import NodeProto

from pytest_onnxaccel.graph.rebatch.facts import Fact
from pytest_onnxaccel.graph.rebatch.shape_values import attribute

#: Operators whose samples lie on axis 0 of input 0 and nowhere else.
_SAMPLES_FIRST = frozenset({
    "Conv", "ConvTranspose", "ConvInteger", "QLinearConv", "DeformConv", "MaxPool", "AveragePool", "LpPool",
    "MaxUnpool", "GlobalMaxPool", "GlobalAveragePool", "GlobalLpPool", "BatchNormalization",
    "InstanceNormalization", "GroupNormalization", "LRN", "SpaceToDepth", "DepthToSpace", "GridSample",
    "Attention", "Col2Im",
})  # fmt: skip

_Question = Callable[[NodeProto, Sequence[Fact | None], int, int, int], bool]


def _axis(default: int) -> _Question:
    """Follow an operator along one axis, given as attribute ``axis``."""

    def question(node: NodeProto, facts: Sequence[Fact | None], axis: int, rank: int, opset: int) -> bool:
        return int(attribute(node, "axis", default)) % rank == axis

    return question


def _softmax(node: NodeProto, facts: Sequence[Fact | None], axis: int, rank: int, opset: int) -> bool:
    if opset >= 13:
        return int(attribute(node, "axis", -1)) % rank == axis
    return int(attribute(node, "axis", 1)) % rank <= axis  # older: everything from the axis on is one row


def _trailing(node: NodeProto, facts: Sequence[Fact | None], axis: int, rank: int, opset: int) -> bool:
    return int(attribute(node, "axis", -1)) % rank <= axis


def _cumulative(node: NodeProto, facts: Sequence[Fact | None], axis: int, rank: int, opset: int) -> bool:
    given = facts[1].before if len(facts) > 1 and facts[1] is not None else None
    return given is not None and int(np.ravel(given)[0]) % rank == axis


def _listed(node: NodeProto, facts: Sequence[Fact | None], axis: int, rank: int, opset: int) -> bool:
    return axis in {int(a) % rank for a in attribute(node, "axes") or (0, 2, 3)}


def _recurrent(node: NodeProto, facts: Sequence[Fact | None], axis: int, rank: int, opset: int) -> bool:
    return axis != (0 if int(attribute(node, "layout", 0)) else 1)


def _reversed(node: NodeProto, facts: Sequence[Fact | None], axis: int, rank: int, opset: int) -> bool:
    return int(attribute(node, "time_axis", 0)) == axis


def _always(node: NodeProto, facts: Sequence[Fact | None], axis: int, rank: int, opset: int) -> bool:
    return True


def _matrix(node: NodeProto, facts: Sequence[Fact | None], axis: int, rank: int, opset: int) -> bool:
    return axis >= rank - 2


_QUESTIONS: dict[str, _Question] = {
    "Softmax": _softmax,
    "LogSoftmax": _softmax,
    "Hardmax": _softmax,
    "CumSum": _cumulative,
    "CumProd": _cumulative,
    "TopK": _axis(-1),
    "LpNormalization": _axis(-1),
    "LayerNormalization": _trailing,
    "RMSNormalization": _trailing,
    "MeanVarianceNormalization": _listed,
    "LSTM": _recurrent,
    "GRU": _recurrent,
    "RNN": _recurrent,
    "ReverseSequence": _reversed,
    "GatherElements": _axis(0),
    "ScatterElements": _axis(0),
    "Scatter": _axis(0),
    "Compress": _axis(0),
    "EyeLike": _always,
    "NonZero": _always,
    "Trilu": _matrix,
    "Unique": _always,
}


def mixes(node: NodeProto, facts: Sequence[Fact | None], opset: int) -> str:
    """Return why the node works across samples, or an empty string.

    Args:
        node: the node to judge.
        facts: the node's inputs.
        opset: version of the default domain, which decides what Softmax's axis means.
    """
    data = facts[0] if facts else None
    if data is None or data.small is None or node.domain not in ("", "ai.onnx"):
        return ""
    op, rank = node.op_type, len(data.small)
    for axis in data.batch_axes:
        if op == "BatchNormalization" and _trains(node, opset):
            return "it normalizes with the statistics of the batch (training mode)"
        if op in _SAMPLES_FIRST and axis != 0:
            return f"it treats the batch, on axis {axis}, as another axis than the samples'"
        question = _QUESTIONS.get(op)
        if question is not None and question(node, facts, axis, rank, opset):
            return f"it works along axis {axis}, which carries the batch"
    return _indexing(node, facts)


def _trains(node: NodeProto, opset: int) -> bool:
    if opset >= 14:
        return bool(attribute(node, "training_mode", 0))
    if opset >= 7:
        return sum(bool(name) for name in node.output) > 1
    return not attribute(node, "is_test", 0)


def _indexing(node: NodeProto, facts: Sequence[Fact | None]) -> str:
    """Return indices without a batch of their own pick samples by number."""
    if node.op_type not in ("GatherND", "ScatterND", "Gather") or len(facts) < 2:
        return ""
    data, indices = facts[0], facts[1]
    if data is None or indices is None or indices.small is None or data.small is None:
        return ""
    first = int(attribute(node, "batch_dims", 0))
    count: int | None = 1
    if node.op_type == "Gather":
        first = int(attribute(node, "axis", 0)) % max(1, len(data.small))
    else:
        count = indices.small[-1] if indices.small else None
    reached = count is not None and any(first <= axis < first + count for axis in data.batch_axes)
    if reached and (indices.repeated or not indices.batch_axes):
        return "it picks samples by constant numbers"
    return ""
