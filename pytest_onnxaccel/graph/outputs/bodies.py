"""Outputs of If, Loop and Scan, by what their bodies give."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")
#: By operator, how many outputs of a body stand before the first that the node gives.
_BEFORE = {"If": 0, "Loop": 1, "Scan": 0}


def bodies(node: Any) -> list[Any]:
    """Return the graphs inside *node*."""
    return [graph for a in node.attribute for graph in ((a.g,) if a.HasField("g") else tuple(a.graphs))]


def inside(node: Any, look: Callable[[Any], Mapping[str, T]], nothing: T) -> list[list[T]] | None:
    """Return, for each output of *node*, what its bodies say of theirs; None where it has none of its own meaning.

    What Loop and Scan collect has one axis more, in front: places that are counted from the end stay.

    Args:
        node: of any operator.
        look: says what is known of each value of a graph.
        nothing: for a value of which nothing is.
    """
    if node.domain not in ("", "ai.onnx") or node.op_type not in _BEFORE:
        return None
    if any(a.name == "scan_output_axes" and any(a.ints) for a in node.attribute):
        return None
    graphs = bodies(node)
    known = [look(graph) for graph in graphs]
    found: list[list[T]] = []
    for place in range(len(node.output)):
        at = place + _BEFORE[node.op_type]
        found.append(
            [
                one.get(graph.output[at].name, nothing) if at < len(graph.output) else nothing
                for graph, one in zip(graphs, known, strict=True)
            ]
        )
    return found
