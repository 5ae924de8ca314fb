"""When exposing values makes the difference vanish: which value it is that must stay inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pytest_onnxaccel.checks.localise.graph_view import Node
from pytest_onnxaccel.numerics.compare.distance import gap
from pytest_onnxaccel.runner.localise.nodes.exposed_model import ExposedModel
from pytest_onnxaccel.runner.localise.nodes.intermediates import Intermediates

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

Outputs = Mapping[str, "Array"]


def fused(found: Intermediates, wrong: Sequence[str], outputs: tuple[Outputs, Outputs]) -> tuple[Node, ...]:
    """Return the nodes on both sides of the value whose exposure ends the difference; empty where none can be found.

    Each side in turn gives ever more of its values, while the other runs as it is: the last value with which the
    difference goes away is searched for by halving, in about log2(values) sessions.
    """
    for which, model in enumerate((found.ours, found.theirs)):
        values = model.graph_view.exposable
        if not values or _differs(model, values, found.feeds, wrong, outputs, which):
            continue
        low, high = 0, len(values)
        while high - low > 1:
            middle = (low + high) // 2
            if _differs(model, values[:middle], found.feeds, wrong, outputs, which):
                low = middle
            else:
                high = middle
        value = values[high - 1]
        readers = [node for node in model.graph_view.nodes if value in node.inputs]
        return (model.graph_view.makers[value], *readers)
    return ()


def _differs(
    model: ExposedModel,
    values: Sequence[str],
    feeds: Mapping[str, Array],
    wrong: Sequence[str],
    outputs: tuple[Outputs, Outputs],
    which: int,
) -> bool:
    """Return whether the two sides still differ with *values* exposed on one side."""
    (exposed,) = model.run(values, feeds)
    sides = (exposed, outputs[1]) if which == 0 else (outputs[0], exposed)
    return still(wrong, sides, outputs)


def still(wrong: Sequence[str], sides: tuple[Outputs, Outputs], plain: tuple[Outputs, Outputs]) -> bool:
    """Return whether some *wrong* output of *sides* is still apart by a tenth of what it is in the *plain* models."""
    now = [gap(sides[0][name], sides[1][name]).share for name in wrong]
    before = [gap(plain[0][name], plain[1][name]).share for name in wrong]
    return any(a >= b / 10 for a, b in zip(now, before, strict=True))
