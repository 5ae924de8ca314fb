"""Which verdict an error is: a failure of the model, a backend that is not here, or what another check reports."""

from __future__ import annotations

from collections.abc import Set

from pytest_onnxaccel.errors import BackendUnavailable, ConversionError, NoBaseline, OnnxAccelError
from pytest_onnxaccel.printing import left_out
from pytest_onnxaccel.results import CheckResult, Verdict
from pytest_onnxaccel.runner.engines import Engines
from pytest_onnxaccel.runner.request import Request


class ElsewhereFault(OnnxAccelError):
    """A fault that another check of this run reports; this check does not apply."""

    def __init__(self, fault: OnnxAccelError, where: str) -> None:
        super().__init__(fault.cause, code=fault.code, subject=fault.subject, where=f"see {where}")


def verdict_of(error: OnnxAccelError, request: Request, engines: Engines, required: Set[str]) -> CheckResult:
    """The result of a check that *error* ended."""
    involved = {request.backend, request.reference, error.backend} & set(required)
    verdict = Verdict.FAILED
    if isinstance(error, (ElsewhereFault, NoBaseline)) or error.code == "E_INPUT":
        # Inputs that cannot be made up say nothing of the model, and a new model has none that it replaces
        verdict = Verdict.NOT_APPLICABLE
    elif isinstance(error, (BackendUnavailable, ConversionError)) or (
        error.code == "E_SCHEMA" and _partial(error, request, engines)
    ):
        verdict = Verdict.FAILED if involved else Verdict.NOT_APPLICABLE
    message = str(error.about(request.model))
    return CheckResult(
        request.model,
        request.check,
        verdict,
        error.code,
        message,
        backend=request.backend,
        reference=request.reference,
        batch=request.batch,
        traceback=error.traceback,
        details=left_out(error.cause, message),
    )


def _partial(error: OnnxAccelError, request: Request, engines: Engines) -> bool:
    """The backend that refused lacks operators of which others have all: that says more of it than of the model."""
    name = error.backend or request.backend
    return bool(name) and not getattr(engines.backend(name), "complete", True)
