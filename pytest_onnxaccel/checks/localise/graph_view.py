"""What depends on what between a model's inputs and outputs: the graph as the localisation sees it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import field
from functools import cached_property
from typing import Any

from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.numerics.compare.distance import narrower


@record(frozen=True)
class Node:
    """One node that depends on what the model is fed.

    Attributes:
        inputs: values that depend on the model's inputs; constants are left out.
        module: path of the framework's module that it came from; empty where no name tells.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    module: str = ""

    def __str__(self) -> str:
        label = f"{self.op} {self.name!r}" if self.name else f"{self.op} that gives {self.outputs[0]!r}"
        return label + (f" (module {self.module})" if self.module else "")

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "op": self.op, "outputs": list(self.outputs), "module": self.module}


@record(frozen=True)
class GraphView:
    """Nodes in order, and what is known of their values.

    Attributes:
        values: ``[bytes, dtype, shape]`` by value; None or empty where unknown.
        exposable: values that can be made outputs and are none yet, in order.
        left_alone: nodes with subgraphs, in words; what is inside them is not looked at.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    values: Mapping[str, tuple[int | None, str, list[int | None] | None]] = field(default_factory=dict)
    exposable: tuple[str, ...] = ()
    left_alone: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> GraphView:
        nodes = tuple(
            Node(n["name"], n["op"], tuple(n["inputs"]), tuple(n["outputs"]), n["module"]) for n in data["nodes"]
        )
        return cls(
            tuple(data["inputs"]),
            tuple(data["outputs"]),
            nodes,
            {name: (known[0], known[1], known[2]) for name, known in data["values"].items()},
            tuple(data["exposable"]),
            tuple(data["left_alone"]),
        )

    @cached_property
    def makers(self) -> dict[str, Node]:
        """Node by the value it gives."""
        return {name: node for node in self.nodes for name in node.outputs}

    @cached_property
    def order(self) -> dict[str, int]:
        """Position of the node that gives a value."""
        return {name: i for i, node in enumerate(self.nodes) for name in node.outputs}

    @cached_property
    def narrowest(self) -> dict[str, str]:
        """Of each value the float type that rounds most on the way to it."""
        found: dict[str, str] = {}
        for node in self.nodes:
            kinds = [found.get(name, self.dtype(name)) for name in node.inputs]
            for value in node.outputs:
                kind = self.dtype(value)
                for other in kinds:
                    kind = narrower(kind, other) if kind.endswith(("float16", "float32", "float64")) else kind
                found[value] = kind
        return found

    def dtype(self, value: str) -> str:
        return self.values.get(value, (None, "", None))[1]

    def size(self, value: str) -> int | None:
        """Return the bytes of *value*; None where unknown."""
        return self.values.get(value, (None, "", None))[0]

    def shape(self, value: str) -> list[int | None] | None:
        return self.values.get(value, (None, "", None))[2]

    def between(self, value: str, known: Collection[str]) -> tuple[tuple[Node, ...], tuple[str, ...]]:
        """Return the nodes that compute *value* from *known* values and inputs, in order, and what they read."""
        nodes: dict[int, Node] = {}
        read: dict[str, None] = {}
        waiting = [value]
        while waiting:
            maker = self.makers.get(waiting.pop())
            if maker is None or self.order[maker.outputs[0]] in nodes:
                continue
            nodes[self.order[maker.outputs[0]]] = maker
            for name in maker.inputs:
                if name in known or name not in self.makers:
                    read[name] = None
                else:
                    waiting.append(name)
        return tuple(nodes[i] for i in sorted(nodes)), tuple(read)
