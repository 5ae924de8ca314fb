"""What a run lays down: a private folder, the sentinel that removes it, and a worker started ahead."""

from __future__ import annotations

import shutil
import tempfile

from pytest_onnxaccel.isolation.host import WorkerProcess
from pytest_onnxaccel.isolation.launch import own_command
from pytest_onnxaccel.isolation.limits import Limits
from pytest_onnxaccel.isolation.sentinel import Sentinel

#: What nearly every backend of this interpreter imports.
_USUAL = ("numpy", "onnxruntime", "onnx")


class Staging:
    """The private folder of one run; it goes when this process ends, however it ends.

    A worker may be started before anyone knows what for: an interpreter with its runtime needs about as long to start
    as pytest needs to read its settings and collect.
    """

    def __init__(self) -> None:
        self.folder = tempfile.mkdtemp(prefix="onnxaccel-")
        self.sentinel = Sentinel(self.folder)
        self._spare: WorkerProcess | None = None

    def start_ahead(self) -> None:
        """Start a worker of this interpreter that is still nobody's."""
        self._spare = WorkerProcess("ahead", own_command(), _USUAL, self.folder, self.sentinel, Limits())

    def take(self, label: str, limits: Limits) -> WorkerProcess | None:
        """The worker started ahead, from now on *label*'s; None when there is none, or no longer."""
        worker, self._spare = self._spare, None
        if worker is not None:
            worker.label, worker.limits = label, limits
        return worker

    def close(self) -> None:
        """End the worker that nobody took, and remove the folder."""
        if self._spare is not None:
            self._spare.close()
            self._spare = None
        shutil.rmtree(self.folder, ignore_errors=True)
        self.sentinel.close()
