"""After a parity check has failed by value against what shows no graph: a saved case, and why no origin is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_onnxaccel.core.errors import OnnxAccelError, printable
from pytest_onnxaccel.core.results import CheckResult
from pytest_onnxaccel.core.specs import SourceSpec
from pytest_onnxaccel.runner.localise.cases.saved_case import FailedCase, folder_of, save_case
from pytest_onnxaccel.runner.localise.describe import Finding
from pytest_onnxaccel.runner.localise.failed_check import FailedCheck
from pytest_onnxaccel.runner.localise.known_cause import known_cause
from pytest_onnxaccel.runner.localise.localise import wrong_outputs
from pytest_onnxaccel.runner.sessions.comparison_sides import ComparisonSide

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Session


def not_looked_into(failed: FailedCheck, ours: ComparisonSide, source: SourceSpec, reference: Session) -> CheckResult:
    """Return the result of a failed parity check with its case, and why its origin was not searched for.

    Whatever goes wrong here is a note of the result and leaves the verdict as it is.

    Args:
        failed: the failed check, with its request, result and inputs.
        ours: the candidate.
        source: what *reference* is a session of.
        reference: what the candidate was compared with.
    """
    result = failed.result
    if not failed.by_value:
        return result
    try:
        feeds = failed.feeds()
        outputs = ours.session().run(feeds), reference.run(feeds)
        complete = _told(result, known_cause((ours, None), feeds, wrong_outputs(result, outputs), outputs), source)
    except Exception as error:
        return result.with_(notes=(*result.notes, f"not looked into: {_text(error)}"))
    if failed.failures is None:
        return complete
    folder = folder_of(failed.failures, result)
    try:
        save_case(folder, FailedCase(complete, (ours, source.shown), feeds, outputs), failed.engines)
    except Exception as error:  # a disk that refuses it, too, must not hide the verdict
        return complete.with_(notes=(*complete.notes, f"no case in {folder}: {_text(error)}"))
    shown = printable(str(folder), 200)
    details = (f"case: {shown} (python repro.py)", *complete.details)
    return complete.with_(details=details, figures={**complete.figures, "case": shown})


def _told(result: CheckResult, cause: Finding | None, source: SourceSpec) -> CheckResult:
    """Return *result* with what is known of its cause, or why nothing was searched for."""
    if cause is None:
        why = "a function has no graph to look into" if source.function else "its source could not be exported again"
        return result.with_(details=(*result.details, f"not localised: {why}"))
    figures = {**result.figures, "localisation": cause.figures}
    message = result.message + cause.clause
    return result.with_(message=message, details=(*cause.details, *result.details, cause.seen), figures=figures)


def _text(error: Exception) -> str:
    text = error.cause if isinstance(error, OnnxAccelError) else f"{type(error).__name__}: {error}"
    return printable(text, 160)
