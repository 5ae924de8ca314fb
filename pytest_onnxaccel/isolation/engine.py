"""Where a backend runs: in a supervised worker, or in this process for a debugger. Both look the same from above."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from pytest_onnxaccel.backends.protocol import LoadOptions, Session, SessionInfo
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.specs import TensorSpec, Timing, TimingPlan

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array
    from pytest_onnxaccel.isolation.supervisor import WorkerProcess
    from pytest_onnxaccel.numerics.queueing.arrivals import Paced, PacePlan


class Engine(Protocol):
    """Runs graph functions and loads models for one backend."""

    @property
    def alive(self) -> bool: ...

    def graph(self, function: str, **arguments: Any) -> Any:
        """Call one of the graph functions; arguments and result are JSON."""
        ...

    def load(self, path: str, options: LoadOptions) -> Session: ...

    def close(self) -> None: ...


def graph_request(function: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a worker is sent to call a graph function."""
    return {"op": "graph", "function": function, "args": dict(arguments)}


def load_request(backend: str, path: str, options: LoadOptions) -> dict[str, Any]:
    """Return what a worker is sent to load a model; *backend* is the reference of a registered one."""
    return {"op": "load", "backend": backend, "path": path, "options": options.to_json()}


class _Host:
    """A worker process, started again after a crash."""

    def __init__(self, start: Callable[[], WorkerProcess]) -> None:
        self._start = start
        self.worker = start()
        #: It was closed for good, so that nothing starts it again.
        self.ended = False

    def reached(self, request: Mapping[str, Any]) -> WorkerProcess:
        """Return a worker that is ready for *request*: a request made in advance may have ended the last one."""
        if not self.worker.alive or not self.worker.reach(request):
            self.worker = self._start()
        return self.worker


class WorkerEngine:
    """A worker process behind the :class:`Engine` protocol.

    Args:
        backend: reference of the backend that loads models in it.
        start: makes the process, here and at each restart.
    """

    def __init__(self, backend: str, start: Callable[[], WorkerProcess]) -> None:
        self._backend = backend
        self._host = _Host(start)
        self._label = ""

    @property
    def alive(self) -> bool:
        """False once the worker died or was ended; its sessions are gone then."""
        return self._host.worker.alive

    def beside(self, backend: str, label: str) -> WorkerEngine:
        """Return an engine of another backend, *label* in messages, in the same process; they end together."""
        found = WorkerEngine.__new__(WorkerEngine)
        found._backend, found._host, found._label = backend, self._host, label
        return found

    def graph(self, function: str, **arguments: Any) -> Any:
        """Call a graph function; after a crash the worker is started again for the next one."""
        request = graph_request(function, arguments)
        return self._host.reached(request).call(function, request, label=self._label)["value"]

    def load(self, path: str, options: LoadOptions) -> Session:
        request = load_request(self._backend, path, options)

        def loaded() -> tuple[WorkerProcess, Mapping[str, Any]]:
            worker = self._host.reached(request)
            return worker, worker.call("load", request, label=self._label)

        worker, answer = loaded()
        guest = bool(self._label)
        return WorkerSession(
            worker, answer, self._label, (lambda: None if self._host.ended else loaded()) if guest else None
        )

    def prefetch(self, requests: Sequence[Mapping[str, Any]]) -> None:
        """Announce the next requests to :meth:`graph` and :meth:`load`, in order; the worker begins with them now."""
        self._host.worker.prefetch(requests)

    def forget_prefetched(self) -> None:
        """Forget the announced requests."""
        self._host.worker.forget_prefetched()

    def close(self) -> None:
        self._host.ended = True
        self._host.worker.close()


class WorkerSession:
    """A session that lives in a worker.

    Args:
        worker: that it lives in.
        loaded: what the worker answered.
        label: of a guest in the process of another backend.
        again: loads it once more, for a guest: what ended the process was not its own call; None once all is closed.
    """

    def __init__(
        self,
        worker: WorkerProcess,
        loaded: Mapping[str, Any],
        label: str = "",
        again: Callable[[], tuple[WorkerProcess, Mapping[str, Any]] | None] | None = None,
    ) -> None:
        self.worker = worker
        self._label, self._again = label, again
        self.number = loaded["session"]
        self.info = SessionInfo(
            inputs=tuple(TensorSpec.from_json(spec) for spec in loaded["inputs"]),
            outputs=tuple(TensorSpec.from_json(spec) for spec in loaded["outputs"]),
            warnings=tuple(loaded["warnings"]),
            notes=tuple(loaded["notes"]),
            facts=dict(loaded["facts"]),
        )
        self.peak_memory_mb: float | None = None
        self.device_memory_mb: float | None = None
        #: As above, after a run that was not timed
        self.run_memory_mb: float | None = None

    @property
    def alive(self) -> bool:
        """The worker that holds this session is still the same one."""
        return self.worker.alive

    def _there(self) -> WorkerProcess:
        """Return the worker; a guest whose host was ended by another backend is loaded again first."""
        if self._again is not None and not self.worker.alive and (found := self._again()) is not None:
            self.worker, self.number = found[0], found[1]["session"]
        return self.worker

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        worker = self._there()
        try:
            answer = worker.call("run", {"op": "run", "session": self.number}, feeds, label=self._label)
        except ModelError as error:
            if error.code == "E_MEMORY" and "provider_options" in self.info.facts:
                self.worker.close()  # an accelerator's arena keeps what it had: the next session gets a fresh process
            error.backend = self._label or worker.label
            raise
        self.run_memory_mb = answer.get("peak_memory_mb")
        arrays: dict[str, Array] = answer["arrays"]
        return arrays

    def time(self, feeds: Mapping[str, Array], plan: TimingPlan) -> Timing:
        self._there()
        request = {"op": "time", "session": self.number, "plan": plan.to_json()}
        answer = self._long("time", request, feeds, plan.seconds)
        self.peak_memory_mb, self.device_memory_mb = answer["peak_memory_mb"], answer.get("device_memory_mb")
        return Timing.from_json(answer["timing"])

    def pace(self, feeds: Mapping[str, Array], plan: PacePlan) -> Paced:
        """Make calls at a client's pace, inside the worker."""
        self._there()
        request = {"op": "pace", "session": self.number, "plan": plan.to_json()}
        answer = self._long("pace", request, feeds, plan.seconds)
        from pytest_onnxaccel.numerics.queueing.arrivals import Paced

        return Paced.from_json(answer)

    def look(self, feeds: Sequence[Mapping[str, Array]], path: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Return what samples reach, as :func:`~pytest_onnxaccel.isolation.child.look.look` tells, in the worker."""
        named = {f"{i}/{name}": array for i, one in enumerate(feeds) for name, array in one.items()}
        self._there()
        request = {"op": "look", "session": self.number, "path": path, "samples": len(feeds), "wanted": dict(wanted)}
        answer = self.worker.call("reach", request, named, label=self._label)
        return {name: answer[name] for name in ("shown", "coverage")}

    def _long(
        self, stage: str, request: Mapping[str, Any], feeds: Mapping[str, Array], seconds: float
    ) -> dict[str, Any]:
        """Ask for what takes *seconds* by itself."""
        limit = self.worker.limits.seconds + 2 * seconds
        return self.worker.call(stage, request, feeds, limit, self._label)

    def close(self) -> None:
        if self.worker.alive:
            self.worker.call("close", {"op": "close", "session": self.number}, label=self._label)


class LocalEngine:
    """The debug switch: everything happens in this process, so a crash of the model is a crash of pytest."""

    alive = True

    def __init__(self, backend: str) -> None:
        self._backend = backend
        self._sessions: list[Session] = []

    def graph(self, function: str, **arguments: Any) -> Any:
        from pytest_onnxaccel.isolation.child.functions import graph_function

        return graph_function(function)(**arguments)

    def load(self, path: str, options: LoadOptions) -> Session:
        from pytest_onnxaccel.isolation.child.functions import make_backend

        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # as in workers
        session = make_backend(self._backend).load(path, options)
        self._sessions.append(session)
        return session

    def close(self) -> None:
        while self._sessions:
            self._sessions.pop().close()
