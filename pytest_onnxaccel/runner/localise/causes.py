"""The nodes before a difference that are other ones in the other file, and which of them make it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pytest_onnxaccel.checks.localise.first_difference import Suspect
from pytest_onnxaccel.checks.localise.graph_view import GraphView, Node
from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.runner.localise.nodes.fused_nodes import still
from pytest_onnxaccel.runner.localise.nodes.intermediates import Intermediates
from pytest_onnxaccel.runner.sessions.comparison_sides import derived

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

    Outputs = Mapping[str, Array]

#: Among so many nodes at most is searched for those that make a difference; each halving costs one session.
_MOST = 64


@record(frozen=True)
class Causes:
    """Nodes of the candidate, by the value each gives.

    Attributes:
        values: in the order of the graph.
        differences: how each is another one in the reference.
        proven: made as they are in the reference, they end the difference.
    """

    values: tuple[str, ...]
    differences: Mapping[str, Sequence[str]]
    proven: bool = False


def behind(
    found: Intermediates, suspect: Suspect, wrong: Sequence[str], outputs: tuple[Outputs, Outputs]
) -> Causes | None:
    """Find what makes the difference at *suspect*, which shows none alone; None where no node before it differs.

    Where several are, those are told that end the difference once they are as they are in the reference: found by
    halving.
    """
    gaps = found.beside.gaps
    told = {name: how for name, how in unlike(found, suspect.value).items() if name not in gaps or gaps[name].share > 0}
    if not told or len(told) > _MOST:
        return None
    names = [name for name in found.beside.ours.makers if name in told]
    if len(names) == 1:
        return Causes(tuple(names), told)
    trial = _Trial(found, wrong, outputs)
    if not trial.ends(names):
        return None
    while len(names) > 1:
        halves = names[: len(names) // 2], names[len(names) // 2 :]
        smaller = next((half for half in halves if trial.ends(half)), None)
        if smaller is None:
            break
        names = smaller
    return Causes(tuple(names), told, proven=True)


@record(frozen=True)
class _Trial:
    """Tries the candidate with some of its nodes as they are in the reference."""

    found: Intermediates
    wrong: Sequence[str]
    outputs: tuple[Outputs, Outputs]

    def ends(self, values: Sequence[str]) -> bool:
        """Return whether the difference is gone with the nodes that give *values* as they are in the reference."""
        ours, theirs = self.found.ours.side, self.found.theirs.side
        pairs = [[name, self.found.beside.pairs[name]] for name in values]
        target = derived(ours.model_session, "transplant")
        try:
            told = ours.model_session.graph(
                "transplant", candidate=ours.file, reference=theirs.file, pairs=pairs, target=target
            )
            if len(told["replaced"]) < len(pairs):
                return False
            outputs = ours.at(target).session().run(self.found.feeds)
        except OnnxAccelError:
            return False
        finally:
            ours.model_session.forget(target)
        return not still(self.wrong, (outputs, self.outputs[1]), self.outputs)


def unlike(found: Intermediates, value: str) -> dict[str, list[str]]:
    """Return the nodes before *value* that differ in the other file, by the value they give, and how they differ.

    A fault may be smaller than rounding where it arises, and grow further on.
    """
    ours, theirs, beside = found.ours.side, found.theirs.side, found.beside
    if ours.shares_file(theirs):
        return {}
    before = [node.outputs[0] for node in upstream(beside.ours, value) if node.outputs[0] in beside.pairs]
    pairs = [[name, beside.pairs[name]] for name in before]
    try:
        told = ours.model_session.graph("node_diffs", candidate=ours.file, reference=theirs.file, pairs=pairs)
    except OnnxAccelError:
        return {}
    return {name: [str(text) for text in texts] for name, texts in told["differences"].items()}


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
