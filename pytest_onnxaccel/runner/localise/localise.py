"""After a parity check has failed by value: where the two part, which engine is wrong, and a case that shows it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.core.errors import OnnxAccelError, printable
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.printing import LIMIT, cut
from pytest_onnxaccel.core.results import CheckResult
from pytest_onnxaccel.numerics.compare.distance import exceeds, gap
from pytest_onnxaccel.runner.localise.cases.saved_case import FailedCase, folder_of, save_case
from pytest_onnxaccel.runner.localise.causes import behind
from pytest_onnxaccel.runner.localise.describe import Finding, finding, vanished
from pytest_onnxaccel.runner.localise.engine_vote import Blame, Evidence, engine_vote
from pytest_onnxaccel.runner.localise.failed_check import FailedCheck
from pytest_onnxaccel.runner.localise.golden_outputs import golden_outputs
from pytest_onnxaccel.runner.localise.known_cause import drawn, known_cause, renamed
from pytest_onnxaccel.runner.localise.nodes.fused_nodes import fused, still
from pytest_onnxaccel.runner.localise.nodes.intermediates import intermediates
from pytest_onnxaccel.runner.localise.nodes.isolate_node import Reduced, origin, swept
from pytest_onnxaccel.runner.sessions.comparison_sides import EXPORTED_AGAIN, ComparisonSide
from pytest_onnxaccel.runner.sessions.workers.engines import Engines

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array


def looked_into(
    failed: FailedCheck, sides: tuple[ComparisonSide, ComparisonSide], backends: Sequence[str]
) -> CheckResult:
    """Return the result of a failed parity check with what can be found of its cause.

    Whatever goes wrong here is a note of the result and leaves the verdict as it is.

    Args:
        failed: the failed check, with its request, result and inputs.
        sides: candidate and reference.
        backends: of the run.
    """
    result = failed.result
    if not failed.by_value:
        return _by_name(failed, sides)
    try:
        analysis = FailureAnalysis(
            sides,
            failed.feeds(),
            backends,
            failed.engines,
            failed.failures,
            golden_outputs(sides[0], failed),
            narrow=str(result.figures.get("conversion", "")),
            quantised="quantised" in result.figures,
            drawn=failed.drawn,
        )
        return analysis(result)
    except Exception as error:
        return result.with_(notes=(*result.notes, _note("not looked into", error)))


def _by_name(failed: FailedCheck, sides: tuple[ComparisonSide, ComparisonSide]) -> CheckResult:
    """Return the result of a check that failed otherwise: what is known of names, and of nodes that draw numbers."""
    result = failed.result
    try:
        if result.code == "V_UNSTABLE":
            told = drawn(result, sides[0])
            return told if told is not result else drawn(result, sides[1])
        if result.figures.get("breach") in ("renamed", "missing", "extra"):
            return renamed(result, sides, failed.feeds())
    except Exception as error:
        return result.with_(notes=(*result.notes, _note("not looked into", error)))
    return result


@record(frozen=True)
class FailureAnalysis:
    """What is needed to look into one failure.

    Attributes:
        sides: candidate and reference.
        feeds: of the sample that failed worst.
        backends: of the run.
        failures: folder that cases are saved in; None saves none.
        stored: golden outputs of that sample, where there are some.
        narrow: float type of fewer digits that one side is a conversion to; empty where it is none.
        quantised: one side alone computes with few whole numbers.
        drawn: inputs whose values nobody gave.
    """

    sides: tuple[ComparisonSide, ComparisonSide]
    feeds: Mapping[str, Array]
    backends: Sequence[str]
    engines: Engines
    failures: str | None = None
    stored: Mapping[str, Array] | None = None
    notes: list[str] = field(default_factory=list)
    tolerances: dict[str, tuple[float, float]] = field(default_factory=dict)
    narrow: str = ""
    quantised: bool = False
    drawn: tuple[str, ...] = ()

    def __call__(self, result: CheckResult) -> CheckResult:
        """Return *result* with what was found.

        Raises:
            OnnxAccelError: a side no longer runs the sample.
        """
        start = time.perf_counter()
        ours, theirs = self.sides
        figures: dict[str, Any] = {}
        details: list[str] = []
        outputs = ours.session().run(self.feeds), theirs.session().run(self.feeds)
        self.tolerances.update(tolerances_of(result))
        wrong = wrong_outputs(result, outputs)
        reduced, told = self._localised(wrong, outputs)
        with swept(self.sides, reduced):
            if told is not None:
                details += told.details
                details += self._opsets()
                figures["localisation"] = told.figures | {"seconds": time.perf_counter() - start}
            blamed = self._blamed(Evidence(self.feeds, wrong, reduced, self.stored))
            if blamed is not None:
                details += blamed.lines
                figures["blame"] = blamed.to_json()
            clause = (told.clause if told else "") + (blamed.clause if blamed else "")
            # What was found must not be what is cut off
            message = cut(result.message, max(LIMIT // 2, LIMIT - len(clause))) + clause
            ends = (told.seen,) if told else ()
            complete = result.with_(message=message, details=(*details, *result.details, *ends))
            complete = complete.with_(figures={**result.figures, **figures})
            if self.failures is not None:
                complete = self._saved(complete, outputs, reduced, len(details))
        return complete.with_(notes=(*complete.notes, *self.notes))

    def _opsets(self) -> tuple[str, ...]:
        """Return that the two files differ in opset, where they do: an operator may have become another one."""
        ours, theirs = (side.model_session.info.opset for side in self.sides)
        if ours == theirs or self.sides[0].shares_file(self.sides[1]) or self.sides[1].label == EXPORTED_AGAIN:
            return ()
        return (f"opsets: the candidate is of opset {ours}, the reference of {theirs}",)

    def _localised(
        self, wrong: tuple[str, ...], outputs: tuple[Mapping[str, Array], Mapping[str, Array]]
    ) -> tuple[Reduced | None, Finding | None]:
        if not past_tolerance(self.tolerances, wrong, outputs):
            return None, self._agreeing(outputs, wrong)
        try:
            cause = known_cause(self.sides, self.feeds, wrong, outputs, self.narrow, self.quantised)
            if cause is not None:
                return None, cause
            if self.quantised:
                from pytest_onnxaccel.runner.localise.quantised.most_lost import finding as loss_of

                return None, loss_of(*self.sides, self.feeds, self.drawn)
            found = intermediates(*self.sides, self.feeds, wrong, narrow=self.narrow)
            if not still(wrong, found.outputs, outputs):
                return None, vanished(found, fused(found, wrong, outputs))
            suspect, reduced = origin(found)
            causes = None if reduced or suspect is None else behind(found, suspect, wrong, outputs)
            return reduced, finding(found, suspect, reduced, causes)
        except Exception as error:  # an error of ours, too, must not hide the verdict
            self.notes.append(_note("not localised", error))
        return None, None

    def _agreeing(self, outputs: tuple[Mapping[str, Array], Mapping[str, Array]], wrong: Sequence[str]) -> Finding:
        """Return that nothing inside can tell: on the same inputs, run once more, the two sides agree."""
        seen = "compared the outputs alone"
        if self.sides[1].label != EXPORTED_AGAIN:
            line = "not localised: run once more on the same inputs, the two sides agree within the tolerance"
            return Finding("; run once more, they agree", (line,), seen, {"again": False})
        same = all(gap(outputs[0][name], outputs[1][name]).share == 0 for name in wrong if name in outputs[1])
        how = "gives the same" if same else "agrees within the tolerance"
        line = f"not localised: {EXPORTED_AGAIN} {how}; what differs is the framework and its export"
        return Finding(f"; {EXPORTED_AGAIN} gives the same", (line,), seen, {})

    def _blamed(self, evidence: Evidence) -> Blame | None:
        try:
            return engine_vote(self.sides, self.backends, self.engines, evidence)
        except Exception as error:
            self.notes.append(_note("engines not compared", error))
            return None

    def _saved(
        self,
        result: CheckResult,
        outputs: tuple[Mapping[str, Array], Mapping[str, Array]],
        reduced: Reduced | None,
        at: int,
    ) -> CheckResult:
        """Return *result* with the folder of its case, reported as the detail number *at*."""
        assert self.failures is not None
        folder = folder_of(self.failures, result)
        try:
            save_case(folder, FailedCase(result, self.sides, self.feeds, outputs, reduced), self.engines)
        except Exception as error:
            self.notes.append(_note(f"no case in {folder}", error))
            return result
        shown = printable(str(folder), 200)
        details = (*result.details[:at], f"case: {shown} (python repro.py)", *result.details[at:])
        return result.with_(details=details, figures={**result.figures, "case": shown})


def _note(what: str, error: Exception) -> str:
    text = error.cause if isinstance(error, OnnxAccelError) else f"{type(error).__name__}: {error}"
    return f"{what}: {printable(text, 160)}"


def tolerances_of(result: CheckResult) -> dict[str, tuple[float, float]]:
    """Return (rtol, atol) by output, as the check had them."""
    told = result.figures.get("outputs", {})
    return {name: (float(one.get("rtol") or 0.0), float(one.get("atol") or 0.0)) for name, one in told.items()}


def past_tolerance(
    tolerances: Mapping[str, tuple[float, float]],
    wrong: Sequence[str],
    outputs: tuple[Mapping[str, Array], Mapping[str, Array]],
) -> bool:
    """Return whether a *wrong* output is past its tolerance in *outputs*; without a tolerance: differs at all."""
    for name in wrong:
        if name not in outputs[0] or name not in outputs[1]:
            return True
        a, b = outputs[0][name], outputs[1][name]
        if name not in tolerances and gap(a, b).share > 0:
            return True
        if name in tolerances and exceeds(a, b, *tolerances[name]):
            return True
    return False


def wrong_outputs(result: CheckResult, outputs: tuple[Mapping[str, Array], Mapping[str, Array]]) -> tuple[str, ...]:
    """Return the outputs past their tolerance, or not comparable."""
    told = result.figures.get("outputs", {})
    found = [name for name, figures in told.items() if figures.get("bad_share")]
    ours, theirs = outputs
    found += [
        name
        for name in theirs
        if name in ours and name not in found and gap(ours[name], theirs[name]).share == float("inf")
    ]
    return tuple(found) or tuple(name for name in theirs if name in ours)
