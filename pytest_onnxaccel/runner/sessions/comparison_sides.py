"""One side of a comparison: a model's file in a backend."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

from pytest_onnxaccel.backends.protocol import LoadOptions, Session
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.runner.sessions.model_session import ModelSession

#: How messages call a source that was exported once more to be looked into.
EXPORTED_AGAIN = "its source exported again"


@record(frozen=True)
class ComparisonSide:
    """A model's file in a backend.

    Attributes:
        label: how messages call it.
        path: the file, where it is not the model's own copy.
        wrap: makes a session take and give what the other side does.
    """

    label: str
    model_session: ModelSession
    backend: str
    path: str | None = None
    options: LoadOptions | None = None
    wrap: Callable[[Session], Session] | None = None

    @property
    def file(self) -> str:
        return self.path or self.model_session.path

    def session(self) -> Session:
        found = self.model_session.session(self.backend, self.path, self.options)
        return found if self.wrap is None else self.wrap(found)

    def at(self, path: str) -> ComparisonSide:
        """Return the same backend on another file."""
        return replace(self, path=path)

    def shares_file(self, other: ComparisonSide) -> bool:
        return self.file == other.file


def derived(model_session: ModelSession, kind: str) -> str:
    """Return an unused path for a file derived from the model."""
    return os.path.join(model_session.folder, f"{kind}-{os.urandom(6).hex()}.onnx")
