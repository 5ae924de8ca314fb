"""The ways to run a model: which are here, and how each is opened."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.checks.parity.comparison import Agreement
from pytest_onnxaccel.checks.speed.table import ADVISED, ONNX_TF, SHIPPED, SOURCE, Way
from pytest_onnxaccel.core.errors import ConfigError, OnnxAccelError
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.lookup.missing import looked_for
from pytest_onnxaccel.core.specs import SourceSpec
from pytest_onnxaccel.runner.references import SOURCES, function_source, is_source, names_function
from pytest_onnxaccel.runner.sessions.model_session import ModelSession
from pytest_onnxaccel.runner.sessions.source import backend_for
from pytest_onnxaccel.runner.sessions.workers.engines import Engines

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.checked_session import CheckedSession

#: Samples on which a way must give what the model as shipped gives.
SAMPLES = 3
_ORIGIN = "--source"
#: What the backends are called, by name.
_NAMES = {"ort": "ONNX Runtime", "torch": "PyTorch", "tensorflow": "TensorFlow", "function": "function"}


@record(frozen=True)
class Opening:
    """A way that is here: opens a session that nothing else uses."""

    way: Way
    opens: Callable[[], CheckedSession]


def source_of(text: str | None, loader: str | None, trusted: tuple[str, ...]) -> SourceSpec | None:
    """Return the source that the command names.

    Raises:
        ConfigError: it is none, or a loader does not belong to it.
    """
    if text is None:
        if loader:
            raise ConfigError("--loader is given without --source", remedy="name the file that it builds the module of")
        return None
    if names_function(text):
        if loader:
            cause = f"{loader!r} is given, but a loader does not apply to a function"
            raise ConfigError(cause, subject=_ORIGIN, remedy="leave the loader out")
        return function_source(text, _ORIGIN)
    if not is_source(text):
        raise ConfigError(f"{text!r} is not what a model is converted from", subject=_ORIGIN, remedy=SOURCES)
    path = os.path.abspath(os.path.expanduser(text))
    if not os.path.exists(path):
        raise ConfigError(f"does not exist: {looked_for(path)}", code="E_FILE", subject=text, remedy=SOURCES)
    return SourceSpec(path, text, loader, trusted, _ORIGIN)


class Ways:
    """The ways to run the model of *model_session*.

    Args:
        backend: the runtime of the model as shipped.
        threads: intra-op threads of each; None for their own.
    """

    def __init__(self, model_session: ModelSession, engines: Engines, backend: str, threads: int | None) -> None:
        self._model_session = model_session
        self._engines = engines
        self.backend = backend
        self._options = LoadOptions(threads=threads)
        self.versions: dict[str, str] = {}

    def source(self) -> Opening | Way:
        """Return what the model was converted from, in its own framework."""
        source = self._model_session.spec.source
        if source is None:
            remedy = "--source weights.pth --loader package.module:build"
            return Way(SOURCE, "source framework", "no source is named", remedy)
        name = ""
        try:
            name = backend_for(source, self._engines)
            title = f"{self._titled(name)}, {Path(source.shown).name}"
            session = self._model_session
            opens = partial(
                session.sourced.opened, source, name, session.engine(name, source), self._options, session.info
            )
            return self._tried(SOURCE, title, opens)
        except OnnxAccelError as error:
            return _absent(SOURCE, f"{_called(name)}, {Path(source.shown).name}" if name else source.shown, error)

    def onnx_tf(self) -> Opening | Way:
        """Return the model in TensorFlow."""
        try:
            found = self._engines.availability(ONNX_TF)
        except OnnxAccelError as error:
            return _absent(ONNX_TF, ONNX_TF, error)
        if not found.ok:
            return Way(ONNX_TF, ONNX_TF, found.reason, found.remedy)
        try:
            return self._tried(ONNX_TF, self._titled(ONNX_TF), self.plain(ONNX_TF))
        except OnnxAccelError as error:
            return _absent(ONNX_TF, ONNX_TF, error)

    def shipped(self) -> Opening:
        """Return the model as it is, in the runtime."""
        return Opening(Way(SHIPPED, f"{self._titled(self.backend)}, as shipped"), self.plain(self.backend))

    def advised(self, opens: Callable[[], CheckedSession]) -> Opening:
        """Return the model as advised, in the runtime."""
        return Opening(Way(ADVISED, f"{self._titled(self.backend)}, as advised"), opens)

    def plain(self, name: str) -> Callable[[], CheckedSession]:
        """Open the model as it is in backend *name*."""
        return partial(self._model_session.fresh, name, None, self._options)

    def not_advised(self) -> Way:
        """Nothing is certain to be faster."""
        why = "nothing that was tried is certain to be faster than as shipped"
        return Way(ADVISED, f"{self._titled(self.backend)}, as advised", why)

    def _tried(self, key: str, title: str, opens: Callable[[], CheckedSession]) -> Opening:
        """Open it and run it; where it does not give what the model as shipped gives, a note says so.

        Raises:
            OnnxAccelError: it does not.
        """
        ready, spec = self._model_session.ready(self.backend), self._model_session.spec
        agreement = Agreement((title, "the model as shipped"), spec.tolerance, spec.output_tolerances)
        session = opens()
        for number in range(SAMPLES):
            feeds = ready.resolved.inputs.feeds(number)
            agreement.add(session.run(feeds), ready.session.run(feeds))
        said = () if agreement.ok else (f"outputs differ from the model as shipped: {agreement.message()}",)
        # Loading may take longer than timing: what is open stays so
        kept = [session]
        return Opening(Way(key, title, notes=said), lambda: kept.pop() if kept else opens())

    def _titled(self, name: str) -> str:
        versions = self._engines.availability(name).versions
        self.versions |= versions
        first = next(iter(versions.values()), "")
        return f"{_called(name)} {first}".rstrip()


def _called(name: str) -> str:
    """``ONNX Runtime (cuda)`` of ``ort-cuda``."""
    stem, _, device = name.partition("-")
    if name == ONNX_TF or stem not in _NAMES:
        return name
    return _NAMES[stem] + (f" ({device})" if device and device != "cpu" else "")


def _absent(key: str, title: str, error: OnnxAccelError) -> Way:
    return Way(key, title, error.cause, error.remedy or "")
