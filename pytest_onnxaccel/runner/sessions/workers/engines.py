"""Opens engines: which interpreter, which command, one worker per model and backend or one that is kept."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from pytest_onnxaccel.backends import lookup
from pytest_onnxaccel.backends.protocol import Availability, Backend
from pytest_onnxaccel.core.errors import BackendUnavailable
from pytest_onnxaccel.core.lookup import registry
from pytest_onnxaccel.isolation.confinement.confine import Wall
from pytest_onnxaccel.isolation.engine import Engine, LocalEngine, WorkerEngine
from pytest_onnxaccel.isolation.launch import Launch, own_command
from pytest_onnxaccel.isolation.staging.run_folder import Staging
from pytest_onnxaccel.isolation.staging.stage_model import folder_name, new_folder
from pytest_onnxaccel.isolation.supervisor import WorkerProcess
from pytest_onnxaccel.isolation.warm.forking import ForkServer
from pytest_onnxaccel.runner.request import RunOptions
from pytest_onnxaccel.runner.sessions.workers.tools import TOOLS
from pytest_onnxaccel.runner.sessions.workers.worker_counts import WorkerCounts

if TYPE_CHECKING:
    from pytest_onnxaccel.runner.sessions.workers.source_conversions import Conversions


def named_interpreter(environment: str, path: str) -> Availability:
    """Return the availability of a backend whose interpreter the user named."""
    from pytest_onnxaccel.environments.locate import interpreter, versions

    found = interpreter(environment, path)
    if found is None:
        return Availability(False, f"there is no interpreter at {path}", "correct --onnx-python")
    return Availability(True, versions=versions(found))


class Engines:
    """Engines of one run.

    Args:
        staging: the run's private folder, where it was made already.
        controller: folder of the controlling process's lifeline, where there is such a process.
    """

    def __init__(self, options: RunOptions, staging: Staging | None = None, controller: str | None = None) -> None:
        self._options = options
        self._backends: dict[str, Backend] = {}
        self._available: dict[str, Availability] = {}
        self._kept: dict[str, tuple[tuple[str, ...], Engine]] = {}
        #: How many workers were started, by how: forked, of a fresh interpreter, and again where one is kept
        self.counts = WorkerCounts()
        self._staging = staging
        self._controller = controller

    @property
    def staging(self) -> Staging:
        """The run's private folder, made at first use.

        Raises:
            ModelError: ``E_FILE``: it cannot be made.
        """
        if self._staging is None:
            self._staging = Staging(self._controller)
        return self._staging

    @property
    def folder(self) -> str:
        """The private folder that holds everything staged."""
        return self.staging.folder

    def private_folder(self, name: str, number: int, beside: bool = False) -> str:
        """Return a new folder for the files of model *name*, the run's *number*-th.

        Args:
            name: that of the model.
            number: that of the model in the run.
            beside: other models are compared with it: their workers may read it.

        Raises:
            ModelError: ``E_FILE``: it cannot be made.
        """
        return new_folder(os.path.join(self.staging.given if beside else self.folder, folder_name(name, number)))

    @property
    def root(self) -> str:
        """Folder whose modules the user's own functions are imported from."""
        return self._options.root

    @property
    def options(self) -> RunOptions:
        """What holds for the whole run."""
        return self._options

    @cached_property
    def conversions(self) -> Conversions:
        """Sources of this run, staged once each, and what is converted of them."""
        from pytest_onnxaccel.runner.sessions.workers.source_conversions import Conversions

        return Conversions(self)

    def backend(self, name: str) -> Backend:
        """Return the backend registered as *name*.

        Raises:
            ConfigError: none is.
        """
        if name not in self._backends:
            found, options = lookup.backend(name), self._options
            base = registry.split_device(name)[0]
            with_options, given = getattr(found, "with_options", None), options.providers.get(base, ())
            if with_options is not None and (given or base in options.pythons):
                found = with_options(given, base in options.pythons)
            for_process = getattr(found, "for_process", None)
            if for_process is not None and options.process is not None:
                found = for_process(options.process)
            self._backends[name] = found
        return self._backends[name]

    def reference(self, name: str) -> str:
        """Return what a worker makes backend *name* from.

        Raises:
            ConfigError: none is registered as *name*.
        """
        return lookup.reference(name, self.backend(name))

    def availability(self, name: str) -> Availability:
        """Return whether backend *name* can be tried here; no framework is imported."""
        if name not in self._available:
            backend = self.backend(name)
            named = self._options.pythons.get(backend.environment) if backend.environment else None
            self._available[name] = named_interpreter(backend.environment, named) if named else backend.availability()
        return self._available[name]

    def open(
        self,
        name: str,
        operators: Mapping[str, int],
        fresh: bool = False,
        own: str | None = None,
        trust: tuple[str, ...] = (),
        guests: Iterable[str] = (),
    ) -> Engine:
        """Return an engine for backend *name*; a kept one where the backend allows it for a model of *operators*.

        Args:
            name: that of the backend.
            operators: those of the model, with their counts.
            fresh: a new one in any case, which is not kept.
            own: the model's folder, which its worker may write in; by default where conversions go.
            trust: one of :mod:`~pytest_onnxaccel.runner.sessions.workers.trust`; one that is kept serves one only.
            guests: backends that may run the model in the same process, see :meth:`open_beside`.

        Raises:
            BackendUnavailable: with the reason and the remedy.
        """
        if name == TOOLS:
            return self._make("", "", ("numpy", "onnx"), self._wall(own))
        backend = self.backend(name)
        found = self.availability(name)
        if not found.ok:
            error = BackendUnavailable(f"{name}: {found.reason}", remedy=found.remedy)
            error.backend = name
            raise error
        preload = (*getattr(backend, "preload", ()), *self._preload_of(guests))
        if fresh or not self._keeps(backend, operators):
            return self._make(name, backend.environment, preload, self._wall(own, name), not fresh)
        return self._kept_engine(name, backend, preload, trust if backend.role == "source" else ())

    def _kept_engine(self, name: str, backend: Backend, preload: tuple[str, ...], trust: tuple[str, ...]) -> Engine:
        """Return the kept worker of backend *name*; another one where that is gone, or served another *trust*."""
        before, found = self._kept.get(name, ((), None))
        if found is not None and found.alive and before == trust:
            return found
        if found is not None:
            self.counts.restarted(name, "trust" if found.alive else "end")
            found.close()
        wall = self._wall(None, name, kept=True)
        made = self._make(name, backend.environment, preload, wall, False)
        self._kept[name] = (trust, made)
        return made

    def _preload_of(self, guests: Iterable[str]) -> Iterator[str]:
        """Yield what those of *guests* import that can be guests."""
        for backend in map(self.backend, guests):
            if getattr(backend, "interprets", False) and self.availability(backend.name).ok:
                yield from getattr(backend, "preload", ())

    def open_beside(self, name: str, engine: Engine) -> Engine | None:
        """Return an engine of backend *name* in the process of *engine*; None where that has none of its own."""
        if not isinstance(engine, WorkerEngine) or not self.availability(name).ok:
            return None
        return engine.beside(self.reference(name), name)

    def kept(self, name: str) -> bool:
        """Return whether the worker of backend *name* outlives a model."""
        return name in self._kept

    def release(self, name: str, engine: Engine) -> None:
        """Close *engine*, unless it is kept for the next model."""
        if self._kept.get(name, ((), None))[1] is not engine:
            engine.close()

    def _keeps(self, backend: Backend, operators: Mapping[str, int]) -> bool:
        fresh = getattr(backend, "fresh_process_per_model", None)
        return backend.keep_worker and not (fresh is not None and fresh(operators))

    def _wall(self, own: str | None, name: str = "", kept: bool = False) -> Wall | None:
        """Return what a worker of backend *name* (or of none) may open: its model's *own* folder, or conversions.

        One that is *kept* serves several models: it writes in none of their folders, and one that runs no sources reads
        all of them. What loads a source may import modules of the repository for it. What does not compute on the CPU
        has a driver with sockets of its own.
        """
        if self._options.sandbox == "off":
            return None
        staging, options = self.staging, self._options
        source = bool(name) and self.backend(name).role == "source"
        reads = [*options.readable, *(options.import_paths if source else ())]
        reads.append(staging.folder if kept and not source else staging.shared)
        made: tuple[str, ...] = ()
        if kept or own is None:
            own, made = os.path.join(staging.folder, f"worker-{folder_name(name or TOOLS, 0)}"), (staging.made,)
        os.makedirs(own, mode=0o700, exist_ok=True)
        devices = self.availability(name).devices if name else ("cpu",)
        local = any(device.lower() != "cpu" for device in devices or ("unknown",))
        return Wall(own, made, tuple(dict.fromkeys(reads)), local, options.sandbox == "require")

    def _make(
        self, name: str, environment: str, preload: tuple[str, ...], wall: Wall | None, warm: bool = True
    ) -> Engine:
        """Return an engine; *warm*: its worker may be forked of an interpreter that has imported the runtimes."""
        reference = self.reference(name) if name else ""
        if self._options.in_process and not environment:
            return LocalEngine(reference)
        command, label = own_command(), name or TOOLS
        if environment:
            from pytest_onnxaccel.environments.locate import interpreter, launcher

            python = interpreter(environment, self._options.pythons.get(environment))
            if python is None:
                raise BackendUnavailable(
                    f"{name}: its environment is not built", remedy=f"python -m pytest_onnxaccel env {environment}"
                )
            command = launcher(python)
        staging, limits, more = self.staging, self._options.limits, self._options.env
        started: list[str] = []

        def start() -> WorkerProcess:
            ahead = None if environment or more else staging.take(label, limits, wall)
            folder = wall.own if wall else staging.folder
            launch = Launch(command, folder, preload, legacy=bool(environment), wall=wall, variables=more)
            server = staging.fork_server(more) if warm and ForkServer.serves(launch) else None
            self.counts.begun(label, forked=server is not None and ahead is None, again=bool(started))
            started.append(label)
            return ahead or WorkerProcess(label, launch, staging.sentinel, limits, server)

        return WorkerEngine(reference, start)

    def close(self) -> None:
        """End every kept worker and remove the staging folder."""
        if "conversions" in self.__dict__:
            self.conversions.close()
            del self.conversions
        for _, engine in self._kept.values():
            engine.close()
        self._kept.clear()
        if self._staging is not None:
            self._staging.close()
            self._staging = None
