"""After a parity check has failed by value: where the two part, which engine is wrong, and a case that shows it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.checks.localise.odd_one_out import OddOneOut
from pytest_onnxaccel.core.errors import OnnxAccelError, printable
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.results import CheckResult
from pytest_onnxaccel.numerics.compare.distance import gap
from pytest_onnxaccel.runner.localise.describe import Finding, finding
from pytest_onnxaccel.runner.localise.engine_vote import engine_vote
from pytest_onnxaccel.runner.localise.failed_check import FailedCheck
from pytest_onnxaccel.runner.localise.fused_nodes import fused, still
from pytest_onnxaccel.runner.localise.intermediates import intermediates
from pytest_onnxaccel.runner.localise.isolate_node import Reduced, origin, swept
from pytest_onnxaccel.runner.localise.saved_case import FailedCase, folder_of, save_case
from pytest_onnxaccel.runner.sessions.comparison_sides import EXPORTED_AGAIN, ComparisonSide
from pytest_onnxaccel.runner.sessions.engines import Engines

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
        return result
    try:
        analysis = FailureAnalysis(
            sides,
            failed.feeds(),
            backends,
            failed.engines,
            failed.failures,
            narrow=str(result.figures.get("conversion", "")),
            quantised="quantised" in result.figures,
        )
        return analysis(result)
    except Exception as error:
        return result.with_(notes=(*result.notes, _note("not looked into", error)))


@record(frozen=True)
class FailureAnalysis:
    """What is needed to look into one failure.

    Attributes:
        sides: candidate and reference.
        feeds: of the sample that failed worst.
        backends: of the run.
        failures: folder that cases are saved in; None saves none.
        narrow: float type of fewer digits that one side is a conversion to; empty where it is none.
        quantised: one side alone computes with few whole numbers.
    """

    sides: tuple[ComparisonSide, ComparisonSide]
    feeds: Mapping[str, Array]
    backends: Sequence[str]
    engines: Engines
    failures: str | None = None
    notes: list[str] = field(default_factory=list)
    narrow: str = ""
    quantised: bool = False

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
        wrong = wrong_outputs(result, outputs)
        reduced, told = self._localised(wrong, outputs)
        with swept(self.sides, reduced):
            if told is not None:
                details += told.details
                figures["localisation"] = told.figures | {"seconds": time.perf_counter() - start}
            if (blamed := self._odd_one_out(reduced)) is not None:
                details.append(f"engines: {blamed.sentence}")
                figures["blame"] = blamed.to_json()
            message = result.message + (told.clause if told else "")
            ends = (told.seen,) if told else ()
            complete = result.with_(message=message, details=(*details, *result.details, *ends))
            complete = complete.with_(figures={**result.figures, **figures})
            if self.failures is not None:
                complete = self._saved(complete, outputs, reduced, len(details))
        return complete.with_(notes=(*complete.notes, *self.notes))

    def _localised(
        self, wrong: tuple[str, ...], outputs: tuple[Mapping[str, Array], Mapping[str, Array]]
    ) -> tuple[Reduced | None, Finding | None]:
        if self.sides[1].label == EXPORTED_AGAIN and all(
            gap(outputs[0][name], outputs[1][name]).share == 0 for name in wrong if name in outputs[1]
        ):
            # Nothing inside can tell: what differs lies between the framework and its export, rounding above all
            line = f"not localised: {EXPORTED_AGAIN} gives the same; what differs is the framework and its export"
            return None, Finding(f"; {EXPORTED_AGAIN} gives the same", (line,), "compared the outputs alone", {})
        try:
            if self.quantised:
                from pytest_onnxaccel.runner.localise.quantised_loss import finding as lost

                return None, lost(*self.sides, self.feeds)
            found = intermediates(*self.sides, self.feeds, wrong, narrow=self.narrow)
            if not still(wrong, found.outputs, outputs):
                return None, finding(found, None, None, True, fused(found, wrong, outputs))
            suspect, reduced = origin(found)
            return reduced, finding(found, suspect, reduced, False)
        except Exception as error:  # an error of ours, too, must not hide the verdict
            self.notes.append(_note("not localised", error))
        return None, None

    def _odd_one_out(self, reduced: Reduced | None) -> OddOneOut | None:
        try:
            return engine_vote(self.sides, self.backends, self.engines, self.feeds, reduced)
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
