"""Operators that draw numbers, also inside of subgraphs."""

from __future__ import annotations

from typing import Any

from pytest_onnxaccel.core.printing import printable
from pytest_onnxaccel.graph.outputs.shapes import Shapes

_DRAWS = frozenset({
    "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli",
})  # fmt: skip


def draws(node: Any, shapes: Shapes) -> tuple[str, ...]:
    """Return the operators that draw numbers in *node*: itself, or those in its subgraphs: ``Dropout 'drop'``."""
    found: list[str] = []
    if node.domain in ("", "ai.onnx") and (node.op_type in _DRAWS or _drops(node, shapes)):
        found.append(f"{node.op_type} {printable(str(node.name or node.output[0]), 60)!r}")
    for attribute in node.attribute:
        graphs = [attribute.g] if attribute.HasField("g") else list(attribute.graphs)
        for graph in graphs:
            for inner in graph.node:
                found += draws(inner, shapes)
    return tuple(dict.fromkeys(found))


def _drops(node: Any, shapes: Shapes) -> bool:
    """Dropout that drops: in training mode, with a share that is not zero."""
    if node.op_type != "Dropout":
        return False
    if len(node.input) > 2 and node.input[2]:
        return shapes.whole(node.input[2]) != [0]
    return any(a.name == "is_test" and a.i == 0 for a in node.attribute)  # versions 1 and 6, where 0 is said
