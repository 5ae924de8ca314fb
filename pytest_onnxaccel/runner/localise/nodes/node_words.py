"""Nodes and differences in words."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_onnxaccel.checks.localise.graph_view import Node

#: So many nodes of a region are named.
NAMED = 4
#: And all of them where their names take no more characters.
_ROOM = 190


def full(nodes: Sequence[Node]) -> str:
    """Return the first of *nodes* with its module, and how many there are."""
    rest = len(nodes) - 1
    return f"{nodes[0]}" + (f" and {named(nodes[1:])}" if rest else "")


def share_text(share: float) -> str:
    return f"{share:.1e} of its scale"


def operators(nodes: Sequence[Node]) -> list[str]:
    return [node.op for node in nodes]


def beyond(nodes: Sequence[Node], others: Sequence[Node]) -> list[Node]:
    """Return those of *nodes* whose operator *others* have fewer of."""
    rest, found = list(operators(others)), []
    for node in nodes:
        if node.op in rest:
            rest.remove(node.op)
        else:
            found.append(node)
    return found


def named(nodes: Sequence[Node], wanted: Sequence[Node] = ()) -> str:
    """Return some of *nodes* by operator and name: those *wanted*, the last one, and more while there is room."""
    if not nodes:
        return "nothing"
    texts = [f"{node.op} {node.name or node.outputs[0]!r}" for node in nodes]
    if len(nodes) <= NAMED or sum(map(len, texts)) + 4 * len(texts) <= _ROOM:
        return " -> ".join(texts)
    ranked = sorted(range(len(nodes)), key=lambda i: (nodes[i] not in wanted, i != len(nodes) - 1, i))
    shown = sorted(ranked[:NAMED])
    return " -> ".join(texts[i] for i in shown) + f" and {len(nodes) - len(shown)} more"
