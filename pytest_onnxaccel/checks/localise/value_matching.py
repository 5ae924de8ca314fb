"""Which value of a candidate's graph is which value of the reference's: by name, by content, by structure.

Nothing is guessed: a value without a counterpart stays without one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pytest_onnxaccel.checks.localise.graph_view import GraphView

if TYPE_CHECKING:
    from pytest_onnxaccel.numerics.compare.digest import Digest

#: Names are believed where this share of the values that bear the same name also come from the same operator.
_BELIEVED = 0.6
#: And where so many of the smaller graph's values bear the same name at all.
_SHARED = 0.3


def by_name(ours: GraphView, theirs: GraphView) -> dict[str, str]:
    """Return inputs, outputs and, where the names can be believed, the values between: candidate's name to reference's.

    Exporters number values. Two exports that number differently share names that mean nothing, which shows in their
    operators: then only inputs and outputs are paired.
    """
    ends = {name: name for name in (*ours.inputs, *ours.outputs) if name in {*theirs.inputs, *theirs.outputs}}
    shared = [name for name in ours.makers if name in theirs.makers and name not in ends]
    alike = [name for name in shared if ours.makers[name].op == theirs.makers[name].op]
    inner = min(len(ours.makers), len(theirs.makers)) - len(ours.outputs)
    if len(alike) < _BELIEVED * len(shared) or len(shared) < _SHARED * inner:
        return ends
    fitting = set(alike) | {name for name in shared if _alike(ours.shape(name), theirs.shape(name))}
    return ends | {name: name for name in shared if name in fitting}


def _alike(a: list[int | None] | None, b: list[int | None] | None) -> bool:
    return a is not None and a == b


def by_content(
    ours: Mapping[str, Digest], theirs: Mapping[str, Digest], pairs: Mapping[str, str], tolerance: Mapping[str, float]
) -> dict[str, str]:
    """Return the values of the candidate without a counterpart that hold what a value of the reference holds.

    Several may have the same counterpart: a node that the candidate has too many changes nothing before it.

    Args:
        ours: the candidate's digests by value.
        theirs: the reference's digests by value.
        pairs: what is paired already.
        tolerance: by dtype, as a share of the tensor's scale.
    """
    alike: dict[tuple[tuple[int, ...], str], list[str]] = defaultdict(list)
    for name, digest in theirs.items():
        alike[digest.shape, digest.dtype].append(name)
    taken, found = set(pairs.values()), {}
    for name, digest in ours.items():
        if name in pairs:
            continue
        same = [
            other
            for other in alike.get((digest.shape, digest.dtype), ())
            if digest.same(theirs[other], tolerance.get(digest.dtype, 0.0))
        ]
        if same:
            # One that is nobody's yet where there is one
            found[name] = next((other for other in same if other not in taken), same[0])
            taken.add(found[name])
    return found


def by_structure(ours: GraphView, theirs: GraphView, pairs: Mapping[str, str]) -> dict[str, str]:
    """Find further pairs from both ends of the graphs.

    These are results of the same operator on paired values, and what the same operator reads to give paired values.
    Where several nodes of one operator read the same values (parallel convolutions), they are paired in their order
    if both sides have equally many left; their shapes are compared first.
    """
    found = dict(pairs)
    while more := (_forward(ours, theirs, found) or _backward(ours, theirs, found)):
        found |= more
    return {name: other for name, other in found.items() if name not in pairs}


def _forward(ours: GraphView, theirs: GraphView, found: Mapping[str, str]) -> dict[str, str]:
    taken = set(found.values())
    ours_left = _open(ours, found)
    theirs_left = _open(theirs, {name: name for name in taken})
    more: dict[str, str] = {}
    for key, names in ours_left.items():
        others = theirs_left.get(key, [])
        if len(names) == len(others):
            more.update(zip(names, others, strict=True))
    return more


def _backward(ours: GraphView, theirs: GraphView, found: Mapping[str, str]) -> dict[str, str]:
    taken = set(found.values())
    more: dict[str, str] = {}
    for name, other in found.items():
        ours_maker, theirs_maker = ours.makers.get(name), theirs.makers.get(other)
        if ours_maker is None or theirs_maker is None or ours_maker.op != theirs_maker.op:
            continue
        if len(ours_maker.inputs) != len(theirs_maker.inputs):
            continue
        for mine, its in zip(ours_maker.inputs, theirs_maker.inputs, strict=True):
            free = mine not in found and mine not in more and its not in taken and its not in more.values()
            if free and mine in ours.makers and its in theirs.makers and _alike(ours.shape(mine), theirs.shape(its)):
                more[mine] = its
    return more


def _open(graph_view: GraphView, names: Mapping[str, str]) -> dict[tuple[object, ...], list[str]]:
    """Group unpaired results of nodes that read paired values, by operator, operands, place and shape.

    Args:
        graph_view: one side's graph.
        names: the reference's name of each paired value.
    """
    found: dict[tuple[object, ...], list[str]] = defaultdict(list)
    for node in graph_view.nodes:
        if not node.inputs or any(name not in names for name in node.inputs):
            continue
        reads = tuple(sorted(Counter(names[name] for name in node.inputs).items()))
        for place, value in enumerate(node.outputs):
            if value not in names:
                shape = graph_view.shape(value)
                found[node.op, reads, place, None if shape is None else tuple(shape)].append(value)
    return found
