"""Opens engines: which interpreter, which command, one worker per model and backend or one that is kept."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping

from pytest_onnxaccel import registry
from pytest_onnxaccel.backends import lookup
from pytest_onnxaccel.backends.protocol import GROUP, Availability, Backend
from pytest_onnxaccel.errors import BackendUnavailable
from pytest_onnxaccel.isolation.engine import Engine, LocalEngine, WorkerEngine
from pytest_onnxaccel.isolation.host import WorkerProcess
from pytest_onnxaccel.isolation.launch import own_command
from pytest_onnxaccel.isolation.sentinel import Sentinel
from pytest_onnxaccel.runner.request import RunOptions

#: A worker that serves graph functions alone.
TOOLS = "tools"


def named_interpreter(environment: str, path: str) -> Availability:
    """Availability of a backend whose interpreter the user named."""
    from pytest_onnxaccel.environments.environment import interpreter, versions

    found = interpreter(environment, path)
    if found is None:
        return Availability(False, f"there is no interpreter at {path}", "correct --onnx-python")
    return Availability(True, versions=versions(found))


class Engines:
    """Engines of one run, and the private folder that everything staged lies in."""

    def __init__(self, options: RunOptions) -> None:
        self._options = options
        self._backends: dict[str, Backend] = {}
        self._kept: dict[str, Engine] = {}
        self._ahead: dict[str, Engine] = {}
        self._folder: str | None = None
        self._sentinel: Sentinel | None = None

    @property
    def folder(self) -> str:
        """The staging folder, made at first use; it goes when this process ends, however it ends."""
        if self._folder is None:
            self._folder = tempfile.mkdtemp(prefix="onnxaccel-")
            self._sentinel = Sentinel(self._folder)
        return self._folder

    def backend(self, name: str) -> Backend:
        """The backend registered as *name*.

        Raises:
            ConfigError: none is.
        """
        if name not in self._backends:
            self._backends[name] = lookup.backend(name)
        return self._backends[name]

    def availability(self, name: str) -> Availability:
        """Whether backend *name* can be tried here."""
        backend = self.backend(name)
        named = backend.environment and self._options.pythons.get(backend.environment)
        return named_interpreter(backend.environment, named) if named else backend.availability()

    def open(self, name: str, operators: Mapping[str, int]) -> Engine:
        """An engine for backend *name*; a kept one where the backend allows it for a model of *operators*.

        Raises:
            BackendUnavailable: with the reason and the remedy.
        """
        if name == TOOLS:
            return self._make("", "", ("numpy", "onnx"))
        backend = self.backend(name)
        found = self.availability(name)
        if not found.ok:
            raise BackendUnavailable(f"{name}: {found.reason}", remedy=found.remedy)
        if name in self._ahead:
            return self._ahead.pop(name)
        if not self._keeps(backend, operators):
            return self._make(name, backend.environment, tuple(getattr(backend, "preload", ())))
        if name not in self._kept or not self._kept[name].alive:
            self._kept[name] = self._make(name, backend.environment, tuple(getattr(backend, "preload", ())))
        return self._kept[name]

    def prestart(self, name: str) -> None:
        """Start a worker for backend *name* now, so that it imports while this process does something else."""
        backend = self.backend(name)
        if not backend.environment and not backend.keep_worker and self.availability(name).ok:
            self._ahead[name] = self._make(name, "", tuple(getattr(backend, "preload", ())))

    def kept(self, name: str) -> bool:
        """The worker of backend *name* outlives a model."""
        return name in self._kept

    def release(self, name: str, engine: Engine) -> None:
        """A model is done with *engine*: close it, unless it is kept for the next model."""
        if self._kept.get(name) is not engine:
            engine.close()

    def _keeps(self, backend: Backend, operators: Mapping[str, int]) -> bool:
        fresh = getattr(backend, "fresh_process_per_model", None)
        return backend.keep_worker and not (fresh is not None and fresh(operators))

    def _make(self, name: str, environment: str, preload: tuple[str, ...]) -> Engine:
        reference = registry.reference(GROUP, name) if name else ""
        if self._options.in_process and not environment:
            return LocalEngine(reference)
        command, label = own_command(), name or TOOLS
        if environment:
            from pytest_onnxaccel.environments.environment import interpreter, launcher

            python = interpreter(environment, self._options.pythons.get(environment))
            if python is None:
                raise BackendUnavailable(
                    f"{name}: its environment is not built", remedy=f"python -m pytest_onnxaccel env {environment}"
                )
            command = launcher(python)
        folder = self.folder
        sentinel = self._sentinel
        assert sentinel is not None

        def start() -> WorkerProcess:
            return WorkerProcess(
                label, command, preload, folder, sentinel, self._options.limits, legacy=bool(environment)
            )

        return WorkerEngine(reference, start)

    def close(self) -> None:
        """End every kept worker and remove the staging folder."""
        for engines in (self._kept, self._ahead):
            for engine in engines.values():
                engine.close()
            engines.clear()
        if self._folder is not None and os.path.isdir(self._folder):
            shutil.rmtree(self._folder, ignore_errors=True)
        self._folder = None
        if self._sentinel is not None:
            self._sentinel.close()
            self._sentinel = None
