"""What a run lays down: a private folder, the sentinel that removes it, and a worker started ahead."""

from __future__ import annotations

import os
import shutil
import tempfile

from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.isolation.confinement.confine import Wall
from pytest_onnxaccel.isolation.launch import Launch, own_command
from pytest_onnxaccel.isolation.limits import Limits
from pytest_onnxaccel.isolation.orphan_reaper import OrphanReaper
from pytest_onnxaccel.isolation.supervisor import WorkerProcess

#: What nearly every backend of this interpreter imports.
_USUAL = ("numpy", "onnxruntime", "onnx")


class Staging:
    """The private folder of one run; it goes when this process ends, however it ends.

    A worker may be started before anyone knows what for: an interpreter with its runtime needs about as long to start
    as pytest needs to read its settings and collect.

    Args:
        controller: folder of the controlling process's lifeline, where there is such a process.

    Attributes:
        shared: what every worker of the run may read, and none may change as a whole.
        given: in it, what was staged to be compared with or converted; no worker may change it.
        made: in it, what was converted; the workers that convert write it.

    Raises:
        ModelError: ``E_FILE``: there is no place for it.
    """

    def __init__(self, controller: str | None = None) -> None:
        try:
            self.folder = tempfile.mkdtemp(prefix="onnxaccel-")
        except OSError as error:
            raise _no_place(error) from None
        self.shared = os.path.join(self.folder, "shared")
        self.given = os.path.join(self.shared, "given")
        self.made = os.path.join(self.shared, "made")
        try:
            for folder in (self.shared, self.given, self.made):
                os.mkdir(folder, 0o700)
            self.sentinel = OrphanReaper(self.folder, controller)
        except BaseException as error:
            shutil.rmtree(self.folder, ignore_errors=True)
            if isinstance(error, OSError):
                raise _no_place(error) from None
            raise
        self._spare: WorkerProcess | None = None

    def prestart(self, confined: bool = True) -> None:
        """Start a worker of this interpreter that is still nobody's, *confined* to the whole folder."""
        wall = Wall(self.folder, local=True) if confined else None
        launch = Launch(own_command(), self.folder, _USUAL, wall=wall)
        self._spare = WorkerProcess("ahead", launch, self.sentinel, Limits())

    @property
    def confined(self) -> bool:
        """There is a worker started ahead, and it is confined."""
        return self._spare is not None and self._spare.wall is not None

    def take(self, label: str, limits: Limits, wall: Wall | None = None) -> WorkerProcess | None:
        """Return the prestarted worker, from now on *label*'s, behind *wall*; None when there is none."""
        worker = self._spare
        if worker is None or not worker.fits(wall):
            return None
        self._spare = None
        worker.label, worker.limits = label, limits
        if wall is not None:
            worker.narrow(wall)
        return worker

    def close(self) -> None:
        """End the worker that nobody took, and remove the folder."""
        if self._spare is not None:
            self._spare.close()
            self._spare = None
        shutil.rmtree(self.folder, ignore_errors=True)
        self.sentinel.close()


def _no_place(error: OSError) -> ModelError:
    return ModelError(
        f"there is no folder for private copies: {error.strerror or error}", code="E_FILE",
        remedy="free space, or name a folder that can be written to by TMPDIR",
    )  # fmt: skip
