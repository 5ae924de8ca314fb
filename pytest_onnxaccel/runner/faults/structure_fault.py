"""A file that the structure check refuses, and a backend that is only compared with as well: one fault, one failure."""

from __future__ import annotations

from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.runner.request import Request
from pytest_onnxaccel.runner.sessions.model_sessions import ModelSessions

#: What a backend and the structure check may both say of a graph.
_CODES = ("E_GRAPH", "E_SCHEMA")


def told_by_structure(
    result: CheckResult, error: OnnxAccelError, request: Request, model_sessions: ModelSessions
) -> CheckResult:
    """Return *result* of a parity check that *error* ended, or one that refers to the structure check.

    Only of a backend whose own contract check is not part of the run: that one would tell it of itself.
    """
    at_fault = error.backend or request.backend
    if (
        result.verdict is not Verdict.FAILED
        or result.code not in _CODES
        or request.check != "parity"
        or ("structure", "") not in request.reported
        or ("contract", at_fault) in request.reported
    ):
        return result
    try:
        model = model_sessions.of(request.model)
        found = model.graph("structure", path=model.path)
    except OnnxAccelError:
        return result
    if all(found[part]["ok"] for part in ("checker", "shape_inference")):
        return result
    message = f"{result.message} (see structure)"
    return result.with_(verdict=Verdict.NOT_APPLICABLE, message=message)
