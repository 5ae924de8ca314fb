"""After a parity check has failed by value against what shows no graph: a case on disk, and why no origin is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_onnxaccel.checks.parity.check import sample
from pytest_onnxaccel.core.errors import OnnxAccelError, printable
from pytest_onnxaccel.core.failure_folder import case_folder
from pytest_onnxaccel.core.results import CheckResult
from pytest_onnxaccel.core.specs import SourceSpec
from pytest_onnxaccel.numerics.sampling.input_sets import Inputs
from pytest_onnxaccel.runner.localise.localise import by_value, worst_sample
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
    """Return *result* of a failed parity check with its case, and why its origin was not searched for.

    Whatever goes wrong here is a note of the result and leaves the verdict as it is.

    Args:
        ours: the candidate.
        source: what *reference* is a session of.
        failures: folder that cases are saved in; None saves none.
    """
    if not by_value(result):
        return result
    why = "a function has no graph to look into" if source.function else "its source could not be exported again"
    complete = result.with_(details=(*result.details, f"not localised: {why}"))
    if failures is None:
        return complete
    batch = f"b{result.batch}" if result.batch is not None else ""
    folder = case_folder(failures, result.model, "parity", result.backend, result.reference, batch)
    tolerances = {
        name: (float(told.get("rtol") or 0.0), float(told.get("atol") or 0.0))
        for name, told in result.figures.get("outputs", {}).items()
    }
    try:
        feeds = sample(inputs, request.seeds, request.batch, worst_sample(result))
        outputs = ours.session().run(feeds), reference.run(feeds)
        save_case(folder, (ours, source.shown), engines, feeds, outputs, tolerances, None, str(complete))
    except Exception as error:  # a disk that refuses it, too, must not hide the verdict
        text = error.cause if isinstance(error, OnnxAccelError) else f"{type(error).__name__}: {error}"
        return complete.with_(notes=(*complete.notes, f"no case in {folder}: {printable(text, 160)}"))
    shown = printable(str(folder), 200)
    details = (f"case: {shown} (python repro.py)", *complete.details)
    return complete.with_(details=details, figures={**complete.figures, "case": shown})
