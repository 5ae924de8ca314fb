"""The file of a model under test: its private copy, what that declares, and how long both are kept."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.core.printing import file_name
from pytest_onnxaccel.core.specs import ModelInfo, ModelSpec
from pytest_onnxaccel.isolation.staging.external_data import stage_external
from pytest_onnxaccel.isolation.staging.stage_model import Staged, stage
from pytest_onnxaccel.runner.sessions.model.known_model import KnownModel
from pytest_onnxaccel.runner.sessions.workers.engines import Engines
from pytest_onnxaccel.runner.sessions.workers.prefetch import Prefetch


class StagedModel(KnownModel):
    """Stages the model once; a fault is remembered, and given each time.

    Args:
        spec: the model.
        engines: those of the run.
        folder: private, for the copy and what is derived from it.
        prefetch: what was begun in advance for this model.
    """

    def __init__(self, spec: ModelSpec, engines: Engines, folder: str, prefetch: Prefetch | None) -> None:
        self.spec = spec
        self._engines = engines
        self._folder = folder
        self._prefetch = prefetch
        self._taken: tuple[Staged, ModelInfo] | None = None
        self._fault: OnnxAccelError | None = None
        self._holders = 0
        self._closed = False

    def taken(self) -> tuple[Staged, ModelInfo]:
        """Return the staged copy and what it declares.

        Raises:
            OnnxAccelError: the file cannot be staged; the same error each time.
        """
        if self._fault is not None:
            raise self._fault
        if self._taken is None:
            try:
                self._taken = self._take_in()
            except OnnxAccelError as error:
                self._fault = error.about(self.spec.shown)
                raise
        return self._taken

    def _take_in(self) -> tuple[Staged, ModelInfo]:
        self.start()  # its interpreter starts while the file is copied
        ahead = self._prefetch
        seconds = self._engines.options.limits.seconds
        staged = ahead.staged if ahead is not None else stage(self.spec.path, self.spec.shown, self._folder, seconds)
        info = ModelInfo.from_json(self.graph("inspect", path=staged.path))
        if ahead is not None and info.external:
            ahead.engine.forget_prefetched()  # it looked at the model without its data
        stage_external(staged, info.external, self.spec.shown, seconds)
        return staged, info

    def start(self) -> None:
        """Start the worker that serves :meth:`graph`."""
        raise NotImplementedError

    @property
    def info(self) -> ModelInfo:
        """What the model declares."""
        return self.taken()[1]

    @property
    def path(self) -> str:
        """The staged copy."""
        return self.taken()[0].path

    @property
    def folder(self) -> str:
        """Private folder for files derived from the model."""
        return self._folder

    @property
    def stem(self) -> str:
        """What files derived from the model are called by."""
        return file_name(os.path.splitext(os.path.basename(self.spec.path))[0])

    @property
    def size(self) -> int:
        """Bytes of the copy with its external data."""
        staged, info = self.taken()
        if not info.external:
            return staged.size
        return staged.size + sum(entry.stat().st_size for entry in os.scandir(staged.folder) if entry.is_file())

    def hold(self) -> Callable[[], None]:
        """Keep the model's files beyond :meth:`close_files`, until what this gives is called."""
        self._holders += 1

        def release() -> None:
            self._holders -= 1
            self._tidy()

        return release

    def close_files(self) -> None:
        """Remove the files, once nobody holds them."""
        self._closed = True
        self._tidy()

    def _tidy(self) -> None:
        if self._closed and not self._holders:
            self.remove_files()

    def remove_files(self) -> None:
        """Remove what was staged and derived."""
        shutil.rmtree(self._folder, ignore_errors=True)
