"""The child process: loads models, runs and times them, inspects graphs. Knows no pytest.

Started by :mod:`~pytest_onnxaccel.isolation.supervisor` with three inherited descriptors (channel, inbox, outbox) and
the name of the backend it serves. It answers one request at a time until the channel closes.
"""

from __future__ import annotations

import gc
import importlib
import os
import socket
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from pytest_onnxaccel.backends.protocol import Backend, LoadOptions, Session
from pytest_onnxaccel.core.errors import ModelError, OnnxAccelError, printable
from pytest_onnxaccel.core.specs import TimingPlan
from pytest_onnxaccel.core.unexpected import traceback_lines
from pytest_onnxaccel.isolation.child.functions import graph_function, make_backend, resolve
from pytest_onnxaccel.isolation.child.own_memory import device_memory, peak_memory, reset_peak_memory
from pytest_onnxaccel.isolation.child.runtime_warnings import warning_lines
from pytest_onnxaccel.isolation.confinement.confine import Wall, confine, confine_by_environment
from pytest_onnxaccel.isolation.log import Log
from pytest_onnxaccel.isolation.wire import Closed, Inbox, Outbox, receive_frame, send_frame

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array
#: What tells which weights and branches samples reach: it knows graphs.
_LOOK = "pytest_onnxaccel.isolation.child.look:look"


class Worker:
    """Requests in, answers out; holds the sessions that were loaded.

    Args:
        refusal: why it does nothing that it is asked: it could not confine itself.
    """

    def __init__(
        self, channel: socket.socket, inbox: Inbox, outbox: Outbox, log: Log, refusal: OnnxAccelError | None = None
    ) -> None:
        self._refusal = refusal
        self._channel = channel
        self._inbox = inbox
        self._outbox = outbox
        self._log = log
        self._backends: dict[str, Backend] = {}
        self._sessions: dict[int, Session] = {}
        self._last = 0
        self._handlers: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "confine": self._confine,
            "graph": self._graph,
            "load": self._load,
            "run": self._run,
            "time": self._time,
            "blocks": self._blocks,
            "pace": self._pace,
            "look": self._look,
            "close": self._close,
        }

    def serve(self) -> None:
        """Answer until the host closes the channel."""
        while True:
            try:
                self._send(self._answer(receive_frame(self._channel)))
            except Closed:
                return

    def _send(self, answer: dict[str, Any]) -> None:
        try:
            send_frame(self._channel, answer)
        except (TypeError, ValueError) as error:
            cause = printable(f"the answer cannot be sent: {error}", 2000)
            send_frame(self._channel, {"ok": False, "error": ModelError(cause, code="E_ERROR").to_json()})

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            if self._refusal is not None:
                raise self._refusal
            return {"ok": True, **self._handlers[request["op"]](request)}
        except OnnxAccelError as error:
            return {"ok": False, "error": error.to_json()}
        except MemoryError:
            return {"ok": False, "error": ModelError("memory ran out", code="E_MEMORY").to_json()}
        except Exception as error:
            # For the log, where a person may look; the host shows one line
            traceback.print_exc(file=sys.stderr)
            sys.stderr.flush()
            fault = ModelError(printable(f"{type(error).__name__}: {error}", 2000), code="E_ERROR")
            fault.traceback = traceback_lines(error)
            return {"ok": False, "error": fault.to_json()}

    def _confine(self, request: dict[str, Any]) -> dict[str, Any]:
        """Confine it more narrowly than it was started: now it is known whose it is."""
        self._refusal = confine(Wall.from_json(request["wall"]), again=True)
        return {}

    def _graph(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"value": graph_function(request["function"])(**request["args"])}

    def _load(self, request: dict[str, Any]) -> dict[str, Any]:
        import time

        name = request["backend"]
        if name not in self._backends:
            self._backends[name] = make_backend(name)
        position, memory = self._log.position(), reset_peak_memory()
        start = time.perf_counter_ns()
        session = self._backends[name].load(request["path"], LoadOptions.from_json(request["options"]))
        load_ns = time.perf_counter_ns() - start
        self._last += 1
        self._sessions[self._last] = session
        info = session.info
        return {
            "session": self._last,
            "inputs": [vars(spec) for spec in info.inputs],
            "outputs": [vars(spec) for spec in info.outputs],
            "warnings": [*info.warnings, *warning_lines(self._log.since(position))],
            "notes": list(info.notes),
            "facts": {
                **info.facts,
                "load_ms": load_ns / 1e6,
                "memory_before_mb": memory,
                "memory_loaded_mb": peak_memory(),
            },
        }

    def _run(self, request: dict[str, Any]) -> dict[str, Any]:
        outputs = self._sessions[request["session"]].run(self._feeds(request))
        return {"arrays": self._outbox.put(outputs), "peak_memory_mb": peak_memory()}

    def _time(self, request: dict[str, Any]) -> dict[str, Any]:
        session = self._sessions[request["session"]]
        timing = session.time(self._feeds(request), TimingPlan(**request["plan"]))
        return {"timing": timing.to_json(), "peak_memory_mb": peak_memory(), "device_memory_mb": device_memory(session)}

    def _blocks(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return blocks of several sessions in the order asked for; the feeds of session *i* are named ``i/name``."""
        from pytest_onnxaccel.numerics.timing.blocks import take

        sessions = [self._sessions[number] for number in request["sessions"]]
        feeds = several(self._feeds(request), len(sessions))
        taken = [take(sessions[i], feeds[i], request["calls"], request["probe"]) for i in request["order"]]
        devices = [device_memory(session) for session in sessions]
        blocks = [block.to_json() for block in taken]
        return {"blocks": blocks, "peak_memory_mb": peak_memory(), "device_memory_mb": devices}

    def _pace(self, request: dict[str, Any]) -> dict[str, Any]:
        from pytest_onnxaccel.numerics.queueing.arrivals import PacePlan, caller, pace

        call = caller(self._sessions[request["session"]], self._feeds(request))
        return pace(call, PacePlan(**request["plan"])).to_json()

    def _look(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return what samples reach; the feeds of sample *i* are named ``i/name``."""
        feeds = several(self._feeds(request), request["samples"])
        found: dict[str, Any] = resolve(_LOOK)(
            self._sessions[request["session"]], feeds, request["path"], request["wanted"]
        )
        return found

    def _feeds(self, request: dict[str, Any]) -> Mapping[str, Array]:
        return self._inbox.get(request["arrays"])

    def _close(self, request: dict[str, Any]) -> dict[str, Any]:
        session = self._sessions.pop(request["session"], None)
        if session is not None:
            session.close()
        return {}


def several(arrays: Mapping[str, Array], count: int) -> list[dict[str, Array]]:
    """Return *arrays* named ``i/name``, put into *count* feeds."""
    feeds: list[dict[str, Array]] = [{} for _ in range(count)]
    for key, array in arrays.items():
        number, _, name = key.partition("/")
        feeds[int(number)][name] = array
    return feeds


def import_modules(modules: Sequence[str]) -> None:
    """Import *modules*; one that cannot be is told in the log, and again by who needs it."""
    # Imports make nothing but what stays: the collector would look through it again and again, and later too
    gc.disable()
    for module in modules:
        try:
            importlib.import_module(module)
        except Exception as error:
            print(f"preload of {module}: {error}", file=sys.stderr, flush=True)
    gc.freeze()
    gc.enable()


def main(argv: list[str] | None = None) -> None:
    """``worker CHANNEL INBOX OUTBOX MODULE...``: serve; the modules are imported while the host is still busy."""
    channel, inbox, outbox, *preload = sys.argv[1:] if argv is None else argv
    # A dying model shall not fill the disk
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Before anything has threads, which would stay as they are
    refusal = confine_by_environment()
    _serve([int(channel), int(inbox), int(outbox)], preload, refusal)


def serve(descriptors: Sequence[int], preload: Sequence[str], wall: dict[str, Any] | None) -> NoReturn:
    """Confine this process, which was just forked and has one thread, and answer until the host closes the channel.

    Args:
        descriptors: channel, inbox and outbox.
        preload: modules to be imported first, behind the wall.
        wall: as :meth:`~pytest_onnxaccel.isolation.confinement.confine.Wall.to_json` gives it; None for none.
    """
    _serve(descriptors, preload, None if wall is None else confine(Wall.from_json(wall)))


def _serve(descriptors: Sequence[int], preload: Sequence[str], refusal: OnnxAccelError | None) -> NoReturn:
    import_modules([module for module in preload if module not in sys.modules])
    channel, inbox, outbox = descriptors
    Worker(socket.socket(fileno=channel), Inbox(inbox), Outbox(outbox), Log(2), refusal).serve()
    # Runtimes may crash or linger while they are taken down, and nothing here needs it
    os._exit(0)


if __name__ == "__main__":
    main()
