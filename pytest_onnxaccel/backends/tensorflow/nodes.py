"""TensorFlow's graphs: nodes, attributes and functions, from the messages that hold them.

Numbers of fields are those of ``graph.proto``, ``node_def.proto``, ``function.proto`` and ``attr_value.proto`` of
TensorFlow 1.15 to 2.21, which have not changed in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field

from pytest_onnxaccel.backends.tensorflow.protobuf import Message, garbled
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.frozen import record

#: Nodes, those of functions included; a real graph has some thousands.
MOST_NODES = 2_000_000
#: Functions among the attributes of functions.
_DEEPEST = 16


@record(frozen=True)
class Node:
    """One operation. *function* is the function that it belongs to, empty in the graph itself."""

    name: str
    op: str
    inputs: tuple[str, ...]
    attributes: Mapping[str, memoryview]
    function: str = ""

    def text(self, attribute: str, default: str = "") -> str | None:
        """Return a string attribute, *default* where it is absent; None where it is not a string that is known here.

        In a function it may be a placeholder, which the caller of the function fills in.
        """
        found = self.attributes.get(attribute)
        if found is None:
            return default
        message = Message(found)
        return message.text(2) if message.has(2) and not message.has(9) else None

    def calls(self) -> Iterator[str]:
        """Yield names of the functions that its attributes refer to."""
        for value in self.attributes.values():
            yield from _functions(value, 0)


@record(frozen=True)
class Graph:
    """A graph with the functions of its library.

    Attributes:
        stand_ins: by function, those that TensorFlow may run in its place: its gradient, and what its optimiser
            takes for another implementation of the same.
        attributes: those of functions and of their arguments, with the name of the function.
    """

    nodes: tuple[Node, ...]
    functions: Mapping[str, tuple[Node, ...]] = field(default_factory=dict)
    stand_ins: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    attributes: tuple[tuple[str, memoryview], ...] = ()

    def all_nodes(self) -> Iterator[Node]:
        """Yield nodes of the graph, then those of its functions."""
        yield from self.nodes
        for nodes in self.functions.values():
            yield from nodes


def graph_of(
    nodes: Iterable[Message] = (), library: Iterable[Message] = (), gradients: Iterable[Message] = ()
) -> Graph:
    """Return a graph from its nodes (``NodeDef``), functions (``FunctionDef``) and their gradients (``GradientDef``).

    Raises:
        ModelError: ``E_PARSE``; ``E_SIZE``: too many nodes.
    """
    functions: dict[str, tuple[Node, ...]] = {}
    attributes: list[tuple[str, memoryview]] = []
    groups: dict[str, list[str]] = {}
    count = 0

    def counted(found: Iterable[Node]) -> tuple[Node, ...]:
        nonlocal count
        kept = []
        for node in found:
            count += 1
            if count > MOST_NODES:
                raise ModelError(f"has over {MOST_NODES} nodes", code="E_SIZE")
            kept.append(node)
        return tuple(kept)

    outer = counted(_node(item, "") for item in nodes)
    for function in library:
        signature = function.joined(1)
        name = signature.text(1)
        # A second function of the same name would be refused by TensorFlow; here neither hides the other
        functions[name] = functions.get(name, ()) + counted(_node(Message(inner), name) for inner in function.each(3))
        for key, value in _function_attributes(function, signature):
            attributes.append((name, value))
            if key == "api_implements":
                groups.setdefault(Message(value).text(2), []).append(name)
    stand_ins = {name: tuple(same) for same in groups.values() if len(same) > 1 for name in same}
    for item in gradients:
        stand_ins[item.text(1)] = (*stand_ins.get(item.text(1), ()), item.text(2))
    return Graph(outer, functions, stand_ins, tuple(attributes))


def _function_attributes(function: Message, signature: Message) -> Iterator[tuple[str, memoryview]]:
    """Yield attributes of a function, of its arguments, and what its signature gives for those that are left out."""
    yield from function.map(5)
    for entry in function.each(7):
        for _, value in Message(entry).joined(2).map(1):
            yield "", value
    for attribute in signature.each(4):
        for value in Message(attribute).each(3):
            yield "", value


def _node(message: Message, function: str) -> Node:
    return Node(message.text(1), message.text(2), tuple(message.texts(3)), dict(message.map(5)), function)


def _functions(value: memoryview, depth: int) -> Iterator[str]:
    """Yield names of functions in an ``AttrValue``."""
    if depth > _DEEPEST:
        raise garbled("an attribute is nested too deep")
    message = Message(value)
    named = [message.joined(10)] if message.has(10) else []
    if message.has(1):
        named += [Message(item) for item in message.joined(1).each(9)]
    for item in named:
        yield item.text(1)
        for _, inner in item.map(2):
            yield from _functions(inner, depth + 1)
