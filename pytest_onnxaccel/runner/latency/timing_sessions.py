"""Sessions for one timing: each used by nothing else, closed together, on request in processes of their own."""

from __future__ import annotations

import contextlib
from types import TracebackType

from pytest_onnxaccel.backends.checked_session import CheckedSession
from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.isolation.engine import Engine
from pytest_onnxaccel.runner.sessions.model.ready import Ready
from pytest_onnxaccel.runner.sessions.model_session import ModelSession
from pytest_onnxaccel.runner.sessions.workers.engines import Engines


class Bench:
    """Opens sessions of *model_session* and of files derived from it, until it is left.

    Args:
        fresh: in new workers, which end with it; else in those that the model session has open.
    """

    def __init__(self, model_session: ModelSession, engines: Engines, fresh: bool = False) -> None:
        self.model_session = model_session
        self._engines = engines
        self._fresh = fresh
        self._own: dict[str, Engine] = {}
        self._sessions: list[CheckedSession] = []

    def session(self, backend: str, path: str | None = None, options: LoadOptions | None = None) -> CheckedSession:
        """Return a new session of *backend* on the model, or on the file at *path*.

        Raises:
            OnnxAccelError: it cannot be loaded.
        """
        made = self.model_session.fresh(backend, path, options, self._engine(backend))
        self._sessions.append(made)
        return self.model_session.placed(backend, made)

    def _engine(self, backend: str) -> Engine | None:
        if not self._fresh:
            return None
        if backend not in self._own:
            self._own[backend] = self._engines.open(
                backend, self.model_session.info.operators, fresh=True, own=self.model_session.folder
            )
        return self._own[backend]

    def __enter__(self) -> Bench:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for session in self._sessions:
            with contextlib.suppress(OnnxAccelError):
                if session.alive:
                    session.close()
        for engine in self._own.values():
            engine.close()


@record(frozen=True)
class TimedModel:
    """A model in the backend and at the batch that it is timed at.

    Attributes:
        ready: it running in *backend*, at its own batch.
        path: file of the model at *batch*; None where its own file has that batch.
        batch: samples of one call; None for the model's own.
    """

    model_session: ModelSession
    engines: Engines
    backend: str
    ready: Ready
    path: str | None = None
    batch: int | None = None

    def bench(self, fresh: bool = False) -> Bench:
        """Return the sessions to time it in, *fresh* ones in new workers."""
        return Bench(self.model_session, self.engines, fresh)
