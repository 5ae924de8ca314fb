"""The narrowest type that computes on the way to each output. Runs in a worker: takes a path, gives JSON builtins."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

import onnx
from onnx import NodeProto, TensorProto

from pytest_onnxaccel.core.precision import NARROW, Precision
from pytest_onnxaccel.graph.files import all_graphs, load_graph
from pytest_onnxaccel.graph.probe.anatomy import captured

#: Operators that move values about and compute nothing with them: in a narrow type they alone make no conversion.
_MOVES = frozenset({
    "Cast", "CastLike", "Concat", "Expand", "Flatten", "Gather", "GatherElements", "GatherND", "Identity", "Pad",
    "Reshape", "Shape", "Size", "Slice", "Split", "Squeeze", "Tile", "Transpose", "Unsqueeze",
})  # fmt: skip
#: Operators that read only the shape or the type of an input: what lies before that is not on the way.
_BLIND = frozenset({"Shape", "Size", "ConstantOfShape", "EyeLike"})
_TO_INTEGERS = frozenset({"QuantizeLinear", "DynamicQuantizeLinear"})
#: Operators that compute with quantised numbers, or turn them back; of com.microsoft by these parts of their names.
_WITH_INTEGERS = frozenset({"ConvInteger", "DequantizeLinear", "MatMulInteger", "QLinearConv", "QLinearMatMul"})
_PARTS = ("QLinear", "DynamicQuantize", "MatMulNBits", "MatMulBnb4", "QAttention", "QGemm", "QEmbed", "MatMulInteger")
_ELEMENTS = {int(TensorProto.FLOAT16): "float16", int(TensorProto.BFLOAT16): "bfloat16"}


def precision(path: str) -> dict[str, Any]:
    """Return the JSON form of :class:`~pytest_onnxaccel.core.precision.Precision` of the model at *path*.

    Raises:
        ModelError: ``E_PARSE``.
    """
    return precision_of(load_graph(path)).to_json()


def precision_of(model: onnx.ModelProto) -> Precision:
    """Return what *model* computes in."""
    types = element_types(model)
    stored = _stored(model.graph)
    narrow: dict[str, frozenset[str]] = {}
    steps: dict[str, dict[str, None]] = {}
    counts: Counter[str] = Counter()
    for node in model.graph.node:
        inner = _inner(node)
        reads = () if node.op_type in _BLIND else tuple(name for name in (*node.input, *captured(node)) if name)
        own = frozenset().union(*(_computes(each, types) for each in (node, *inner)))
        counts.update(own)
        # Weights that are kept in few digits have lost the others, whatever they are computed with
        own |= frozenset(stored[name] for name in reads if name in stored)
        named = [_label(each) for each in (node, *inner) if _whole(each)]
        before = frozenset().union(*(narrow.get(name, frozenset()) for name in reads))
        passed = dict.fromkeys(n for name in reads for n in steps.get(name, ()))
        for name in node.output:
            narrow[name] = own | before
            steps[name] = passed | dict.fromkeys(named)
    outputs = [value.name for value in model.graph.output]
    return Precision(
        {name: found for name in outputs if (found := narrowest(narrow.get(name, frozenset())))},
        {name: tuple(steps[name]) for name in outputs if steps.get(name)},
        dict(counts),
    )


def narrowest(types: frozenset[str]) -> str:
    """Return the one of *types* with the fewest digits; empty where none is narrower than float32."""
    return next((name for name in NARROW if name in types), "")


def element_types(model: onnx.ModelProto) -> dict[str, int]:
    """Return ONNX's element type by value of the main graph and of the graphs inside, as far as it can be known."""
    with contextlib.suppress(Exception):  # inference is a help; of what it refuses the operators tell enough
        model = onnx.shape_inference.infer_shapes(model)
    types: dict[str, int] = {}
    for graph in reversed(all_graphs(model)):
        for tensor in getattr(graph, "initializer", ()):
            types[tensor.name] = tensor.data_type
        for value in (*getattr(graph, "input", ()), *getattr(graph, "value_info", ()), *getattr(graph, "output", ())):
            if not isinstance(value, str) and value.type.tensor_type.elem_type:
                types[value.name] = value.type.tensor_type.elem_type
        for node in graph.node:
            _follow(node, types)
    return types


def _follow(node: NodeProto, types: dict[str, int]) -> None:
    """Return the types of what *node* gives, where inference left them open: those of other domains."""
    attributes = {item.name: item for item in node.attribute}
    if node.op_type == "Cast" and "to" in attributes:
        given = attributes["to"].i
    elif node.op_type == "Constant" and "value" in attributes:
        given = attributes["value"].t.data_type
    elif node.op_type == "DequantizeLinear":
        given = types.get(node.input[1], 0)
    else:
        given = next((types[name] for name in node.input if types.get(name, 0) in (1, 10, 11, 16)), 0)
    for name in node.output:
        if name and given:
            types.setdefault(name, given)


def _computes(node: NodeProto, types: Mapping[str, int]) -> frozenset[str]:
    """Return the narrow types that *node* computes in."""
    if node.op_type in _MOVES or node.op_type == "Constant":
        return frozenset()
    return frozenset(_ELEMENTS[types[n]] for n in (*node.input, *node.output) if types.get(n, 0) in _ELEMENTS)


def _stored(graph: Any) -> dict[str, str]:
    """Return the weights of more than one number that are kept in a narrow type, by name."""
    return {
        tensor.name: _ELEMENTS[tensor.data_type]
        for tensor in graph.initializer
        if tensor.data_type in _ELEMENTS and any(size > 1 for size in tensor.dims)
    }


def _inner(node: NodeProto) -> list[NodeProto]:
    found: list[NodeProto] = []
    waiting = [graph for item in node.attribute for graph in (item.g, *item.graphs)]
    while waiting:
        graph = waiting.pop()
        for each in graph.node:
            found.append(each)
            waiting += [inner for item in each.attribute for inner in (item.g, *item.graphs)]
    return found


def _whole(node: NodeProto) -> bool:
    """Return whether *node* turns floats into few whole numbers, or back, or computes in those."""
    if node.domain in ("", "ai.onnx"):
        return node.op_type in _TO_INTEGERS or node.op_type in _WITH_INTEGERS
    return node.op_type in _TO_INTEGERS | _WITH_INTEGERS or any(part in node.op_type for part in _PARTS)


def _label(node: NodeProto) -> str:
    return f"{node.op_type} {node.name!r}" if node.name else f"{node.op_type} that gives {node.output[0]!r}"
