"""Which engine is wrong on one sample, and who differs from whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.backends.protocol import GROUP, LoadOptions
from pytest_onnxaccel.checks.localise.odd_one_out import OddOneOut, odd_one_out
from pytest_onnxaccel.checks.localise.ruling import Ruling, Truth, rule
from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.lookup import registry
from pytest_onnxaccel.runner.localise import arithmetic
from pytest_onnxaccel.runner.localise.nodes.isolate_node import Reduced
from pytest_onnxaccel.runner.sessions.comparison_sides import ComparisonSide
from pytest_onnxaccel.runner.sessions.workers.engines import Engines

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

    Outputs = Mapping[str, Mapping[str, Array]]

_PLAIN = LoadOptions(optimize=False, spin=False)


@record(frozen=True)
class Blame:
    """Engines compared with what is right, and with each other.

    Attributes:
        ruling: what arithmetic or golden data says; None where nothing can judge, for the reason *unruled*.
    """

    votes: OddOneOut
    ruling: Ruling | None = None
    unruled: str = ""

    @property
    def clause(self) -> str:
        """For the end of the verdict's message."""
        if self.ruling is None or not self.ruling.wrong:
            return ""
        return f"; wrong: {', '.join(self.ruling.wrong)} (by {self.ruling.by})"

    @property
    def lines(self) -> tuple[str, ...]:
        """For the details: who is wrong, then who differs from whom."""
        if self.ruling is not None:
            return (f"engines: {self.ruling.sentence}", f"among them: {self.votes.sentence}")
        why = f"; who is wrong cannot be told: {self.unruled}" if self.unruled else ""
        return (f"engines: {self.votes.sentence}{why}",)

    def to_json(self) -> dict[str, Any]:
        sentence = self.lines[0].removeprefix("engines: ")
        ruled = self.ruling.to_json() if self.ruling is not None else {"wrong": [], "unruled": self.unruled}
        return {**self.votes.to_json(), **ruled, "sentence": sentence}


@record(frozen=True)
class Evidence:
    """What blame rests on.

    Attributes:
        feeds: the sample that failed.
        wrong: outputs that failed.
        reduced: the origin alone, where one was found.
        stored: golden outputs of the sample, where there are some.
    """

    feeds: Mapping[str, Array]
    wrong: tuple[str, ...]
    reduced: Reduced | None = None
    stored: Mapping[str, Array] | None = None


def engine_vote(
    sides: tuple[ComparisonSide, ComparisonSide], backends: Sequence[str], engines: Engines, evidence: Evidence
) -> Blame | None:
    """Find which engine is wrong; None where the two sides are two files: no engine is to blame then.

    Golden outputs decide; else arithmetic, at the origin alone where one was found; else nothing does, and who differs
    from whom is told. Asked are both sides, the run's other *backends*, the sides' backends without graph
    optimizations, and at the origin alone every oracle here: what would take them long for a whole model takes them no
    time for a node.
    """
    ours, theirs = sides
    if not ours.shares_file(theirs):
        return None
    asked, reduced = _asked(ours, theirs, backends, engines), evidence.reduced
    labels = (ours.label, theirs.label)
    plain = {label: side.backend for label, side in asked.items() if label != side.backend}
    outputs = _run(asked, evidence.feeds)
    votes = odd_one_out(outputs, _voices(asked, engines))
    if evidence.stored is not None:
        truth = Truth(
            {name: evidence.stored[name] for name in evidence.wrong if name in evidence.stored},
            "golden data",
            "its outputs",
        )
        return Blame(votes, rule(truth, outputs, labels, plain))
    if reduced is not None and reduced.files[1]:
        for name in registry.names(GROUP):
            known = name in (side.backend for side in asked.values())
            if not known and engines.backend(name).role == "oracle" and engines.availability(name).ok:
                asked[name] = replace(ours, label=name, backend=name, options=None)
        alone = {label: side.at(reduced.files[0]) for label, side in asked.items()}
        outputs = _run(alone, reduced.feeds[0])
        if not votes.odd:
            again = odd_one_out(outputs, _voices(asked, engines))
            votes = replace(again, sentence=f"at the origin alone, {again.sentence}") if again.odd else votes
    if not engines.availability(arithmetic.JUDGE).ok:
        return Blame(votes, None, "onnx's evaluator, which computes it by definition, is not here")
    alone_ = reduced is not None and reduced.files[1]
    found = arithmetic.at_origin(ours, reduced) if alone_ and reduced else arithmetic.of_all(ours, evidence.feeds)
    if isinstance(found, str):
        return Blame(votes, None, found)
    if not alone_:
        found = replace(found, outputs={name: found.outputs[name] for name in evidence.wrong if name in found.outputs})
    ruling = rule(found, outputs, labels, plain)
    return Blame(votes, ruling, "" if ruling else "its outputs cannot be compared")


def _voices(asked: Mapping[str, ComparisonSide], engines: Engines) -> dict[str, str]:
    """Return the runtime of each engine: what one distribution gives is one voice."""
    found = {}
    for label, side in asked.items():
        distributions = engines.availability(side.backend).versions
        found[label] = next(iter(distributions), side.backend)
    return found


def _asked(
    ours: ComparisonSide, theirs: ComparisonSide, backends: Sequence[str], engines: Engines
) -> dict[str, ComparisonSide]:
    asked = {ours.label: ours, theirs.label: theirs}
    for name in backends:
        if name not in (side.backend for side in asked.values()):
            asked[name] = replace(ours, label=name, backend=name, options=None)
    for side in (ours, theirs):
        plain = [s for s in asked.values() if s.backend == side.backend and s.options is not None]
        if getattr(engines.backend(side.backend), "optimizes", False) and not plain:
            label = f"{side.backend} unoptimized"
            asked[label] = replace(side, label=label, options=_PLAIN)
    return asked


def _run(asked: Mapping[str, ComparisonSide], feeds: Mapping[str, Array]) -> Outputs:
    """Return outputs by engine; one that does not run the model says nothing."""
    outputs = {}
    for label, side in asked.items():
        try:
            outputs[label] = side.session().run(feeds)
        except OnnxAccelError:
            continue
    return outputs
