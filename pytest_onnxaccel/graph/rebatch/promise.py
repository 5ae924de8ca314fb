"""Does a model treat the leading axis of its inputs as a batch, where no name says so: by the layers that read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from onnx import NodeProto

from pytest_onnxaccel.graph.rebatch.edits import named
from pytest_onnxaccel.graph.rebatch.facts import UNKNOWN, Fact
from pytest_onnxaccel.graph.rebatch.survey import survey
from pytest_onnxaccel.graph.rebatch_files import read_model

#: Operators with weights: matrices, kernels and tables of a file.
_LAYERS = frozenset({
    "Attention", "Conv", "ConvInteger", "ConvTranspose", "DeformConv", "Einsum", "EmbedLayerNormalization", "FusedConv",
    "FusedGemm", "FusedMatMul", "GRU", "Gather", "Gemm", "LSTM", "MatMul", "MatMulInteger", "MatMulNBits",
    "MultiHeadAttention", "NhwcConv", "QAttention", "QGemm", "QLinearConv", "QLinearMatMul", "RNN",
})  # fmt: skip
#: Whole models of tables: their rows are samples.
_OF_TABLES = frozenset({
    "LinearClassifier", "LinearRegressor", "SVMClassifier", "SVMRegressor", "TreeEnsemble", "TreeEnsembleClassifier",
    "TreeEnsembleRegressor",
})  # fmt: skip


def treats_as_batch(source: str, axes: Mapping[str, int] | None = None) -> bool:
    """Return whether a layer of the model at *source* takes each place on the batch axis as a sample of its own.

    A layer that works along the axis says that it is not one, and so do all behind it. A list of numbers or tokens, an
    input of one axis, is not a batch.

    Args:
        source: path of the model.
        axes: of the batch by input; without it, axis 0 of every input.

    Raises:
        ModelError: as :func:`~pytest_onnxaccel.graph.rebatch.rebatch.methods`.
    """
    found = survey(read_model(source), axes=axes)
    formals = (found.facts.get(name, UNKNOWN) for name in found.batch.inputs)
    if all(fact.small is not None and len(fact.small) < 2 for fact in formals):
        return False
    held = {hold.node for hold in found.blocked}
    behind: set[str] = set()
    for node in found.model.graph.node:
        facts = [found.facts.get(name, UNKNOWN) for name in node.input if name]
        tainted = not behind.isdisjoint(node.input)
        if _has_weights(node, facts) and any(fact.fed and fact.batch_axes for fact in facts):
            if named(node) in held:
                tainted = True
            elif not tainted:
                return True
        if tainted:
            behind.update(node.output)
    return False


def _has_weights(node: NodeProto, facts: list[Fact]) -> bool:
    if node.op_type in _OF_TABLES:
        return True
    if node.op_type in _LAYERS:
        return any(not fact.fed and fact.small is not None and len(fact.small) > 1 for fact in facts)
    return any(inner.op_type in _LAYERS for inner in _inside(node))


def _inside(node: NodeProto) -> Iterator[Any]:
    """Yield the nodes of the subgraphs of *node*."""
    for item in node.attribute:
        for body in [*([item.g] if item.HasField("g") else []), *item.graphs]:
            for inner in body.node:
                yield inner
                yield from _inside(inner)
