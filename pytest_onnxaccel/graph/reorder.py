"""Sums in another order: the same graph up to rounding, also where no weight could be moved by a unit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import onnx
from onnx import NodeProto, helper, numpy_helper

from pytest_onnxaccel.graph.files import fed_values

#: Reductions that add numbers up.
_SUMS = ("ReduceSum", "ReduceMean", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp")
#: The first opset whose Slice takes its bounds as inputs.
_SLICES = 10
_END = -(2**63)

#: Axes that are turned, by place of an input.
Turns = dict[int, tuple[int, ...]]


def sums_of(model: onnx.ModelProto) -> Iterator[tuple[int, Turns]]:
    """Return nodes of the main graph that add up values that inputs decide, and the axes of their inputs to turn.

    Turning all of them together changes the order in which numbers are added up, and nothing else.
    """
    opset = next((item.version for item in model.opset_import if item.domain == ""), 0)
    if opset < _SLICES:
        return
    ranks = _ranks(model)
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    live = {value.name for value in fed_values(model.graph)}
    for at, node in enumerate(model.graph.node):
        fed = [place for place, name in enumerate(node.input) if name in live]
        if fed:
            live.update(node.output)
        rule = _RULES.get(node.op_type) if not node.domain else None
        if rule is None or not fed:
            continue
        turns = rule(node, ranks, constants)
        if turns:
            yield at, turns


def reordered(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return *model* with every such sum added up from the other end."""
    found = dict(sums_of(model))
    nodes: list[NodeProto] = []
    made: dict[tuple[str, tuple[int, ...]], str] = {}
    for at, node in enumerate(model.graph.node):
        for place, axes in found.get(at, {}).items():
            key = (node.input[place], axes)
            if key not in made:
                made[key] = f"{node.input[place]}__turned_{len(made)}"
                nodes.append(_turned(model, *key, made[key]))
            node.input[place] = made[key]
        nodes.append(node)
    copies = [NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del model.graph.node[:]
    model.graph.node.extend(copies)
    return model


def _turned(model: onnx.ModelProto, name: str, axes: tuple[int, ...], result: str) -> NodeProto:
    count = len(axes)
    bounds = {"starts": [-1] * count, "ends": [_END] * count, "axes": list(axes), "steps": [-1] * count}
    names = []
    for what, numbers in bounds.items():
        names.append(f"{result}_{what}")
        model.graph.initializer.append(numpy_helper.from_array(np.array(numbers, np.int64), names[-1]))
    return helper.make_node("Slice", [name, *names], [result])


def _matmul(node: NodeProto, ranks: dict[str, int], constants: dict[str, Any]) -> Turns:
    ours, theirs = (ranks.get(name, 0) for name in node.input)
    return {0: (-1,), 1: (-2 if theirs > 1 else -1,)} if ours and theirs else {}


def _gemm(node: NodeProto, ranks: dict[str, int], constants: dict[str, Any]) -> Turns:
    flags = {item.name: item.i for item in node.attribute}
    return {0: (0 if flags.get("transA") else 1,), 1: (1 if flags.get("transB") else 0,)}


def _conv(node: NodeProto, ranks: dict[str, int], constants: dict[str, Any]) -> Turns:
    """Return the channels where the kernel is computed as well; another variant tells of weights one unit off."""
    alone = all(item.i == 1 for item in node.attribute if item.name == "group")
    return {0: (1,), 1: (1,)} if alone and node.input[1] not in constants else {}


def _reduce(node: NodeProto, ranks: dict[str, int], constants: dict[str, Any]) -> Turns:
    rank = ranks.get(node.input[0], 0)
    axes = next((tuple(item.ints) for item in node.attribute if item.name == "axes"), None)
    if len(node.input) > 1 and node.input[1]:
        if node.input[1] not in constants:
            return {}
        axes = tuple(int(a) for a in np.ravel(numpy_helper.to_array(constants[node.input[1]])))
    if not axes:
        skips = any(item.i for item in node.attribute if item.name == "noop_with_empty_axes")
        axes = () if skips else tuple(range(rank))
    return {0: axes} if axes else {}


def _loss(node: NodeProto, ranks: dict[str, int], constants: dict[str, Any]) -> Turns:
    """Return all places that are added up but the classes: the second output, the logarithms, would turn as well."""
    rank = ranks.get(node.input[0], 0)
    whole = any(item.s == b"none" for item in node.attribute if item.name == "reduction")
    if whole or rank < 2 or len(node.output) > 1:
        return {}
    return {0: (0, *range(2, rank)), 1: tuple(range(rank - 1))}


_RULES: dict[str, Callable[[NodeProto, dict[str, int], dict[str, Any]], Turns]] = {
    "MatMul": _matmul, "Gemm": _gemm, "Conv": _conv,
    "SoftmaxCrossEntropyLoss": _loss, "NegativeLogLikelihoodLoss": _loss,
    **dict.fromkeys(_SUMS, _reduce),
}  # fmt: skip


def _ranks(model: onnx.ModelProto) -> dict[str, int]:
    """Return the number of axes by value, as far as inference tells."""
    try:
        known = onnx.shape_inference.infer_shapes(model)
    except Exception:  # what it refuses is turned nowhere
        known = model
    graph = known.graph
    ranks = {tensor.name: len(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        if value.type.tensor_type.HasField("shape"):
            ranks[value.name] = len(value.type.tensor_type.shape.dim)
    return ranks
