"""A quantised candidate against a float reference: every layer differs, and the one that loses most is told."""

from __future__ import annotations

from pytest_onnxaccel.checks.localise.graph_view import GraphView, Node
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.numerics.compare.distance import gap_across
from pytest_onnxaccel.runner.localise.causes import upstream
from pytest_onnxaccel.runner.localise.describe import Finding, counted_figures
from pytest_onnxaccel.runner.localise.intermediates import Intermediates
from pytest_onnxaccel.runner.localise.node_words import named, share_text

#: How operators begin that compute in steps.
_STEPS = ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "QLinear", "ConvInteger", "MatMulInteger")

#: So many of those that lose most are listed.
_LISTED = 3

#: Rounding to bytes loses less than this share of a value's scale; what is cut off may lose all of it.
_ROUNDED = 0.02


@record(frozen=True)
class _Loss:
    """What one place adds to the difference.

    Attributes:
        value: of the candidate.
        grown: how much further it is from its counterpart than what it is computed from, as a share of its scale.
        nodes: that compute it from what has a counterpart.
    """

    value: str
    grown: float
    nodes: tuple[Node, ...]


def quantised(found: Intermediates) -> Finding | None:
    """Find where most is lost; None where the candidate is not quantised, or the reference is, too.

    The first layer that differs tells nothing there: rounding to bytes is what was asked for.
    """
    ours, theirs, beside = found.beside.ours, found.beside.theirs, found.beside
    if found.ours.side.shares_file(found.theirs.side) or not in_steps(ours) or in_steps(theirs):
        return None
    before = {node.outputs[0] for wrong in beside.wrong for node in upstream(ours, wrong)}
    losses = [_loss(found, value) for value in beside.gaps if value in before]
    losses = sorted((one for one in losses if one.grown > 0), key=lambda one: -one.grown)
    if not losses:
        return None
    figures, seen = counted_figures(found)
    worst = losses[0]
    cut = cut_off(found)
    inside = [(node, share) for node, share in cut if node in worst.nodes and share > max(_ROUNDED, worst.grown / 4)]
    node = inside[0][0] if inside else worst.nodes[-1]
    gap = beside.gaps[worst.value]
    figures["origin"] = {
        **node.to_json(), "nodes": [one.to_json() for one in worst.nodes], "value": worst.value,
        "counterpart": beside.pairs[worst.value], "share": gap.share, "max_abs": gap.max_abs, "confirmed": False,
        "differences": [],
    }  # fmt: skip
    figures["losses"] = [{"node": one.nodes[-1].to_json(), "grown": one.grown} for one in losses[:_LISTED]]
    lines = [f"quantised against float, most is lost at {node}: {worst.value!r} is {share_text(gap.share)} off there"]
    lines.append("lost, worst first: " + ", ".join(f"{one.nodes[-1]} {one.grown:.1e}" for one in losses[:_LISTED]))
    if cut:
        lines.append(
            "by rounding and cutting alone: " + ", ".join(f"{one} {share:.1e}" for one, share in cut[:_LISTED])
        )
    if len(worst.nodes) > 1:
        lines.append(f"there the candidate computes {named(worst.nodes, [node])}")
    return Finding(f"; quantised: most is lost at {node}", tuple(lines), seen, figures)


def in_steps(graph_view: GraphView) -> bool:
    """Return whether some node computes in steps."""
    return any(node.op.startswith(_STEPS) for node in graph_view.nodes)


def _loss(found: Intermediates, value: str) -> _Loss:
    gaps = found.beside.gaps
    nodes, reads = found.beside.ours.between(value, set(gaps) - {value})
    least = max((gaps[name].share for name in reads if name in gaps), default=0.0)
    return _Loss(value, gaps[value].share - least if gaps[value].share != least else 0.0, nodes)


def cut_off(found: Intermediates) -> list[tuple[Node, float]]:
    """Return QuantizeLinear nodes by what is lost of what they read once it is dequantised, worst first."""
    known = {**found.feeds, **found.kept[0]}
    makers, lost = found.beside.ours.makers, []
    for node in found.beside.ours.nodes:
        before = makers.get(node.inputs[0]) if node.op == "DequantizeLinear" and node.inputs else None
        if before is None or before.op != "QuantizeLinear" or not before.inputs:
            continue
        given, back = known.get(before.inputs[0]), known.get(node.outputs[0])
        if given is not None and back is not None:
            lost.append((before, gap_across(back, given).share))
    return sorted(lost, key=lambda one: -one[1])
