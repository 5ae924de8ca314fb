"""A localisation in words and figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pytest_onnxaccel.checks.localise.first_difference import Suspect
from pytest_onnxaccel.checks.localise.graph_view import GraphView, Node
from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.runner.localise.intermediates import Intermediates
from pytest_onnxaccel.runner.localise.isolate_node import Reduced

#: So many nodes of a region are named.
_NAMED = 4


@record(frozen=True)
class Finding:
    """What is reported about one localisation.

    Attributes:
        clause: for the end of the verdict's message.
        details: what was found, a line each.
        seen: what was compared, for the end.
        figures: for the report, see docs/localisation.md.
    """

    clause: str
    details: tuple[str, ...]
    seen: str
    figures: dict[str, Any]


def finding(
    found: Intermediates, suspect: Suspect | None, reduced: Reduced | None, vanished: bool, fused: Sequence[Node] = ()
) -> Finding:
    """Return the finding of *found*.

    Args:
        found: values of both sides, compared.
        suspect: the first place where the two part.
        reduced: that place alone, where it shows the difference.
        vanished: with values exposed there is no difference.
        fused: nodes that must run as one for the difference to show.
    """
    beside = found.beside
    compared = [name for name in beside.ours.makers if name in beside.gaps]
    figures: dict[str, Any] = {
        "compared": len(compared), "values": len(beside.ours.makers), "chunks": found.chunks,
        "sessions": found.ours.sessions + found.theirs.sessions, "largest_chunk_bytes": found.largest,
        "differing": len(beside.differing), "left_alone": list(beside.ours.left_alone),
    }  # fmt: skip
    seen = _seen(found, len(compared))
    if vanished:
        return _vanished(figures, seen, fused)
    if suspect is None or not _narrowed(found, suspect):
        line = "not localised: no value between inputs and outputs has a counterpart, by name, content or structure"
        return Finding("", (line,), seen, figures)
    unlike = None if reduced else only_unlike(found, suspect.value)
    if unlike is not None:
        return _unlike(found, suspect, unlike, seen, figures)
    differences = _differences(found, suspect)
    figures["origin"] = _origin(suspect, reduced, differences)
    lines = [_line(suspect, reduced, suspect.value in found.unrun)]
    if differences:
        lines.append(f"there: {'; '.join(differences)}")
    if _ops(suspect.nodes) != _ops(suspect.theirs):
        lines.append(f"the reference computes {named(suspect.theirs)} there, the candidate {named(suspect.nodes)}")
    word = "origin" if reduced else "first difference"
    return Finding(f"; {word}: {suspect.node}{_lacking(suspect)}", tuple(lines), seen, figures)


def only_unlike(found: Intermediates, value: str) -> tuple[Node, list[str]] | None:
    """Return the only node before *value* that differs in the other file, and how; None for none or several.

    A fault may be smaller than rounding where it arises, and grow further on.
    """
    ours, theirs, beside = found.ours.side, found.theirs.side, found.beside
    if ours.shares_file(theirs):
        return None
    before = [node.outputs[0] for node in upstream(beside.ours, value) if node.outputs[0] in beside.pairs]
    pairs = [[name, beside.pairs[name]] for name in before]
    try:
        told = ours.model_session.graph("node_diffs", candidate=ours.file, reference=theirs.file, pairs=pairs)[
            "differences"
        ]
    except OnnxAccelError:
        return None
    if len(told) != 1:
        return None
    ((name, differences),) = told.items()
    return beside.ours.makers[name], [str(text) for text in differences]


def upstream(graph_view: GraphView, value: str) -> list[Node]:
    """Return the nodes that *value* depends on, the one that gives it included."""
    reached, waiting = set[str](), [value]
    while waiting:
        name = waiting.pop()
        node = graph_view.makers.get(name)
        if node is not None and node.outputs[0] not in reached:
            reached.add(node.outputs[0])
            waiting += node.inputs
    return [node for node in graph_view.nodes if node.outputs and node.outputs[0] in reached]


def _unlike(
    found: Intermediates, suspect: Suspect, unlike: tuple[Node, list[str]], seen: str, figures: dict[str, Any]
) -> Finding:
    node, differences = unlike
    value = node.outputs[0]
    gap = found.beside.gaps.get(value, suspect.gap)
    figures["origin"] = {
        **_origin(suspect, None, differences), **node.to_json(), "nodes": [node.to_json()], "value": value,
        "counterpart": found.beside.pairs[value], "share": gap.share, "max_abs": gap.max_abs, "grown_at": suspect.value,
    }  # fmt: skip
    lines = (
        f"origin: {node}: the only node before {suspect.node} that is another in the two files; {value!r} is "
        f"{_share(gap.share)} off, which rounding could be, and that grows to {_share(suspect.gap.share)} there",
        f"there: {'; '.join(differences)}",
    )
    return Finding(f"; origin: {node}", lines, seen, figures)


def _lacking(suspect: Suspect) -> str:
    """Return what the reference has before the node and the candidate lacks."""
    rest = list(_ops(suspect.nodes))
    lacking = []
    for node in suspect.theirs:
        if node.op in rest:
            rest.remove(node.op)
        else:
            lacking.append(node)
    return f", before which the candidate lacks {named(lacking)}" if lacking and not rest else ""


def _line(suspect: Suspect, reduced: Reduced | None, unrun: bool) -> str:
    what = suspect.gap.why or f"{_share(suspect.gap.share)} off (max abs {suspect.gap.max_abs:.3g})"
    reads = f"what it reads agrees to {suspect.before:.1e}" if suspect.before else "what it reads is equal"
    if reduced is None:
        proof = "alone and fed the same both sides agree, so that rounding before it may be the cause"
        proof = "it cannot be run alone" if unrun else proof
        return f"first difference: {suspect.node}: {suspect.value!r} is {what}; {reads}; {proof}"
    return f"origin: {suspect.node}: {suspect.value!r} is {what}; {reads}; alone and fed the same it differs too"


def _share(share: float) -> str:
    return f"{share:.1e} of its scale"


def _seen(found: Intermediates, compared: int) -> str:
    beside = found.beside
    line = f"compared {compared} of {len(beside.ours.makers)} values, {len(beside.differing)} of those inside differ"
    if beside.ours.left_alone:
        line += f"; not looked into: {', '.join(beside.ours.left_alone[:_NAMED])}"
    refused = {**found.ours.refused, **found.theirs.refused}
    return line + (f"; {len(refused)} values could not be obtained" if refused else "")


def _vanished(figures: dict[str, Any], seen: str, fused: Sequence[Node]) -> Finding:
    figures["vanished"] = True
    line = "not localised: with the values between exposed the difference is gone, so that an optimization across nodes"
    if not fused:
        return Finding("", (f"{line} makes it",), seen, figures)
    figures["fused"] = [node.to_json() for node in fused]
    line = f"origin: an optimization across {named(fused)}: with the value between them exposed the difference is gone"
    return Finding(f"; origin: an optimization across {named(fused)}", (line,), seen, figures)


def _narrowed(found: Intermediates, suspect: Suspect) -> bool:
    """Return whether something inside agrees or differs by itself, not only the graphs as a whole."""
    inner = [name for name in found.beside.gaps if name not in found.beside.ours.outputs]
    return bool(inner) or len(suspect.nodes) <= 1 or len(found.beside.ours.nodes) <= _NAMED


def _differences(found: Intermediates, suspect: Suspect) -> list[str]:
    """Return what differs between the two nodes themselves, where they come from two files."""
    ours, theirs = found.ours.side, found.theirs.side
    if ours.shares_file(theirs) or not suspect.theirs:
        return []
    try:
        told = ours.model_session.graph(
            "node_diff",
            candidate=ours.file,
            value=suspect.value,
            reference=theirs.file,
            counterpart=suspect.counterpart,
        )
    except OnnxAccelError:
        return []
    return [str(text) for text in told["differences"]]


def _origin(suspect: Suspect, reduced: Reduced | None, differences: Sequence[str]) -> dict[str, Any]:
    node = suspect.node
    return {
        **node.to_json(),
        "value": suspect.value,
        "counterpart": suspect.counterpart,
        "nodes": [other.to_json() for other in suspect.nodes],
        "reference_nodes": [other.to_json() for other in suspect.theirs],
        "share": suspect.gap.share,
        "max_abs": suspect.gap.max_abs,
        "inputs_share": suspect.before,
        "limit": suspect.limit,
        "confirmed": reduced is not None,
        "reduced_max_abs": reduced.gap.max_abs if reduced else None,
        "differences": list(differences),
    }


def _ops(nodes: Sequence[Node]) -> list[str]:
    return [node.op for node in nodes]


def named(nodes: Sequence[Node]) -> str:
    """Return the first of *nodes* by operator and name."""
    if not nodes:
        return "nothing"
    shown = [f"{node.op} {node.name or node.outputs[0]!r}" for node in nodes[:_NAMED]]
    rest = len(nodes) - len(shown)
    return " -> ".join(shown) + (f" and {rest} more" if rest else "")
