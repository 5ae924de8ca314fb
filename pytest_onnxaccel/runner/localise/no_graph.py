"""After a parity check has failed by value against what shows no graph: a case on disk, and why no origin is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_onnxaccel.checks.parity.check import sample
from pytest_onnxaccel.core.errors import OnnxAccelError, printable
from pytest_onnxaccel.core.failure_folder import case_folder
from pytest_onnxaccel.core.results import CheckResult
from pytest_onnxaccel.core.specs import SourceSpec
from pytest_onnxaccel.numerics.sampling.input_sets import Inputs
from pytest_onnxaccel.runner.localise.describe import Finding
from pytest_onnxaccel.runner.localise.known_cause import known_cause
from pytest_onnxaccel.runner.localise.localise import by_value, tolerances_of, worst_sample, wrong_outputs
from pytest_onnxaccel.runner.localise.saved_case import save_case
from pytest_onnxaccel.runner.request import Request
from pytest_onnxaccel.runner.sessions.comparison_sides import ComparisonSide
from pytest_onnxaccel.runner.sessions.engines import Engines

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Session


def not_looked_into(
    result: CheckResult,
    request: Request,
    ours: ComparisonSide,
    source: SourceSpec,
    reference: Session,
    inputs: Inputs,
    engines: Engines,
    failures: str | None,
) -> CheckResult:
    """*result* of a failed parity check with its case, and why its origin was not searched for.

    Whatever goes wrong here is a note of the result and leaves the verdict as it is.

    Args:
        ours: the candidate.
        source: what *reference* is a session of.
        failures: folder that cases are saved in; None saves none.
    """
    if not by_value(result):
        return result
    try:
        feeds = sample(inputs, request.seeds, request.batch, worst_sample(result))
        outputs = ours.session().run(feeds), reference.run(feeds)
        complete = _told(result, known_cause((ours, None), feeds, wrong_outputs(result, outputs), outputs), source)
    except Exception as error:
        return result.with_(notes=(*result.notes, f"not looked into: {_text(error)}"))
    if failures is None:
        return complete
    batch = f"b{result.batch}" if result.batch is not None else ""
    folder = case_folder(failures, result.model, "parity", result.backend, result.reference, batch)
    try:
        sides = (ours, source.shown)
        save_case(folder, sides, engines, feeds, outputs, tolerances_of(result), None, str(complete))
    except Exception as error:  # a disk that refuses it, too, must not hide the verdict
        return complete.with_(notes=(*complete.notes, f"no case in {folder}: {_text(error)}"))
    shown = printable(str(folder), 200)
    details = (f"case: {shown} (python repro.py)", *complete.details)
    return complete.with_(details=details, figures={**complete.figures, "case": shown})


def _told(result: CheckResult, cause: Finding | None, source: SourceSpec) -> CheckResult:
    """*result* with what is known of its cause, or why nothing was searched for."""
    if cause is None:
        why = "a function has no graph to look into" if source.function else "its source could not be exported again"
        return result.with_(details=(*result.details, f"not localised: {why}"))
    figures = {**result.figures, "localisation": cause.figures}
    message = result.message + cause.clause
    return result.with_(message=message, details=(*cause.details, *result.details, cause.seen), figures=figures)


def _text(error: Exception) -> str:
    text = error.cause if isinstance(error, OnnxAccelError) else f"{type(error).__name__}: {error}"
    return printable(text, 160)
