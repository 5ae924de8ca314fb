"""A localisation in words and figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pytest_onnxaccel.checks.localise.first_difference import Suspect
from pytest_onnxaccel.checks.localise.graph_view import Node
from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.runner.localise.causes import Causes
from pytest_onnxaccel.runner.localise.nodes.depth import neighbours, over_depth
from pytest_onnxaccel.runner.localise.nodes.folded_layers import folded_layers
from pytest_onnxaccel.runner.localise.nodes.intermediates import Intermediates
from pytest_onnxaccel.runner.localise.nodes.isolate_node import Reduced
from pytest_onnxaccel.runner.localise.nodes.node_words import NAMED, beyond, full, named, operators, share_text

#: Share of its scale past which a value is no rounding of any type.
_CUT_OFF = 0.5


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
    found: Intermediates, suspect: Suspect | None, reduced: Reduced | None, causes: Causes | None = None
) -> Finding:
    """Return the finding of *found*.

    Args:
        found: values of both sides, compared.
        suspect: the first place where the two part.
        reduced: that place alone, where it shows the difference.
        causes: nodes before that place which are other ones in the reference.
    """
    figures, seen = counted_figures(found)
    if suspect is None or not _narrowed(found, suspect):
        line = "not localised: no value between inputs and outputs has a counterpart, by name, content or structure"
        return Finding("", (line,), seen, figures)
    region = suspect.nodes, suspect.theirs
    suspect = _placed(_before_casts(suspect))
    if reduced is None:
        kinds = narrowed_types(found)
        if kinds and suspect.gap.share <= suspect.limit and not suspect.gap.why:
            return _precision(found, suspect, kinds, seen, figures)
    if causes is not None:
        return _caused(found, suspect, causes, seen, figures)
    differences = _differences(found, suspect)
    one = folded_layers(found, suspect)
    also = _lacking(suspect)
    if suspect.theirs and len(suspect.nodes) != len(suspect.theirs):  # of two regions, the last nodes need not be pairs
        differences = [text for text in differences if text != f"{suspect.node.op} instead of {suspect.theirs[-1].op}"]
    if one is not None:
        suspect, also, differences = one
    opsets = found.ours.side.model_session.info.opset, found.theirs.side.model_session.info.opset
    if differences and opsets[0] != opsets[1] and differences[0].startswith(f"{suspect.node.op} of opset "):
        also = f": {differences[0]}"
    figures["origin"] = {**_origin(suspect, reduced, differences), **neighbours(found.beside.ours, suspect.nodes)}
    lines = [_line(suspect, reduced, suspect.value in found.unrun)]
    if differences:
        lines.append(f"there: {'; '.join(differences)}")
    if operators(region[0]) != operators(region[1]):
        ours, theirs = named(region[0], beyond(*region)), named(region[1], beyond(*region[::-1]))
        lines.append(f"the reference computes {theirs} there, the candidate {ours}")
    word = "origin" if reduced else "first difference"
    return Finding(f"; {word}: {suspect.node}{also}", tuple(lines), seen, figures)


def narrowed_types(found: Intermediates) -> list[tuple[str, str, int]]:
    """Return float types that the candidate rounds to and the reference does not: both, and of how many values."""
    counts: dict[tuple[str, str], int] = {}
    for name in found.beside.gaps:
        kinds = found.beside.rounded_to(name)
        if kinds[0] != kinds[1]:
            counts[kinds] = counts.get(kinds, 0) + 1
    return [(*kinds, count) for kinds, count in counts.items()]


def _precision(
    found: Intermediates, suspect: Suspect, kinds: Sequence[tuple[str, str, int]], seen: str, figures: dict[str, Any]
) -> Finding:
    """Report that the two compute in different types, and differ by no more than those round."""
    ours, theirs, count = max(kinds, key=lambda one: one[2])
    # A number past the type's range, cut off, is as far off as it can be, and no rounding
    largest = max(found.beside.gaps.items(), key=lambda item: item[1].share if item[1].share < _CUT_OFF else 0.0)
    figures["precision"] = {"candidate": ours, "reference": theirs, "values": count}
    where = found.beside.ours.makers[largest[0]]
    line = (
        f"precision: the candidate computes in {ours} what the reference computes in {theirs} ({count} values); no "
        f"node adds more than that rounds, most at {where}: {share_text(largest[1].share)}"
    )
    return Finding(f"; precision: {ours} against {theirs}", (line,), seen, figures)


def _caused(found: Intermediates, suspect: Suspect, causes: Causes, seen: str, figures: dict[str, Any]) -> Finding:
    makers, gaps = found.beside.ours.makers, found.beside.gaps
    nodes = [makers[name] for name in causes.values]
    value = causes.values[0]
    gap = gaps.get(value, suspect.gap)
    differences = [text for name in causes.values for text in causes.differences[name]]
    figures["origin"] = {
        **_origin(suspect, None, differences), **nodes[0].to_json(), "nodes": [node.to_json() for node in nodes],
        "value": value, "counterpart": found.beside.pairs[value], "share": gap.share, "max_abs": gap.max_abs,
        "grown_at": suspect.value, "confirmed": causes.proven,
    }  # fmt: skip
    why = f"the only node before {suspect.node} that is another in the two files"
    why = "made as in the reference, the difference ends" if causes.proven else why
    lines = (
        f"origin: {full(nodes)}: {why}; {value!r} is {share_text(gap.share)} off, which rounding could be, and that "
        f"grows to {share_text(suspect.gap.share)} at {suspect.node}",
        f"there: {'; '.join(differences)}",
    )
    return Finding(f"; origin: {full(nodes)}", lines, seen, figures)


def _lacking(suspect: Suspect) -> str:
    """Return what the reference has before the node and the candidate lacks."""
    lacking = [node for node in beyond(suspect.theirs, suspect.nodes) if node.op != "Cast"]
    more = [node for node in beyond(suspect.nodes, suspect.theirs) if node.op != "Cast"]
    if lacking and not more:
        return f", before which the candidate lacks {named(lacking)}"
    if more and not lacking and suspect.theirs:
        return f", before which the candidate has {named(more)} too many"
    if more and lacking and len(suspect.nodes) > 1:
        return f", last of {len(suspect.nodes)} nodes that are {named(suspect.theirs)} in the reference"
    return ""


def _before_casts(suspect: Suspect) -> Suspect:
    """Return *suspect* named by what it computes: a Cast at its end is the conversion's, and seldom its fault."""
    nodes, theirs = (
        sorted(side, key=lambda node: node.op != "Cast") if any(node.op != "Cast" for node in side) else side
        for side in (suspect.nodes, suspect.theirs)
    )
    return replace(suspect, nodes=tuple(nodes), theirs=tuple(theirs))


def _placed(suspect: Suspect) -> Suspect:
    """Return *suspect* with the module of its node: a simplified file lost what the reference may still tell."""
    if suspect.node.module:
        return suspect
    alike = [node.module for node in suspect.theirs if node.op == suspect.node.op and node.module]
    module = (alike or [node.module for node in suspect.theirs[-1:]] or [""])[-1]
    return replace(suspect, nodes=(*suspect.nodes[:-1], replace(suspect.node, module=module)))


def _line(suspect: Suspect, reduced: Reduced | None, unrun: bool) -> str:
    what = suspect.gap.why or f"{share_text(suspect.gap.share)} off (max abs {suspect.gap.max_abs:.3g})"
    reads = f"what it reads agrees to {suspect.before:.1e}" if suspect.before else "what it reads is equal"
    if reduced is None:
        proof = "alone and fed the same both sides agree, so that rounding before it may be the cause"
        if unrun:
            proof = "it cannot be run alone"
        elif suspect.gap.share <= suspect.limit:
            proof = "which rounding in it may do"
        elif not suspect.before:
            proof = "alone and fed the same both sides agree, so that what is computed around it makes the difference"
        return f"first difference: {suspect.node}: {suspect.value!r} is {what}; {reads}; {proof}"
    return f"origin: {suspect.node}: {suspect.value!r} is {what}; {reads}; alone and fed the same it differs too"


def _seen(found: Intermediates, compared: int) -> str:
    beside = found.beside
    line = f"compared {compared} of {len(beside.ours.makers)} values, {len(beside.differing)} of those inside differ"
    if beside.ours.left_alone:
        line += f"; not looked into: {', '.join(beside.ours.left_alone[:NAMED])}"
    refused = {**found.ours.refused, **found.theirs.refused}
    return line + (f"; {len(refused)} values could not be obtained" if refused else "")


def vanished(found: Intermediates, fused: Sequence[Node]) -> Finding:
    """Report that exposed values end the difference; *fused*: nodes that must run as one for it to show."""
    figures, seen = counted_figures(found)
    figures["vanished"] = True
    line = "not localised: with the values between exposed the difference is gone, so that an optimization across nodes"
    if not fused:
        return Finding("", (f"{line} makes it",), seen, figures)
    figures["fused"] = [node.to_json() for node in fused]
    line = f"origin: an optimization across {named(fused)}: with the value between them exposed the difference is gone"
    return Finding(f"; origin: an optimization across {named(fused)}", (line,), seen, figures)


def counted_figures(found: Intermediates) -> tuple[dict[str, Any], str]:
    """Return how much was compared: for the report, and in words."""
    beside = found.beside
    compared = [name for name in beside.ours.makers if name in beside.gaps]
    figures: dict[str, Any] = {
        "compared": len(compared), "values": len(beside.ours.makers), "chunks": found.chunks,
        "sessions": found.ours.sessions + found.theirs.sessions, "largest_chunk_bytes": found.largest,
        "differing": len(beside.differing), "left_alone": list(beside.ours.left_alone),
        "over_depth": over_depth(beside),
    }  # fmt: skip
    return figures, _seen(found, len(compared))


def _narrowed(found: Intermediates, suspect: Suspect) -> bool:
    """Return whether something inside agrees or differs by itself, not only the graphs as a whole."""
    inner = [name for name in found.beside.gaps if name not in found.beside.ours.outputs]
    return bool(inner) or len(suspect.nodes) <= 1 or len(found.beside.ours.nodes) <= NAMED


def _differences(found: Intermediates, suspect: Suspect) -> list[str]:
    """Return what differs between the two nodes themselves, where they come from two files."""
    ours, theirs = found.ours.side, found.theirs.side
    if ours.shares_file(theirs) or not suspect.theirs:
        return []
    last = suspect.theirs[-1]
    counterpart = suspect.counterpart if suspect.counterpart in last.outputs else last.outputs[0]
    try:
        told = ours.model_session.graph(
            "node_diff",
            candidate=ours.file,
            value=suspect.value if suspect.value in suspect.node.outputs else suspect.node.outputs[0],
            reference=theirs.file,
            counterpart=counterpart,
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
