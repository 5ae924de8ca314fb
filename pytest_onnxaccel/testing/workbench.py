"""Where the kit runs a backend: registered for the moment, its sessions in workers as in any run."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING

from pytest_onnxaccel.backends.checked_session import CheckedSession
from pytest_onnxaccel.backends.protocol import GROUP, Availability, Backend, LoadOptions, Session
from pytest_onnxaccel.core.lookup import registry
from pytest_onnxaccel.core.specs import ModelSpec, SourceSpec
from pytest_onnxaccel.isolation.limits import Limits
from pytest_onnxaccel.runner.request import RunOptions
from pytest_onnxaccel.runner.sessions.model_session import ModelSession
from pytest_onnxaccel.runner.sessions.source import source_options
from pytest_onnxaccel.runner.sessions.workers.engines import Engines
from pytest_onnxaccel.testing import probe_backend as watched

if TYPE_CHECKING:
    from pytest_onnxaccel.testing.tiny_models import Case

#: What makes a backend: its class, or a function without arguments.
Make = Callable[[], Backend]


def reference_of(make: Make) -> str:
    """Return ``module:name`` of *make*, under which a worker finds it; empty when it has no name of its own."""
    name = getattr(make, "__qualname__", "")
    module = getattr(make, "__module__", "")
    return f"{module}:{name}" if module and name and "<" not in name else ""


class _Given(EntryPoint):
    """An entry point whose object exists already."""

    make: Make

    def load(self) -> Make:
        return type(self).make


class Bench:
    """A backend with its engines; :meth:`close` ends them.

    Args:
        make: gives the backend, here and, by its reference, in the workers.
        pythons: interpreter by name of an isolated environment.
        seconds: limit of each stage.
    """

    def __init__(self, make: Make, pythons: Mapping[str, str], seconds: float) -> None:
        self.backend = make()
        self.folder = tempfile.mkdtemp(prefix="onnxaccel-conformance-")
        name, reference = str(self.backend.name), reference_of(make)
        given = type("Given", (_Given,), {"make": staticmethod(make)})
        # A backend under development need not be registered; what is under its name comes back at the end
        self._names = {False: name, True: f"{name} (watched)"}
        self._before = registry.replace(GROUP, self._names[False], given(name, reference, GROUP))
        registry.replace(GROUP, self._names[True], given(name, watched.reference(reference), GROUP))
        limits = Limits(seconds, Limits.default().memory)
        self._engines = Engines(RunOptions(limits=limits, pythons=pythons, readable=(self.folder,)))
        self._model_sessions: dict[bool, ModelSession] = {}
        #: What a watched session was caught at; None until one was.
        self.caught: list[str] | None = None
        #: What a source backend runs, once it is written.
        self.source: SourceSpec | None = None

    @property
    def availability(self) -> Availability:
        """Whether the backend can be tried here."""
        return self._engines.availability(self._names[False])

    def _model_session(self, case: Case, watch: bool) -> ModelSession:
        if watch not in self._model_sessions:
            name, path = self._names[watch], case.write(self.folder)
            spec = ModelSpec(case.name, path, path, origin="conformance")
            self._model_sessions[watch] = ModelSession(spec, self._engines, len(self._model_sessions), (name,), 0)
        return self._model_sessions[watch]

    def session(
        self,
        case: Case,
        options: LoadOptions | None = None,
        watch: bool = False,
        source: SourceSpec | None = None,
    ) -> CheckedSession:
        """Return a checked session of *case*, or of *source* as that; all share one worker."""
        path = case.write(self.folder)
        return self._model_session(case, watch).session(self._names[watch], path, options, source)

    def load(self, case: Case, path: str, source: SourceSpec | None = None) -> Session:
        """Return what the backend itself makes of the file at *path*; *case* is any model that it can take.

        With *source*, it runs the file as that: what staging would refuse reaches it, too.
        """
        model_session = self._model_session(case, False)
        wanted = None if source is None else source_options(source, model_session.info, self._engines)
        return model_session.engine(self._names[False]).load(path, LoadOptions(source=wanted))

    def file(self, name: str, data: bytes) -> str:
        """Return *data* as a file."""
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(data)
        return path

    def close(self) -> None:
        """End the workers and forget the backend."""
        for model_session in self._model_sessions.values():
            model_session.close()
        self._engines.close()
        registry.replace(GROUP, self._names[True], None)
        registry.replace(GROUP, self._names[False], self._before)
        shutil.rmtree(self.folder, ignore_errors=True)
