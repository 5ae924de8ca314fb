"""Causes that need no search: outputs under each other's names, and nodes that are left in training mode."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.checks.localise.exchanged import exchanged, told
from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.core.results import CheckResult
from pytest_onnxaccel.numerics.compare.sqnr import sqnr
from pytest_onnxaccel.runner.localise.describe import Finding
from pytest_onnxaccel.runner.localise.nodes.fused_nodes import still
from pytest_onnxaccel.runner.sessions.comparison_sides import ComparisonSide, derived

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

    Outputs = Mapping[str, Array]

_SEEN = "compared the outputs alone"
#: So many nodes are named.
_NAMED = 4
#: Half of the energy of a difference, in dB.
_HALF = 3.0


def known_cause(
    sides: tuple[ComparisonSide, ComparisonSide | None],
    feeds: Mapping[str, Array],
    wrong: Sequence[str],
    outputs: tuple[Outputs, Outputs],
    narrow: str = "",
    quantised: bool = False,
) -> Finding | None:
    """Find what explains the difference without a look inside; None where nothing known does.

    A node in training mode is the cause where the difference ends with that mode off.

    Args:
        sides: candidate and reference; None where the reference shows no graph.
        feeds: the sample, one array per input.
        wrong: outputs that failed.
        outputs: of candidate and reference on that sample, by name.
        narrow: float type of fewer digits that one side is a conversion to; empty where it is none.
        quantised: one side alone computes with few whole numbers.
    """
    swapped = exchanged(outputs[0], outputs[1], wrong, narrow)
    if swapped:
        line = f"origin: outputs under other names: {told(swapped)}"
        return Finding(f"; outputs exchanged: {told(swapped)}", (line,), _SEEN, {"exchanged": swapped})
    return training_mode(sides, feeds, wrong, outputs, quantised)


def training_mode(
    sides: tuple[ComparisonSide, ComparisonSide | None],
    feeds: Mapping[str, Array],
    wrong: Sequence[str],
    outputs: tuple[Outputs, Outputs],
    quantised: bool = False,
) -> Finding | None:
    """Find nodes in training mode with which the difference ends; None where there are none.

    Args:
        sides: as of :func:`known_cause`, as the other arguments are.
        quantised: few whole numbers differ in any mode: it is enough that half of the difference ends at one output,
            and that none grows as much.
    """
    if sides[1] is not None and sides[0].shares_file(sides[1]):
        return None
    for which, word in ((0, "candidate"), (1, "reference")):
        side = sides[which]
        if side is None:
            continue
        nodes = [node for node in unsteady(side) if node["kind"] != "random"]
        calm = at_rest(side, feeds) if nodes else None
        if calm is not None and _ends(
            (calm, outputs[1]) if which == 0 else (outputs[0], calm), wrong, outputs, quantised
        ):
            first = nodes[0]
            ends = "most of the difference ends" if quantised else "the difference ends"
            line = f"origin: {listed(nodes)} of the {word}: {_mode(nodes)}; with that mode off, {ends}"
            origin = {
                **{key: first[key] for key in ("name", "op", "outputs", "module")}, "value": first["outputs"][0],
                "nodes": [{key: one[key] for key in ("name", "op", "outputs", "module")} for one in nodes],
                "confirmed": True, "differences": [_mode(nodes)], "side": word,
            }  # fmt: skip
            clause = f"; origin: {listed(nodes)}{_module(first)} in training mode"
            clause += "" if which == 0 else " in the reference"
            lines = (line, "advice: call eval() before the export")
            return Finding(clause, lines, _SEEN, {"origin": origin})
    return None


def at_rest(side: ComparisonSide, feeds: Mapping[str, Array]) -> Outputs | None:
    """Return the outputs of that side with training modes off; None where it does not run so."""
    target = derived(side.model_session, "rest")
    try:
        side.model_session.graph("rest", source=side.file, target=target)
        return side.at(target).session().run(feeds)
    except OnnxAccelError:
        return None
    finally:
        side.model_session.forget(target)


def _ends(calm: tuple[Outputs, Outputs], wrong: Sequence[str], plain: tuple[Outputs, Outputs], quantised: bool) -> bool:
    """Return whether the difference of the *plain* sides is gone in the *calm* ones."""
    if not quantised:
        return not still(wrong, calm, plain)
    before = {name: sqnr(plain[1][name], plain[0][name]) for name in wrong}
    gained = [sqnr(calm[1][name], calm[0][name]) - left for name, left in before.items() if math.isfinite(left)]
    return max(gained, default=0.0) > _HALF and min(gained, default=0.0) > -_HALF


def unsteady(side: ComparisonSide) -> list[dict[str, Any]]:
    """Return nodes of the side's file that draw numbers or normalise by the batch."""
    found: list[dict[str, Any]] = side.model_session.graph("unsteady", path=side.file)["nodes"]
    return found


def renamed(
    result: CheckResult, sides: tuple[ComparisonSide, ComparisonSide], feeds: Mapping[str, Array]
) -> CheckResult:
    """Return *result*, which failed by the names of outputs, with what each of them holds of the reference's."""
    ours, theirs = (side.session().run(feeds) for side in sides)
    pairs = exchanged(ours, theirs, [name for name in ours if name not in theirs])
    if not pairs:
        return result
    return result.with_(message=f"{result.message}; {told(pairs)}", figures={**result.figures, "renamed": pairs})


def drawn(result: CheckResult, side: ComparisonSide) -> CheckResult:
    """Return *result*, which failed because equal runs differ, with the nodes that draw numbers."""
    if result.code != "V_UNSTABLE":
        return result
    nodes = [node for node in unsteady(side) if node["kind"] in ("random", "dropout")]
    if not nodes:
        return result
    advice = "call eval() before the export" if nodes[0]["kind"] == "dropout" else "feed what is drawn as an input"
    line = f"origin: {listed(nodes)}: {_mode(nodes)}: {advice}"
    keys = ("name", "op", "outputs", "module")
    origin = {**{key: nodes[0][key] for key in keys}, "nodes": [{key: one[key] for key in keys} for one in nodes]}
    return result.with_(
        message=f"{result.message}; origin: {listed(nodes)}{_module(nodes[0])}",
        details=(line, *result.details),
        figures={**result.figures, "localisation": {"origin": origin}},
    )


def _mode(nodes: Sequence[Mapping[str, Any]]) -> str:
    words = {"random": "draws numbers at each run", "dropout": "drops values at random",
             "batch statistics": "uses the statistics of the batch (training mode)"}  # fmt: skip
    return ", ".join(words[kind] for kind in dict.fromkeys(node["kind"] for node in nodes))


def _module(node: Mapping[str, Any]) -> str:
    return f" (module {node['module']})" if node["module"] else ""


def listed(nodes: Sequence[Mapping[str, Any]]) -> str:
    """Return *nodes* by operator and name."""
    text = ", ".join(f"{node['op']} {node['name'] or node['outputs'][0]!r}" for node in nodes[:_NAMED])
    return text + (f" and {len(nodes) - _NAMED} more" if len(nodes) > _NAMED else "")
