"""What ``regression`` compares a model with: the reference model, or the model's own file at a git revision."""

from __future__ import annotations

from collections.abc import Callable

from pytest_onnxaccel.checks.interface import input_problems
from pytest_onnxaccel.config.budget_syntax import GIT
from pytest_onnxaccel.core.errors import ConfigError, ModelError
from pytest_onnxaccel.core.specs import ModelInfo
from pytest_onnxaccel.runner.latency.git_baseline import at_revision
from pytest_onnxaccel.runner.sessions.frozen_batch import freeze
from pytest_onnxaccel.runner.sessions.model_session import Subject


def baseline(
    subject: Subject, wanted: str, other: Callable[[str], Subject], backend: str, batch: int | None
) -> tuple[str, str]:
    """Name and file of the model that *subject* is compared with.

    Args:
        wanted: ``git:REVISION``, or empty for the reference model.
        other: opens the model at a path.
        batch: to which it is frozen; None to leave it as it is.

    Raises:
        ConfigError: there is no reference model.
        NoBaseline: the revision has no such file.
        ModelError: it cannot be fetched or frozen, or takes other inputs (``V_CONTRACT``).
    """
    revision = wanted[len(GIT) :]
    if revision:
        path = at_revision(subject.spec.path, revision, subject.folder, lambda file: _external(subject, file))
    else:
        path = subject.spec.reference or ""
        if not path.lower().endswith(".onnx"):
            raise ConfigError(
                "regression has nothing to be compared with", subject=subject.spec.name,
                remedy='give --onnx-reference=main.onnx, or regression="10% git:origin/main"',
            )  # fmt: skip
    found = other(path)
    name = f"{found.spec.name} at {revision}" if revision else found.spec.name
    problems = input_problems(subject.info.inputs, found.info.inputs, (subject.spec.name, name))
    if problems:
        raise ModelError(problems[0], code="V_CONTRACT", remedy="compare with a model that takes the same inputs")
    if batch is None:
        return name, found.path
    return name, freeze(found, backend, found.ready(backend), batch).path


def _external(subject: Subject, path: str) -> tuple[str, ...]:
    return ModelInfo.from_json(subject.graph("inspect", path=path)).external
