"""A backend whose sessions also tell what only their own process can see.

Arrays are copied on their way to and from a worker, so that from outside nobody notices a session that writes
into its inputs, or that hands out the same buffer twice. Where the backend runs in the pytest process for a
debugger, or is timed on one set of inputs, both give wrong figures.

A worker asks this module for the attribute ``module:name`` and gets the backend of that name, watched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pytest_onnxaccel.backends.protocol import Backend, LoadOptions, Session, SessionInfo
from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.core.specs import Timing, TimingPlan

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

#: What a session can be caught at.
INPUTS, RESULTS, CLOSE = "alters its inputs", "alters earlier results", "cannot be closed twice"


class Caught(OnnxAccelError):
    """What a watched session did; one line for each, reported when it is closed."""

    code = "E_CONFORMANCE"


def reference(backend: str) -> str:
    """Return the reference (``module:name``) under which a worker finds *backend*, watched."""
    return f"{__name__}:{backend}"


def __getattr__(name: str) -> Callable[[], Backend]:
    if ":" not in name:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pytest_onnxaccel.isolation.child.functions import make_backend

    return lambda: WatchedBackend(make_backend(name))


class WatchedBackend:
    """*backend*, its sessions watched."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.name, self.role = backend.name, backend.role
        self.environment, self.keep_worker = backend.environment, backend.keep_worker
        self.availability, self.prepare = backend.availability, backend.prepare

    def load(self, path: str, options: LoadOptions) -> Session:
        return WatchedSession(self._backend.load(path, options))


class WatchedSession:
    """*session*; :meth:`close` raises :class:`Caught` for what it did until then."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._earlier: list[tuple[str, Array, bytes]] = []
        self._caught: dict[str, str] = {}

    @property
    def info(self) -> SessionInfo:
        return self._session.info

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        before = _bytes(feeds)
        outputs = self._session.run(feeds)
        for name, data in _bytes(feeds).items():
            if before.get(name) != data:
                self._caught.setdefault(INPUTS, f"run() wrote into its input {name!r}")
        for name, array, data in self._earlier:
            if array.tobytes() != data:
                self._caught.setdefault(RESULTS, f"a second run() changed the output {name!r} of the first")
        self._earlier += [(name, array, array.tobytes()) for name, array in outputs.items()]
        return outputs

    def time(self, feeds: Mapping[str, Array], plan: TimingPlan) -> Timing:
        before = _bytes(feeds)
        timing = self._session.time(feeds, plan)
        if _bytes(feeds) != before:
            self._caught.setdefault(INPUTS, "time() wrote into its inputs")
        return timing

    def close(self) -> None:
        self._session.close()
        try:
            self._session.close()
        except Exception as error:
            self._caught.setdefault(CLOSE, f"the second close() raised {type(error).__name__}: {error}")
        if self._caught:
            raise Caught("\n".join(f"{kind}: {cause}" for kind, cause in self._caught.items()))


def _bytes(arrays: Mapping[str, Array]) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in arrays.items()}
