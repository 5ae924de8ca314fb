"""Brings the weights of a model to its main graph, where a run may be fed others instead of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import onnx
from onnx import ModelProto, TensorProto, helper, numpy_helper

from pytest_onnxaccel.graph.inputs.flow.bodies import graphs_of

#: Element types that weights have, and those of quantised ones.
FLOATS = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16)
BYTES = (TensorProto.INT8, TensorProto.UINT8)
#: A number so far below 0 takes an element out of a softmax.
_FAR = 1000.0
#: Subgraphs are looked into to this depth.
_DEEPEST = 8


def lift(model: ModelProto) -> None:
    """Make every tensor of *model* that may be a weight an initializer of its main graph.

    Functions are written out where that is possible. A tensor of a subgraph gets a name of its own in the main graph,
    and the subgraph an Identity that gives it under the old one.
    """
    if model.functions:
        _inline(model)
    taken = set(_names(model.graph, 0))
    _constants(model.graph)
    for node in model.graph.node:
        for attribute in node.attribute:
            for inner in graphs_of(attribute):
                _lift_from(inner, model.graph, taken, 1)


def _inline(model: ModelProto) -> None:
    from onnx import inliner

    try:
        model.CopyFrom(inliner.inline_local_functions(model))
    except Exception:
        return  # what is inside of functions is not moved, then


def _names(graph: Any, depth: int) -> Iterator[str]:
    """Yield every name that *graph* and its subgraphs give to a value."""
    yield from (tensor.name for tensor in graph.initializer)
    yield from (value.name for value in graph.input)
    for node in graph.node:
        yield from node.output
        if depth < _DEEPEST:
            for attribute in node.attribute:
                for inner in graphs_of(attribute):
                    yield from _names(inner, depth + 1)


def _constants(graph: Any) -> None:
    """Turn Constant nodes that hold a tensor of weights into initializers, in place."""
    for place in reversed(range(len(graph.node))):
        tensor = held(graph.node[place])
        if tensor is not None:
            graph.initializer.append(tensor)
            del graph.node[place]


def held(node: Any) -> TensorProto | None:
    """Return what a Constant node holds, under its output's name; None for another node, or no weights."""
    if node.op_type != "Constant" or node.domain not in ("", "ai.onnx") or len(node.output) != 1:
        return None
    for attribute in node.attribute:
        tensor = TensorProto()
        if attribute.name == "value" and attribute.type == onnx.AttributeProto.TENSOR:
            tensor.CopyFrom(attribute.t)
        elif attribute.name == "value_floats":
            tensor = helper.make_tensor("", TensorProto.FLOAT, [len(attribute.floats)], list(attribute.floats))
        else:
            continue
        tensor.name = node.output[0]
        return tensor if is_weight(tensor) else None
    return None


def is_weight(tensor: TensorProto) -> bool:
    """Return whether its type and size are those of weights: a single number is a constant of the computation."""
    return elements(tensor) > 1 and tensor.data_type in (*FLOATS, *BYTES) and not (_blank(tensor) or _mask(tensor))


def _blank(tensor: TensorProto) -> bool:
    """Return whether nothing but zeros: a place that results are written to, which training has not filled."""
    return bool(tensor.raw_data) and not tensor.raw_data.strip(b"\0")


def _mask(tensor: TensorProto) -> bool:
    """Return whether nothing but 0 and one number far below it: what an attention leaves out, and no weight."""
    if tensor.data_type not in FLOATS or not tensor.raw_data:
        return False
    try:
        array = numpy_helper.to_array(tensor).reshape(-1)
        ends = array[[0, 1, -1]]
        if bool(((ends != 0) & (ends > -_FAR)).any()):
            return False
        low = array.min()
        return bool(low <= -_FAR and ((array == 0) | (array == low)).all())
    except Exception:  # data that does not fill the shape is the checker's to refuse
        return False


def elements(tensor: TensorProto) -> int:
    """Return how many numbers it holds."""
    count = 1
    for size in tensor.dims:
        count *= size
    return int(count)


def _lift_from(graph: Any, main: Any, taken: set[str], depth: int) -> None:
    _constants(graph)
    links = []
    for place in reversed(range(len(graph.initializer))):
        tensor = graph.initializer[place]
        if not is_weight(tensor) or any(value.name == tensor.name for value in graph.input):
            continue
        name = _free(tensor.name, taken)
        taken.add(name)
        moved = TensorProto()
        moved.CopyFrom(tensor)
        moved.name = name
        main.initializer.append(moved)
        links.append(helper.make_node("Identity", [name], [tensor.name]))
        del graph.initializer[place]
    if links:
        nodes = [*links, *graph.node]
        del graph.node[:]
        graph.node.extend(nodes)
    if depth < _DEEPEST:
        for node in graph.node:
            for attribute in node.attribute:
                for inner in graphs_of(attribute):
                    _lift_from(inner, main, taken, depth + 1)


def _free(name: str, taken: set[str]) -> str:
    number = 0
    while f"{name}/{number}" in taken:
        number += 1
    return f"{name}/{number}"


def array_of(tensor: TensorProto, folder: str) -> Any:
    """Return the numbers of *tensor*, whose external data is below *folder*."""
    return numpy_helper.to_array(tensor, folder)
