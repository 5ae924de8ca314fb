"""Ways to run a model at another batch size: sessions of its candidates in one backend."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pytest_onnxaccel.backends.protocol import Session
from pytest_onnxaccel.checks.batch.proof import BatchSessions
from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.runner.sessions.batch_files import AS_IS, AUTO, RE_EXPORT, Candidate

if TYPE_CHECKING:
    from pytest_onnxaccel.runner.sessions.model_session import ModelSession


def batch_sessions(model_session: ModelSession, name: str) -> BatchSessions:
    """Return what opens sessions of *model_session* in backend *name* at a batch size."""

    def at(size: int) -> Iterator[tuple[str, Session | OnnxAccelError]]:
        ready = model_session.ready(name)
        inputs = ready.resolved.inputs
        if inputs.dynamic or inputs.batch == size:
            yield ("dynamic" if inputs.dynamic else AS_IS), ready.session
            return
        for candidate in model_session.candidates.files(size, quick_survey=True):
            yield at_batch(model_session, name, candidate)
        # Last, though it is the best way: it takes seconds, and here nobody wants the file
        if model_session.spec.source is not None:
            for candidate in model_session.sourced.re_exports(size, inputs):
                yield at_batch(model_session, name, candidate, RE_EXPORT)

    return at


def at_batch(
    model_session: ModelSession, name: str, candidate: Candidate | OnnxAccelError, method: str = AUTO
) -> tuple[str, Session | OnnxAccelError]:
    """Return the method of *candidate*, with its session in backend *name* or with what stands against it."""
    if isinstance(candidate, OnnxAccelError):
        return method, candidate
    if candidate.info is not None:
        model_session.declares(candidate.path, candidate.info)
    try:
        return candidate.method, model_session.placed(name, model_session.session(name, candidate.path))
    except OnnxAccelError as error:
        return candidate.method, error
