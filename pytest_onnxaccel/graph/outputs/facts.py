"""The door to what a graph says of its outputs. Runs in a worker: takes a path, gives JSON builtins."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pytest_onnxaccel.core.comparisons import Ordering, OutputFacts, Ranking, Suppression
from pytest_onnxaccel.core.printing import printable
from pytest_onnxaccel.graph.files import load_graph
from pytest_onnxaccel.graph.outputs.axes import Place, moved
from pytest_onnxaccel.graph.outputs.bodies import inside
from pytest_onnxaccel.graph.outputs.random_nodes import draws
from pytest_onnxaccel.graph.outputs.shapes import Shapes, as_text

#: What gives the same elements in the same order, of whatever shape and type.
_SAME = frozenset({"Identity", "Cast", "CastLike", "Reshape", "Flatten", "Squeeze", "Unsqueeze"})
#: What moves or picks elements without computing with them.
_MOVES = frozenset({
    *_SAME, "Transpose", "Slice", "Gather", "GatherElements", "GatherND", "Concat", "Split", "Tile", "Expand",
    "MaxPool", "Pad", "DepthToSpace", "SpaceToDepth",
})  # fmt: skip
#: Their first output holds the label of the best of the scores in the second.
_CLASSIFIES = frozenset({"TreeEnsembleClassifier", "LinearClassifier", "SVMClassifier"})
#: What ends in a rounding to whole numbers, in each domain that has such operators.
_QUANTIZES = frozenset({"QuantizeLinear", "DynamicQuantizeLinear", "QGemm"})


def output_facts(path: str) -> dict[str, Any]:
    """Return JSON form of :class:`~pytest_onnxaccel.core.comparisons.OutputFacts` of the model at *path*.

    Raises:
        ModelError: ``E_PARSE``.
    """
    return facts_of(load_graph(path)).to_json()


@dataclass(frozen=True)
class _Sorter:
    """An operator that sorts: what its outputs are traced back to."""

    node: Any
    label: str
    sorted: bool = True
    inside: bool = False
    suppression: Suppression | None = None


@dataclass(frozen=True)
class _Known:
    """What is known of a value: see :class:`~pytest_onnxaccel.core.comparisons.OutputFacts`.

    Attributes:
        order: what sorted it, and along which axis, counted from the end.
        ranking: it is the indices of that operator, in another shape or type at most.
        values: it is the sorted scores of that operator.
        steps: the operator that rounded it.
        random: operators that draw numbers and have a part in it.
    """

    order: tuple[_Sorter, int] | None = None
    ranking: Ranking | None = None
    values: _Sorter | None = None
    steps: str = ""
    random: tuple[str, ...] = ()


_NOTHING = _Known()


def facts_of(model: Any) -> OutputFacts:
    """Return what *model* says of its outputs."""
    known = _known_in(model.graph, Shapes(model), {})
    outputs = [value.name for value in model.graph.output]
    found = {name: known[name] for name in outputs if name in known}
    return OutputFacts(
        {name: _with_values(one.ranking, found) for name, one in found.items() if one.ranking is not None},
        {name: _ordering(one.order, found) for name, one in found.items() if one.order is not None and not _plain(one)},
        {name: one.steps for name, one in found.items() if one.steps},
        {name: one.random for name, one in found.items() if one.random},
    )


def _known_in(graph: Any, shapes: Shapes, outer: dict[str, _Known]) -> dict[str, _Known]:
    """Return what is known of each value of *graph*, and of those of the graphs around it."""
    known = dict(outer)
    for node in graph.node:
        operands = [known.get(name, _NOTHING) for name in node.input]
        inner = inside(node, lambda body: _known_in(body, shapes, known), _NOTHING)
        for place, name in enumerate(node.output):
            if name:
                found = _of(node, place, operands, shapes, known)
                known[name] = found if inner is None else _from_inside(found, inner[place])
    return known


def _from_inside(found: _Known, branches: list[_Known]) -> _Known:
    """Return what is known of an output of If, Loop or Scan: what every branch says, by the first of them."""
    first = branches[0] if branches else _NOTHING
    if len({_kind(one) for one in branches}) != 1 or _kind(first) == _kind(_NOTHING):
        return found
    order = (replace(first.order[0], inside=True), first.order[1]) if first.order is not None else None
    ranking = replace(first.ranking, scores="") if first.ranking is not None else None
    values = replace(first.values, inside=True) if first.values is not None else None
    return _Known(order, ranking, values, first.steps, found.random)


def _kind(one: _Known) -> tuple[Any, ...]:
    order = one.order and (one.order[0].node.op_type, one.order[0].sorted, one.order[1])
    ranking = one.ranking and (one.ranking.operator, one.ranking.axis, one.ranking.sorted, one.ranking.labels)
    return order, ranking, one.values is not None, bool(one.steps)


def _plain(one: _Known) -> bool:
    """Sorted scores themselves: the same place holds the same rank, whatever the order of equal ones."""
    return one.values is not None and one.values.sorted


def _ordering(order: tuple[_Sorter, int], found: dict[str, _Known]) -> Ordering:
    sorter, axis = order
    values = sorter.node.output[0] if sorter.node.op_type == "TopK" and not sorter.inside else ""
    if sorter.inside:  # what a subgraph sorts by can only be had where it is an output
        values = next((n for n, o in found.items() if o.values is not None and o.values.label == sorter.label), "")
    suppression = None if sorter.inside else sorter.suppression
    return Ordering(sorter.node.op_type, sorter.label, axis, values, sorter.sorted, suppression)


def _with_values(ranking: Ranking, found: dict[str, _Known]) -> Ranking:
    """Return *ranking* with the output that holds the scores of the same operator."""
    values = next((n for n, o in found.items() if o.values is not None and o.values.label == ranking.node), "")
    return replace(ranking, values=values)


def _of(node: Any, place: int, operands: list[_Known], shapes: Shapes, known: dict[str, _Known]) -> _Known:
    """Return what is known of output *place* of *node*."""
    random = tuple(dict.fromkeys(label for one in operands for label in one.random))
    random = tuple(dict.fromkeys((*random, *(label for name in _captured(node) for label in _random(known, name)))))
    random = tuple(dict.fromkeys((*random, *draws(node, shapes))))
    standard = node.domain in ("", "ai.onnx")
    if standard and node.op_type == "TopK":
        return _top(node, place, shapes, random)
    if standard and node.op_type == "NonMaxSuppression":
        return _Known((_Sorter(node, _label(node), suppression=_suppression(node, shapes)), -2), random=random)
    order = _order(node, operands, shapes)
    if standard and node.op_type in ("ArgMax", "ArgMin"):
        return _Known(order, _argued(node, shapes), random=random)
    if node.domain == "ai.onnx.ml" and node.op_type in _CLASSIFIES:
        return _Known(order, _classified(node) if place == 0 else None, random=random)
    if _rounds(node, place):
        return _Known(order, steps=f"{node.op_type} {printable(_label(node), 60)!r}", random=random)
    same = operands[0] if standard and node.op_type in _SAME and operands else _NOTHING
    labelled = _labelled(node, operands, shapes)
    if labelled is not None:
        return _Known(order, labelled, random=random)
    steps = operands[0].steps if standard and node.op_type in _MOVES and operands else ""
    if steps and node.op_type == "Concat":
        steps = steps if all(one.steps for one in operands) else ""
    if node.op_type in ("Cast", "CastLike"):
        steps = ""  # in another type a step is something else
    return _Known(order, same.ranking, same.values, steps, random)


def _rounds(node: Any, place: int) -> bool:
    if node.domain in ("", "ai.onnx"):
        return (node.op_type in _QUANTIZES and place == 0) or node.op_type in ("QLinearConv", "QLinearMatMul")
    return node.domain == "com.microsoft" and (node.op_type.startswith("QLinear") or node.op_type in _QUANTIZES)


def _top(node: Any, place: int, shapes: Shapes, random: tuple[str, ...]) -> _Known:
    """TopK: the sorted scores first, then their indices."""
    attributes = {a.name: a.i for a in node.attribute}
    ordered = bool(attributes.get("sorted", 1))
    axis, rank = attributes.get("axis", -1), shapes.rank(node.input[0])
    if axis >= 0 and rank is None:
        return _Known(random=random)
    from_end = axis if axis < 0 else axis - (rank or 0)
    sorter = _Sorter(node, _label(node), ordered)
    order = (sorter, from_end)
    if place == 0:
        return _Known(order, values=sorter, random=random)
    ranking = Ranking("TopK", _label(node), node.input[0], from_end, ordered, several=True)
    return _Known(order, ranking, random=random)


def _suppression(node: Any, shapes: Shapes) -> Suppression | None:
    """Return what NonMaxSuppression reads; None where a limit is not one number."""
    limits: list[float | str] = []
    for place, default in ((2, 0.0), (3, 0.0), (4, float(np.finfo(np.float32).min))):
        name = node.input[place] if len(node.input) > place else ""
        found = shapes.labels(name) if name else (default,)
        if len(found) > 1 or (found and isinstance(found[0], str)):
            return None
        limits.append(float(found[0]) if found else name)
    center = any(item.name == "center_point_box" and item.i for item in node.attribute)
    return Suppression(node.input[0], node.input[1], node.output[0], (limits[0], limits[1], limits[2]), center)


def _argued(node: Any, shapes: Shapes) -> Ranking | None:
    axis, rank = next((a.i for a in node.attribute if a.name == "axis"), 0), shapes.rank(node.input[0])
    if axis >= 0 and rank is None:
        return None
    return Ranking(node.op_type, _label(node), node.input[0], axis if axis < 0 else axis - (rank or 0))


def _classified(node: Any) -> Ranking | None:
    """Return the labels that a classifier gives with its scores."""
    given = {a.name: a for a in node.attribute}
    labels: tuple[Any, ...] = ()
    for name in ("classlabels_int64s", "classlabels_ints", "classlabels_strings"):
        if name in given:
            labels = labels or tuple(map(as_text, (*given[name].ints, *given[name].strings)))
    if not labels or len(node.output) < 2 or not node.output[1]:
        return None
    return Ranking(node.op_type, _label(node), node.output[1], -1, labels=labels)


def _labelled(node: Any, operands: list[_Known], shapes: Shapes) -> Ranking | None:
    """Return indices of a ranking by which labels are picked from a constant."""
    picks = (node.domain == "ai.onnx.ml" and node.op_type == "ArrayFeatureExtractor") or (
        node.domain in ("", "ai.onnx") and node.op_type == "Gather" and shapes.rank(node.input[0]) == 1
    )
    ranking = operands[1].ranking if picks and len(operands) > 1 else None
    labels = shapes.labels(node.input[0]) if ranking is not None and not ranking.labels else ()
    return replace(ranking, labels=labels) if ranking is not None and labels else None


def _order(node: Any, operands: list[_Known], shapes: Shapes) -> tuple[_Sorter, int] | None:
    """Return the one order that the outputs of *node* have by all of its operands; None where they do not agree."""
    found = set()
    for number, one in enumerate(operands):
        if one.order is None:
            continue
        axis = moved(Place(node, number, one.order[1], shapes))
        if axis is not None:
            found.add((one.order[0].label, axis, number))
        elif number == 0 or node.op_type in ("Concat", "MatMul"):
            return None
    if len({item[:2] for item in found}) != 1:
        return None
    _, axis, number = next(iter(found))
    order = operands[number].order
    return (order[0], axis) if order is not None else None


def _random(known: dict[str, _Known], name: str) -> tuple[str, ...]:
    return known[name].random if name in known else ()


def _captured(node: Any) -> list[str]:
    """Return names that the subgraphs of *node* read."""
    graphs = [graph for a in node.attribute for graph in ((a.g,) if a.HasField("g") else tuple(a.graphs))]
    return [name for graph in graphs for inner in graph.node for name in (*inner.input, *_captured(inner))]


def _label(node: Any) -> str:
    """Return what a person finds the node by: its name, or its first output."""
    return str(node.name or next((name for name in node.output if name), ""))
