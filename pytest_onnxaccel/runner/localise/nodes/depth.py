"""What a page draws of a failure: the difference over the depth of the graph, and the nodes around its origin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pytest_onnxaccel.checks.localise.first_difference import Beside
from pytest_onnxaccel.checks.localise.graph_view import GraphView, Node

#: Most points of the difference over depth: a page shows no more, and a report need not hold more.
POINTS = 200
#: Most neighbours of one side.
NEIGHBOURS = 6


def over_depth(beside: Beside) -> list[list[float | int]]:
    """Return ``[position of the node, share]`` of the values that were compared, the largest of each stretch.

    Args:
        beside: both sides, compared. What is not finite is left out: no axis holds it.
    """
    order = beside.ours.order
    found = [
        [order[name], gap.share] for name, gap in beside.gaps.items() if name in order and math.isfinite(gap.share)
    ]
    stretch = max(1, math.ceil(len(beside.ours.nodes) / POINTS))
    largest: dict[int, list[float | int]] = {}
    for position, share in found:
        at = int(position) // stretch
        if at not in largest or share > largest[at][1]:
            largest[at] = [position, share]
    return [largest[at] for at in sorted(largest)]


def neighbours(view: GraphView, nodes: Sequence[Node]) -> dict[str, Any]:
    """Return the nodes of the candidate that *nodes* read from, and those that read from them.

    Args:
        view: the candidate's graph.
        nodes: the place where the two sides part.
    """
    own = {name for node in nodes for name in node.outputs}
    read = dict.fromkeys(name for node in nodes for name in node.inputs if name not in own)
    before = [view.makers[name].to_json() if name in view.makers else {"input": name} for name in read]
    after = [node.to_json() for node in view.nodes if own & set(node.inputs) and not own & set(node.outputs)]
    ends = [{"output": name} for name in view.outputs if name in own]
    return {"before": before[:NEIGHBOURS], "after": [*after, *ends][:NEIGHBOURS]}
