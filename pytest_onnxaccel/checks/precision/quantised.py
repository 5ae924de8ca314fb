"""A model of few whole numbers against its float original: figures, and no verdict where nobody said how much will do.

No rule element by element is honest there: what eight bits lose depends on the ranges of every layer, and how much of
a loss is too much on what the outputs are for.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.backends.protocol import Session
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.numerics.compare.sqnr import sqnr

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array
    from pytest_onnxaccel.checks.parity.comparison import Agreement
    from pytest_onnxaccel.checks.parity.decisions import Decisions

#: What to do where no limit is given.
REMEDY = 'say what will do: compare = "sqnr:LIMIT", an atol, or a decision'
#: The same of an output whose order or indices are compared.
ORDERED = 'say what will do: a function (compare = "package.module:function"), or outputs before the ranking'


@record(frozen=True)
class Quantised:
    """What is left of each output.

    Attributes:
        sqnr: of the worst sample, in dB, by output: what a limit of that kind is held against.
        nodes: that quantise, or compute with quantised numbers, by output.
    """

    sqnr: Mapping[str, float]
    nodes: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(
        cls,
        samples: Iterable[Mapping[str, Array]],
        candidate: Session,
        reference: Session,
        nodes: Mapping[str, tuple[str, ...]],
    ) -> Quantised:
        """Run both sides on *samples* and compare the outputs that *nodes* names."""
        worst = dict.fromkeys(nodes, math.inf)
        for feeds in samples:
            ours, theirs = candidate.run(feeds), reference.run(feeds)
            for name in nodes:
                worst[name] = min(worst[name], sqnr(np.asarray(theirs[name]), np.asarray(ours[name])))
        return cls(worst, nodes)

    def only(self, names: Iterable[str]) -> Quantised:
        """Return these figures, of outputs *names* alone."""
        kept = [name for name in names if name in self.sqnr]
        return Quantised({name: self.sqnr[name] for name in kept}, {name: self.nodes[name] for name in kept})

    @property
    def worst(self) -> str:
        """The output of which least is left."""
        return min(self.sqnr, key=lambda name: self.sqnr[name])

    def figures(self) -> dict[str, Any]:
        """Return the figures for the report."""
        if not self.sqnr:
            return {}
        return {"sqnr_db": dict(self.sqnr), "worst_output": self.worst, "nodes": len(self.nodes[self.worst])}


def _left(found: Quantised, agreement: Agreement, nodes: Mapping[str, Sequence[str]]) -> tuple[str, str]:
    """Return the output of which least is left, and what that is."""
    samples = f"in {agreement.samples} samples"
    ordered = {name: 1 - float(agreement.worst[name]["bad_share"]) for name in nodes if name not in found.sqnr}
    least = min(ordered, key=lambda name: ordered[name], default="")
    how = f"({agreement.worst[least]['compare']})" if least else ""
    if not found.sqnr:
        return least, f"{ordered[least]:.0%} of it agrees {how} {samples}"
    name = found.worst
    flips = f", {agreement.flips[name]} argmax flips" if name in agreement.flips else ""
    other = f", {ordered[least]:.0%} of {least!r} agrees {how}" if least else ""
    left = f"SQNR {found.sqnr[name]:.1f} dB, max abs error {agreement.worst[name]['max_abs']:.3g}{flips}{other}"
    return name, f"{left} {samples}"


def open_verdict(
    result: CheckResult,
    found: Quantised,
    agreement: Agreement,
    decisions: Decisions | None,
    nodes: Mapping[str, Sequence[str]],
) -> CheckResult:
    """Judge *result* of a quantised model without a limit: by decisions, or not at all.

    Args:
        result: with figures and notes.
        found: of the outputs whose values are compared.
        agreement: of all outputs.
        decisions: what the user asks for, where that is decisions.
        nodes: the nodes that quantise, by output without a limit: ranked and sorted ones too.
    """
    name, left = _left(found, agreement, nodes)
    if decisions is not None:
        if decisions.flips():
            line = f"output {name!r}: {left}"
            return result.with_(verdict=Verdict.FAILED, code="V_PARITY", message=decisions.message(), details=(line,))
        note = f"quantised: values are not judged, decisions are; output {name!r}: {left}"
        message = f"{result.backend} decides as {result.reference} over {agreement.samples} samples ({left})"
        return result.with_(message=message, notes=(*result.notes, note))
    remedy = REMEDY if name in found.sqnr else ORDERED
    message = f"output {name!r} is quantised ({len(nodes[name])} nodes), the reference is not: {left}; {remedy}"
    return result.with_(verdict=Verdict.INCONCLUSIVE, code="V_QUANTISED", message=message)
