"""One side of a comparison: a model's file in a backend."""

from __future__ import annotations

import os
from dataclasses import replace

from pytest_onnxaccel.backends.checked_session import GuardedSession
from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.runner.sessions.model_session import Subject

#: How messages call a source that was exported once more to be looked into.
EXPORTED_AGAIN = "its source exported again"


@record(frozen=True)
class Side:
    """A model's file in a backend.

    Attributes:
        label: how messages call it.
        path: the file, where it is not the model's own copy.
    """

    label: str
    subject: Subject
    backend: str
    path: str | None = None
    options: LoadOptions | None = None

    @property
    def file(self) -> str:
        return self.path or self.subject.path

    def session(self) -> GuardedSession:
        return self.subject.session(self.backend, self.path, self.options)

    def at(self, path: str) -> Side:
        """The same backend on another file."""
        return replace(self, path=path)

    def shares_file(self, other: Side) -> bool:
        return self.file == other.file


def derived(subject: Subject, kind: str) -> str:
    """A path for a file derived from the model that nothing lies at."""
    return os.path.join(subject.folder, f"{kind}-{os.urandom(6).hex()}.onnx")
