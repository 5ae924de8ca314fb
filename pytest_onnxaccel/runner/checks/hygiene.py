"""Run the hygiene check: what is legal in the file and still worth a look."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_onnxaccel.checks.hygiene import hygiene
from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.core.results import CheckResult
from pytest_onnxaccel.runner.check_run import CheckRun


def run(context: CheckRun) -> CheckResult:
    """Return the result of the hygiene check, with the warnings of the runtimes that load the model."""
    findings = context.model_session.graph("hygiene", path=context.path)
    warnings = list(dict.fromkeys(_warnings(context)))
    return hygiene(context.model, findings, warnings, context.options.fail_on_hygiene)


def _warnings(context: CheckRun) -> Iterator[str]:
    for name in context.backends:
        backend = context.state.engines.backend(name)
        if backend.role != "runtime" or backend.environment:
            continue
        try:
            yield from context.model_session.session(name).info.warnings
        except OnnxAccelError:
            continue  # the contract check says so
