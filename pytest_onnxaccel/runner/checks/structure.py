"""Run the structure check: the file is a valid model."""

from __future__ import annotations

from pytest_onnxaccel.checks.structure import structure
from pytest_onnxaccel.core.results import CheckResult
from pytest_onnxaccel.runner.check_run import CheckRun


def run(context: CheckRun) -> CheckResult:
    """Return the result of the structure check, which reports itself what is wrong with the file."""
    model = context.model_session
    return structure(context.model, model.info, model.graph("structure", path=model.path))
