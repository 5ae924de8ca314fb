"""How much of a model the inputs of a check reached: its weights, by moving them, and what ran, by looking at it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.printing import counted
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.numerics.reach.coverage import Coverage
from pytest_onnxaccel.numerics.reach.grouping import summed_up

#: A pass whose inputs reach a smaller share of the weights is inconclusive, where the user asked for no other.
LEAST = 0.1


@record(frozen=True)
class Reach:
    """What the inputs of a check reached.

    Attributes:
        file: name of the model in which it was measured.
        elements: of all weights with a path to an output.
        reached: of those whose move showed at an output; None where that was not measured.
        unreached: the others, in few words.
        dead: weights without a path to any output, in few words.
        answering: those of *outputs* that depend on the values of the inputs; None where that is not known.
        runs: with moved weights, in *groups*.
        coverage: branches, loops and rows of tables, over all samples.
        further: numbers of the samples after the usual ones that reached more.
        why: why nothing was measured.
    """

    file: str = ""
    elements: int = 0
    reached: int | None = None
    unreached: tuple[str, ...] = ()
    dead: tuple[str, ...] = ()
    answering: frozenset[str] | None = None
    outputs: tuple[str, ...] = ()
    runs: int = 0
    groups: int = 0
    coverage: Coverage = field(default_factory=Coverage)
    further: tuple[int, ...] = ()
    why: str = ""

    @property
    def share(self) -> float | None:
        """Of the weights, by how many numbers they are; None where there are none, or it was not measured."""
        return None if self.reached is None or not self.elements else self.reached / self.elements

    def clause(self) -> str:
        """Return the clause for a pass: ``reach 97 % of its weights``; empty where there is none."""
        return "" if self.share is None else f"reach {percent(self.share)} of the weights"

    def notes(self) -> tuple[str, ...]:
        """Return what was not reached; empty where all was."""
        found = []
        if self.share is not None and self.share < 1:
            found.append(f"{self.clause()}; not reached: {counted(self.unreached, 160)}")
        elif self.why:
            found.append(f"reach of the weights was not measured: {self.why}")
        gaps = self.coverage.gaps()
        return (*found, *([f"the inputs leave something out: {counted(gaps, 200, '; ')}"] if gaps else []))

    def figures(self) -> dict[str, Any]:
        """Return ``reach`` and ``coverage`` for the report."""
        reach = {
            "share": self.share, "weights": self.elements, "not_reached": list(self.unreached), "dead": list(self.dead),
            "runs": self.runs, "groups": self.groups, "file": self.file,
        }  # fmt: skip
        if self.why:
            reach["why"] = self.why
        return {"reach": reach, "coverage": {**self.coverage.figures(), "further_samples": len(self.further)}}


def percent(share: float) -> str:
    """Format a share in whole percent; 0 and 100 only where it is exactly none or all."""
    whole = round(share * 100)
    if share < 1 and whole == 100:
        return "over 99 %"
    return "under 1 %" if share > 0 and whole == 0 else f"{whole} %"


def reach_of(
    file: str, told: Mapping[str, Any], shown: Mapping[str, Any] | None, coverage: Coverage, further: tuple[int, ...]
) -> Reach:
    """Return the findings combined.

    Args:
        file: the file that was measured, as it is shown.
        told: by ``graph/reach/variant.py``, of the model; *shown* of its weights by ``numerics/sensitivity.py``.
        shown: which weights show; None where nothing was moved.
        coverage: what ran and was read, over all samples.
        further: numbers of further samples that were looked at.
    """
    weights = told["weights"]
    shown = shown or {"reached": (), "unreached": (), "refused": (), "runs": 0, "groups": 0}
    reached = [weights[i] for i in shown["reached"]]
    unreached = [weights[i] for i in shown["unreached"]]
    labels = [label for _, label, _ in reached]
    return Reach(
        file,
        sum(elements for _, _, elements in (*reached, *unreached)),
        sum(elements for _, _, elements in reached) if weights else None,
        tuple(summed_up([label for _, label, _ in unreached], labels)),
        tuple(summed_up(told["dead"], [label for _, label, _ in weights])),
        frozenset(told["answering"]),
        tuple(told["outputs"]),
        int(shown["runs"]),
        int(shown["groups"]),
        coverage,
        further,
    )


def with_reach(result: CheckResult, reach: Reach | None) -> CheckResult:
    """Return a passed *result* with what its inputs reached: in figures, and as notes where something is left out.

    Parity, in which the two sides are compared, has it in its message too.
    """
    if reach is None or result.verdict is not Verdict.PASSED:
        return result
    message = (
        f"{result.message}; the inputs {reach.clause()}"
        if result.check == "parity" and reach.clause()
        else result.message
    )
    notes = tuple(dict.fromkeys((*result.notes, *reach.notes())))
    return result.with_(message=message, figures={**result.figures, **reach.figures()}, notes=notes)


def judged_by_reach(result: CheckResult, reach: Reach | None, least: float | None, remedy: str) -> CheckResult:
    """Return *result*, inconclusive where it passed but its inputs reach too little.

    Args:
        result: of a comparison.
        reach: what its inputs reached; None where that was not measured.
        least: share that the user asked for; :data:`LEAST` by default.
        remedy: what to give.
    """
    share = None if reach is None else reach.share
    wanted = LEAST if least is None else least
    if reach is None or share is None or share >= wanted or result.verdict is not Verdict.PASSED:
        if least is not None and reach is not None and reach.why and result.verdict is Verdict.PASSED:
            return hollow(result, f"a reach of {percent(least)} was asked for and was not measured: {reach.why}")
        return result
    asked = "asked" if least is not None else "at least needed"
    return hollow(
        result,
        f"the inputs {reach.clause()} ({percent(wanted)} {asked}), the rest may be anything; "
        f"not reached: {counted(reach.unreached, 60)}; {remedy}",
    )


def hollow(result: CheckResult, message: str) -> CheckResult:
    """Return *result*, inconclusive: what passed proves nothing."""
    return result.with_(
        verdict=Verdict.INCONCLUSIVE, code="V_HOLLOW", message=message, details=(result.message, *result.details)
    )
