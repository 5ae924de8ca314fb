"""A layer and a batch norm on one side that the other folded into one: which of the two is another one."""

from __future__ import annotations

from dataclasses import replace

from pytest_onnxaccel.checks.localise.first_difference import Suspect
from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.runner.localise.nodes.intermediates import Intermediates


def folded_layers(found: Intermediates, suspect: Suspect) -> tuple[Suspect, str, list[str]] | None:
    """Return *suspect* at the node that differs, where one side folded a batch norm of the other into its layer.

    With that, how both sides have it, and what differs.
    """
    pairs = (suspect.nodes, found.ours, suspect.value), (suspect.theirs, found.theirs, suspect.counterpart)
    for which, ((nodes, model, value), (others, other, counterpart)) in enumerate((pairs, pairs[::-1])):
        if [node.op for node in nodes[1:]] != ["BatchNormalization"] or [node.op for node in others] != [nodes[0].op]:
            continue
        try:
            told = found.ours.side.model_session.graph(
                "folded", unfolded=model.side.file, value=value, whole=other.side.file, counterpart=counterpart
            )
        except OnnxAccelError:
            return None
        layer, norm = nodes
        both = f"{layer.op} {layer.name or layer.outputs[0]!r} and {norm.op} {norm.name or norm.outputs[0]!r}"
        there = f", where {both} are one {others[0].op} in the reference"
        if which == 1:
            whose = f" of {norm}" if told["which"] == "norm" else ""
            return (
                suspect,
                f", where {both} of the reference are one",
                [f"{told['what']}{whose}"] if told["what"] else [],
            )
        chosen = (norm, layer) if told["which"] == "layer" else (layer, norm)
        return replace(suspect, nodes=chosen), there, [told["what"]] if told["what"] else []
    return None
