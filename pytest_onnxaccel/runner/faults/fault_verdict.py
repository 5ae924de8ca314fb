"""Which verdict an error is: a failure of the model, a backend that is not here, or what another check reports."""

from __future__ import annotations

import os
from collections.abc import Set

from pytest_onnxaccel.core.errors import BackendUnavailable, ConfigError, ConversionError, NoBaseline, OnnxAccelError
from pytest_onnxaccel.core.printing import left_out
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import ModelSpec
from pytest_onnxaccel.runner.request import GOLDEN, Request
from pytest_onnxaccel.runner.sessions.workers.engines import Engines


class ElsewhereFault(OnnxAccelError):
    """A fault that another check of this run reports; this check does not apply."""

    def __init__(self, fault: OnnxAccelError, where: str) -> None:
        super().__init__(fault.cause, code=fault.code, subject=fault.subject, where=f"see {where}")


def verdict_of(
    error: OnnxAccelError, request: Request, engines: Engines, required: Set[str], spec: ModelSpec | None = None
) -> CheckResult:
    """Return the result of a check that *error* ended.

    *spec*: what the user asked for by name is never left unjudged.
    """
    involved = {request.backend, request.reference, error.backend} & set(required)
    verdict = Verdict.FAILED
    if isinstance(error, (ElsewhereFault, NoBaseline)) or error.code == "E_INPUT":
        # Inputs that cannot be made up say nothing of the model, and a new model has none that it replaces
        verdict = Verdict.NOT_APPLICABLE
    elif isinstance(error, (BackendUnavailable, ConversionError)) or (
        _may_be_its_own(error, request, engines) and _partial(error, request, engines)
    ):
        verdict = Verdict.FAILED if involved else Verdict.NOT_APPLICABLE
    message, code = str(error.about(request.model)), error.code
    elsewhere = isinstance(error, (ElsewhereFault, NoBaseline))
    named = _named(error, request, spec) if verdict is Verdict.NOT_APPLICABLE and not elsewhere else ""
    if named:
        verdict, code = Verdict.FAILED, "V_NOTJUDGED"
        message = f"{named} was asked for and cannot be judged: {message}"
    return CheckResult(
        request.model,
        request.check,
        verdict,
        code,
        message,
        backend=request.backend,
        reference=request.reference,
        batch=request.batch,
        traceback=error.traceback,
        details=left_out(error.cause, message),
    )


def _named(error: OnnxAccelError, request: Request, spec: ModelSpec | None) -> str:
    """Return what the user asked for by name and *error* stands against; empty where it was nobody's wish."""
    if spec is None:
        return ""
    if error.code == "E_INPUT":
        given = [item.name for item in spec.inputs if item.file or item.images or item.shape or item.says_values]
        named = [name for name in given if f"input {name!r}" in error.cause]
        if named or (given and "input '" not in error.cause):
            given = named or given
            return "what was given for input " + ", ".join(map(repr, given[:3]))
    if request.reference == GOLDEN and spec.golden is not None:
        return f"golden data {spec.golden.shown}"
    chosen = spec.reference or (spec.source.shown if spec.source is not None else "")
    chosen = request.source.shown if request.source is not None else chosen
    if request.check == "parity" and chosen and (error.code == "E_INPUT" or error.backend not in ("", request.backend)):
        return f"reference {os.path.basename(chosen)}"
    return ""


def _may_be_its_own(error: OnnxAccelError, request: Request, engines: Engines) -> bool:
    """Return whether *error* may be a backend's own fault, in a backend that is known to lack something.

    An operator that it does not have; and a run that fails in an interpreter of graphs, where a runtime runs the same
    inputs: parity asks both.
    """
    if error.code != "E_RUN":
        return error.code == "E_SCHEMA"
    return request.check == "parity" and bool(error.backend) and _interprets(error.backend, engines)


def _interprets(name: str, engines: Engines) -> bool:
    try:
        return bool(getattr(engines.backend(name), "interprets", False))
    except ConfigError:  # a function of the user's, not a backend
        return False


def _partial(error: OnnxAccelError, request: Request, engines: Engines) -> bool:
    """Return whether the refusing backend lacks operators that others have, which is not the model's fault."""
    name = error.backend or request.backend
    return bool(name) and not getattr(engines.backend(name), "complete", True)
