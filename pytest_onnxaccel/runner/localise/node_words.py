"""Nodes and differences in words."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_onnxaccel.checks.localise.graph_view import Node

#: So many nodes of a region are named.
NAMED = 4


def full(nodes: Sequence[Node]) -> str:
    """The first of *nodes* with its module, and how many there are."""
    rest = len(nodes) - 1
    return f"{nodes[0]}" + (f" and {named(nodes[1:])}" if rest else "")


def share_text(share: float) -> str:
    return f"{share:.1e} of its scale"


def operators(nodes: Sequence[Node]) -> list[str]:
    return [node.op for node in nodes]


def beyond(nodes: Sequence[Node], others: Sequence[Node]) -> list[Node]:
    """Those of *nodes* whose operator *others* have fewer of."""
    rest, found = list(operators(others)), []
    for node in nodes:
        if node.op in rest:
            rest.remove(node.op)
        else:
            found.append(node)
    return found


def named(nodes: Sequence[Node], wanted: Sequence[Node] = ()) -> str:
    """Some of *nodes* by operator and name: those that are *wanted*, the last one, and what else there is room for."""
    if not nodes:
        return "nothing"
    ranked = sorted(range(len(nodes)), key=lambda i: (nodes[i] not in wanted, i != len(nodes) - 1, i))
    shown = sorted(ranked[:NAMED])
    text = " -> ".join(f"{nodes[i].op} {nodes[i].name or nodes[i].outputs[0]!r}" for i in shown)
    rest = len(nodes) - len(shown)
    return text + (f" and {rest} more" if rest else "")
