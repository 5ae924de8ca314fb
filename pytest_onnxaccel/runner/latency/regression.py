"""What ``regression`` compares a model with: the reference model, or the model's own file at a git revision."""

from __future__ import annotations

from collections.abc import Callable

from pytest_onnxaccel.checks.interface import input_problems
from pytest_onnxaccel.config.budget_syntax import GIT
from pytest_onnxaccel.core.errors import ConfigError, ModelError
from pytest_onnxaccel.core.specs import ModelInfo
from pytest_onnxaccel.runner.latency.git_baseline import at_revision
from pytest_onnxaccel.runner.sessions.frozen_batch import freeze
from pytest_onnxaccel.runner.sessions.model_session import ModelSession


def baseline(
    model_session: ModelSession, wanted: str, other: Callable[[str], ModelSession], backend: str, batch: int | None
) -> tuple[str, str]:
    """Name and file of the model that *model_session* is compared with.

    Args:
        model_session: the model that is timed.
        wanted: ``git:REVISION``, or empty for the reference model.
        other: opens the model at a path.
        backend: name of the backend that both run in.
        batch: to which it is frozen; None to leave it as it is.

    Raises:
        ConfigError: there is no reference model.
        NoBaseline: the revision has no such file.
        ModelError: it cannot be fetched or frozen, or takes other inputs (``V_CONTRACT``).
    """
    revision = wanted[len(GIT) :]
    if revision:
        path = at_revision(
            model_session.spec.path, revision, model_session.folder, lambda file: _external(model_session, file)
        )
    else:
        path = model_session.spec.reference or ""
        if not path.lower().endswith(".onnx"):
            raise ConfigError(
                "regression has nothing to be compared with",
                subject=model_session.spec.name,
                remedy='give --onnx-reference=main.onnx, or regression="10% git:origin/main"',
            )
    found = other(path)
    name = f"{found.spec.name} at {revision}" if revision else found.spec.name
    problems = input_problems(model_session.info.inputs, found.info.inputs, (model_session.spec.name, name))
    if problems:
        raise ModelError(problems[0], code="V_CONTRACT", remedy="compare with a model that takes the same inputs")
    if batch is None:
        return name, found.path
    return name, freeze(found, backend, found.ready(backend), batch).path


def _external(model_session: ModelSession, path: str) -> tuple[str, ...]:
    return ModelInfo.from_json(model_session.graph("inspect", path=path)).external
