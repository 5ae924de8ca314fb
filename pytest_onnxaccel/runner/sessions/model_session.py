"""One model under test: its workers and open sessions."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.backends.checked_session import CheckedSession
from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.core.placement import breach, told
from pytest_onnxaccel.core.specs import ModelInfo, ModelSpec, SourceSpec
from pytest_onnxaccel.isolation.engine import Engine
from pytest_onnxaccel.runner.request import QUIET
from pytest_onnxaccel.runner.sessions.batch_files import Candidates
from pytest_onnxaccel.runner.sessions.model.derived_files import DerivedFiles
from pytest_onnxaccel.runner.sessions.model.ready import Ready, ReadyBackends
from pytest_onnxaccel.runner.sessions.model.staged_model import StagedModel
from pytest_onnxaccel.runner.sessions.workers.engines import Engines
from pytest_onnxaccel.runner.sessions.workers.prefetch import Prefetch
from pytest_onnxaccel.runner.sessions.workers.tools import TOOLS
from pytest_onnxaccel.runner.sessions.workers.trust import trust_of

if TYPE_CHECKING:
    from pytest_onnxaccel.checks.reach.sensitivity import Reach
    from pytest_onnxaccel.numerics.sampling.input_sets import Inputs
    from pytest_onnxaccel.runner.sessions.source_session import Sourced


#: Models up to so many bytes are run by the evaluator in the process that serves their graph.
_SMALL = 64 << 20


class ModelSession(StagedModel):
    """Holds what is open for one model.

    Args:
        primary: backends in the order in which they are asked to find the inputs.
        prefetch: what was begun in advance for this model.
        beside: other models are compared with it: their workers may read it.
    """

    def __init__(
        self,
        spec: ModelSpec,
        engines: Engines,
        number: int,
        primary: tuple[str, ...],
        seed: int,
        prefetch: Prefetch | None = None,
        beside: bool = False,
    ) -> None:
        folder = prefetch.staged.folder if prefetch is not None else engines.private_folder(spec.name, number, beside)
        super().__init__(spec, engines, folder, prefetch)
        self._primary = primary
        self._backends = ReadyBackends(self, primary, seed, engines.root)
        self._derived = DerivedFiles(folder, self.graph)
        self._open: dict[str, Engine] = {} if prefetch is None else {prefetch.backend: prefetch.engine}
        self._sessions: dict[tuple[str, str, LoadOptions, SourceSpec | None], CheckedSession] = {}
        #: Whose worker serves graph functions; asked once, for a look at what is installed takes milliseconds
        self._tooled = ""
        #: Absolute tolerances by backend and output that measured noise asks for; backends that were measured for it
        self.noise: dict[str, dict[str, float]] = {}
        self.measured: set[str] = set()
        #: What inputs reach in it, by their id, with the inputs
        self.reached: dict[int, tuple[Inputs, Reach]] = {}

    def ready(self, name: str) -> Ready:
        """Return the model running in backend *name*.

        Raises:
            OnnxAccelError: it does not; the same error each time.
        """
        return self._backends.ready(name)

    @property
    def runs_on(self) -> Mapping[str, Mapping[str, Any]]:
        """Where the nodes run and with which options, by backend, for its results."""
        return self._backends.runs_on

    # -- workers ----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the worker that serves graph functions."""
        self._tools()

    def graph(self, function: str, **arguments: Any) -> Any:
        """Call a graph function in a worker of this interpreter."""
        return self._tools().graph(function, **arguments)

    def _tools(self) -> Engine:
        """Return the primary backend's worker where it runs in this interpreter: one worker serves all checks.

        One that is kept for other models may not write in this model's folder.
        """
        if not self._tooled:
            backend, availability = self._engines.backend, self._engines.availability
            here = (name for name in self._primary if not (backend(name).environment or backend(name).keep_worker))
            self._tooled = next((name for name in here if availability(name).ok), TOOLS)
        return self.engine(self._tooled)

    # -- sessions ---------------------------------------------------------------------------------------------

    def engine(self, name: str, source: SourceSpec | None = None) -> Engine:
        """Return the engine of backend *name* for this model; *source* is what it runs instead of the model's own."""
        if self._engines.kept(name):  # by which its worker may have been given to a source of another trust
            self._open.pop(name, None)
        if name not in self._open:
            operators = self._taken[1].operators if self._taken is not None else {}
            beside = self._open.get(self._tooled) if self._shares(name) else None
            made = self._engines.open_beside(name, beside) if beside is not None else None
            trust = trust_of(source or self.spec.source)
            self._open[name] = made or self._engines.open(
                name, operators, own=self._folder, trust=trust, guests=self._primary if name == self._tooled else ()
            )
        return self._open[name]

    def _shares(self, name: str) -> bool:
        """Return whether backend *name* runs the model next to the graph functions, in the same process.

        It computes in Python alone, so that it ends no process; and a small model takes little there.
        """
        small = self._taken is not None and self.size <= _SMALL
        return small and bool(getattr(self._engines.backend(name), "interprets", False))

    def session(
        self,
        name: str,
        path: str | None = None,
        options: LoadOptions | None = None,
        source: SourceSpec | None = None,
    ) -> CheckedSession:
        """Return a session of backend *name* on the model, or on a file derived from it.

        A backend that runs sources runs *source*, by default the model's own, as the model or that file declares.

        Raises:
            OnnxAccelError: it cannot be loaded.
        """
        info, engine = self.info, self.engine(name, source)
        file, wanted = path or self.path, options or QUIET
        key = (name, file, wanted, source)
        if key not in self._sessions or not self._sessions[key].alive:
            declared = info if path is None else self.declared(file)
            self._sessions[key] = self._load(name, engine, file, wanted, declared, source)
        return self._sessions[key]

    def optimizes(self, name: str) -> bool:
        """Return whether backend *name* has graph optimizations, and threads, to choose."""
        return bool(getattr(self._engines.backend(name), "optimizes", False))

    def variants(self, name: str) -> Callable[[LoadOptions], Iterable[tuple[str, LoadOptions]]] | None:
        """Return what gives the ways in which backend *name* may legally compute; None where it has none of its own."""
        found: Callable[[LoadOptions], Iterable[tuple[str, LoadOptions]]] | None
        found = getattr(self._engines.backend(name), "variants", None)
        return found

    def fresh(
        self,
        name: str,
        path: str | None = None,
        options: LoadOptions | None = None,
        engine: Engine | None = None,
        like: str | None = None,
    ) -> CheckedSession:
        """Open a session as :meth:`session`, but one that nothing else uses; the caller closes it.

        Args:
            name: that of the backend.
            path: a file derived from the model; the model itself by default.
            options: threads, optimizations and other settings of the session.
            engine: instead of the one that the other sessions of backend *name* are in.
            like: path of the file whose declared inputs and outputs it takes and gives; *path* by default.

        Raises:
            OnnxAccelError: it cannot be loaded.
        """
        source = path or self.path
        info = self.declared(like or source)
        return self._load(name, engine or self.engine(name), source, options or LoadOptions(), info)

    def with_libraries(self, options: LoadOptions) -> LoadOptions:
        """Return *options* with the libraries of custom operators that the owner names: no copy runs without them."""
        if not self.spec.libraries:
            return options
        return replace(options, libraries=self.spec.libraries, import_paths=self._engines.options.import_paths)

    def declared(self, path: str) -> ModelInfo:
        """Return what the file at *path*, the model's own copy or one derived from it, declares."""
        if path == self.path:
            return self.info
        return self._derived.declared(path)

    def declares(self, path: str, info: ModelInfo) -> None:
        """Note that the derived file at *path* declares *info*, so that it need not be inspected."""
        self._derived.declares(path, info)

    def _load(
        self,
        name: str,
        engine: Engine,
        path: str,
        options: LoadOptions,
        info: ModelInfo,
        source: SourceSpec | None = None,
    ) -> CheckedSession:
        options = self.with_libraries(options)
        if self._engines.backend(name).role == "source":
            return self.sourced.opened(source or self.spec.source, name, engine, options, info)
        preparation = self._engines.backend(name).prepare(info.operators, info.opset)
        if not preparation:
            return CheckedSession(engine.load(path, options), info.inputs, info.outputs)
        target, made = self._derived.prepared(path, preparation)
        renamed = {original: new for side in ("inputs", "outputs") for new, original in made[side].items()}
        session = engine.load(target, options)
        return CheckedSession(session, info.inputs, info.outputs, renamed, tuple(made["notes"]))

    def forget(self, path: str) -> None:
        """Close every session on the derived file at *path*, and remove it."""
        for key in [key for key in self._sessions if key[1] == path]:
            session = self._sessions.pop(key)
            with contextlib.suppress(OnnxAccelError):
                session.close()
        self._derived.remove(path)

    def placed(self, name: str, session: CheckedSession) -> CheckedSession:
        """Return *session* of backend *name*, of the whole model, where its nodes run as they should.

        Raises:
            ModelError: ``V_PLACEMENT``: it leaves more to the CPU than is allowed.
        """
        fault = breach(told(session.info.facts, self.info.nodes), self._engines.options.cpu_nodes, name)
        if fault is not None:
            raise fault
        return session

    @cached_property
    def sourced(self) -> Sourced:
        """The model's source, and whatever else it is compared with as one."""
        from pytest_onnxaccel.runner.sessions.source_session import Sourced  # few runs have sources

        return Sourced(self, self._engines)

    # -- batch ------------------------------------------------------------------------------------------------

    @cached_property
    def candidates(self) -> Candidates:
        """The model at other batch sizes."""
        given = {item.name: item.batch_axis for item in self.spec.inputs if item.batch_axis is not None}
        axes = {**self.facts.axes, **given}
        plain = not any(axes.values()) and len(axes) == len(self.info.inputs)
        return Candidates(self.graph, self.path, self.stem, self._folder, None if plain else axes)

    def close(self) -> None:
        """Close what is open for the model. Not to be used afterwards.

        Its workers are handed back to the run, which keeps those that another model can use, their sessions closed, and
        ends the others with the sessions in them. Staged and derived files go, once nobody holds them.
        """
        for name, engine in self._open.items():
            if engine.alive and self._engines.kept(name):
                for key, session in self._sessions.items():
                    if key[0] == name:
                        with contextlib.suppress(OnnxAccelError):  # its worker has died meanwhile
                            session.close()
            self._engines.release(name, engine)
        self._open.clear()
        self._sessions.clear()
        self._backends.clear()
        self.close_files()

    def remove_files(self) -> None:
        """Remove what was staged and derived, and what was exported of its source."""
        if "sourced" in self.__dict__:
            self.sourced.close()
        super().remove_files()
