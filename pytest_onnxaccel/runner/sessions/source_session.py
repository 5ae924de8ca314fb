"""Sources of one model under test: running in their own framework, and exported to ONNX again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_onnxaccel.backends.checked_session import CheckedSession
from pytest_onnxaccel.backends.protocol import LoadOptions, Session
from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.core.specs import ModelInfo, SourceSpec
from pytest_onnxaccel.isolation.engine import Engine
from pytest_onnxaccel.numerics.sampling.input_sets import Inputs
from pytest_onnxaccel.runner.request import QUIET
from pytest_onnxaccel.runner.sessions.batch_files import Candidate
from pytest_onnxaccel.runner.sessions.source import backend_for, open_source, re_export, ways_of
from pytest_onnxaccel.runner.sessions.workers.engines import Engines

if TYPE_CHECKING:
    from pytest_onnxaccel.runner.sessions.model_session import ModelSession


class Sourced:
    """Opens and exports sources as the model of *model_session*: under the names and shapes that it declares."""

    def __init__(self, model_session: ModelSession, engines: Engines) -> None:
        self._model_session = model_session
        self._engines = engines
        self._used: dict[str, SourceSpec] = {}
        self._folders: list[str] = []

    def session(self, source: SourceSpec, path: str | None = None) -> CheckedSession:
        """Return a session of *source* in its own framework, fed as the model, or as the file derived from it, is.

        Raises:
            OnnxAccelError: it cannot be loaded.
        """
        return self._model_session.session(self._backend_for(source), path, source=source)

    def opened(
        self, source: SourceSpec | None, name: str, engine: Engine, options: LoadOptions, info: ModelInfo
    ) -> CheckedSession:
        """Return a session of its own, of *source* in backend *name*, which takes and gives what *info* declares.

        Raises:
            OnnxAccelError: it cannot be loaded.
        """
        if source is not None:
            self._used[source.path] = source
        return open_source(source, name, engine, options, info, self._engines)

    def variants(self, source: SourceSpec, path: str | None = None) -> Iterator[tuple[str, Session | OnnxAccelError]]:
        """Yield the same source, legally computed otherwise: what its outputs differ by is its noise.

        The caller closes.
        """
        model_session = self._model_session
        name, info = self._backend_for(source), model_session.declared(path or model_session.path)

        def opened(options: LoadOptions) -> Session:
            return self.opened(source, name, model_session.engine(name, source), options, info)

        return ways_of(name, self._engines, QUIET, opened)

    def re_exports(self, size: int, inputs: Inputs) -> Iterator[Candidate | OnnxAccelError]:
        """Yield the model at batch *size* exported again from its source; nothing where it declares none.

        Args:
            size: samples that the result takes.
            inputs: those that were found for the model.
        """
        source = self._model_session.spec.source
        if source is None or source.function or source.path.endswith(".onnx"):
            return
        yield self.exported(source, size, inputs)

    def exported(self, source: SourceSpec, size: int, inputs: Inputs) -> Candidate | OnnxAccelError:
        """Return *source* exported at batch *size* under the names of the model, or what stands against it."""
        model_session = self._model_session
        self._used[source.path] = source
        try:
            shapes = inputs.shapes(size)
            specs = [replace(spec, shape=shapes[spec.name]) for spec in model_session.info.inputs]
            made = re_export(source, model_session.stem, specs, size, model_session.info, self._engines)
        except OnnxAccelError as error:
            return error
        self._folders.append(os.path.dirname(made.path))  # which holds nothing else
        return made

    def exported_open(self, source: SourceSpec) -> Candidate | OnnxAccelError:
        """Return *source* exported with the sizes open that the model leaves open, or what stands against it."""
        model_session = self._model_session
        self._used[source.path] = source
        try:
            made = re_export(
                source, model_session.stem, model_session.info.inputs, None, model_session.info, self._engines
            )
        except OnnxAccelError as error:
            return error
        self._folders.append(os.path.dirname(made.path))
        return made

    def _backend_for(self, source: SourceSpec) -> str:
        self._used[source.path] = source
        return backend_for(source, self._engines)

    def close(self) -> None:
        """Remove the private copies of the sources that were opened or exported here, and what was exported."""
        for folder in self._folders:
            shutil.rmtree(folder, ignore_errors=True)
        for source in self._used.values():
            self._engines.conversions.drop(source)
