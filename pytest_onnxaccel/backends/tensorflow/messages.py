"""Graphs inside a graph as text: in string constants, string attributes and variants, to any depth.

No operator that runs such a text is on the list of those that a model may hold. They are looked through nevertheless,
as whatever runs one in a later release shall find nothing in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_onnxaccel.backends.tensorflow.nodes import Graph, Node, graph_of
from pytest_onnxaccel.backends.tensorflow.protobuf import Message, varint
from pytest_onnxaccel.core.errors import ModelError

#: Texts within texts; TensorFlow itself writes none in any.
DEEPEST = 16
_STRINGS = 7  # DT_STRING
_SHORTEST = 8
#: What TensorFlow takes for names of nodes and of operators.
_NAME, _OPERATOR = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*"), re.compile(r"[A-Za-z_][A-Za-z0-9_>]*")


def texts_of(value: memoryview) -> Iterator[memoryview]:
    """Yield the texts of the attribute *value* (an ``AttrValue``).

    Raises:
        ModelError: ``E_PARSE``: the attribute itself is not a message; ``E_UNSAFE``: it is nested too deep.
    """
    return _attribute(Message(value), 0)


def graphs_in(text: memoryview) -> Iterator[Graph]:
    """Yield *text* as each of the messages that hold nodes, with those of their nodes that could be some.

    None of others.
    """
    if len(text) < _SHORTEST or not _may_hold_nodes(text):
        return
    try:
        message = Message(text)
    except ModelError:
        return
    for form in (_as_node, _as_graph, _as_function, _as_library, _as_meta_graph, _as_saved_model):
        try:
            found = form(message)
        except ModelError as error:
            if error.code == "E_SIZE":
                raise
            continue
        nodes = tuple(node for node in found.all_nodes() if _NAME.fullmatch(node.name) and _OPERATOR.fullmatch(node.op))
        if nodes:
            yield Graph(nodes, dict.fromkeys(found.functions, ()), attributes=found.attributes)


def _may_hold_nodes(text: memoryview) -> bool:
    data = bytes(text)
    return b"\x12" in data or b"\x92" in data  # the operator's field, also in two bytes


def _as_node(message: Message) -> Graph:
    return graph_of(nodes=[message])


def _as_graph(message: Message) -> Graph:
    return graph_of(map(Message, message.each(1)), map(Message, message.joined(2).each(1)))


def _as_function(message: Message) -> Graph:
    return graph_of(library=[message])


def _as_library(message: Message) -> Graph:
    return graph_of(library=map(Message, message.each(1)))


def _as_meta_graph(message: Message) -> Graph:
    return _as_graph(message.joined(2))


def _as_saved_model(message: Message) -> Graph:
    found = [_as_meta_graph(Message(item)) for item in message.each(2)]
    return Graph(tuple(node for graph in found for node in graph.all_nodes()))


def is_certain(node: Node) -> bool:
    """Return whether *node* of a text is one for certain.

    Without these, an entry of a map of strings looks like one.
    """
    return bool(node.inputs or node.attributes)


def _attribute(value: Message, depth: int) -> Iterator[memoryview]:
    """Yield the texts of an ``AttrValue``: its own, those of its tensors, lists and functions."""
    if depth > DEEPEST:
        raise _too_deep()
    yield from value.each(2)
    for tensor in value.each(8):
        yield from _tensor(Message(tensor), 0)
    functions = list(value.each(10))
    for item in value.each(1):
        many = Message(item)
        yield from many.each(2)
        for tensor in many.each(8):
            yield from _tensor(Message(tensor), 0)
        functions += many.each(9)
    for function in functions:
        for _, inner in Message(function).map(2):
            yield from _attribute(Message(inner), depth + 1)


def _tensor(tensor: Message, depth: int) -> Iterator[memoryview]:
    """Yield the texts of a ``TensorProto``: its strings, and what its variants hold."""
    if depth > DEEPEST:
        raise _too_deep()
    yield from tensor.each(8)
    if tensor.has(4) and tensor.number(1) == _STRINGS:
        for content in tensor.each(4):
            yield from _strings(content, tensor)
    for item in tensor.each(15):
        variant = Message(item)
        yield from variant.each(2)
        for inner in variant.each(3):
            yield from _tensor(Message(inner), depth + 1)


def _strings(content: memoryview, tensor: Message) -> Iterator[memoryview]:
    """Yield strings in one piece: all lengths, then all strings."""
    count = 1
    for dim in tensor.joined(2).each(2):
        count *= max(Message(dim).number(1), 0)
    if count > len(content):
        return  # TensorFlow refuses it
    at, lengths = 0, []
    for _ in range(count):
        length, at = varint(content, at, len(content))
        lengths.append(length)
    for length in lengths:
        yield content[at : at + length]
        at += length


def _too_deep() -> ModelError:
    return ModelError(
        f"holds an attribute that is nested over {DEEPEST} deep",
        code="E_UNSAFE",
        remedy="save the model without it, for inference alone",
    )
