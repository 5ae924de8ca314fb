"""What a run lays down: a private folder, the sentinel that removes it, and a worker started ahead."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterable

from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.isolation.confinement.confine import Wall
from pytest_onnxaccel.isolation.launch import Launch, own_command
from pytest_onnxaccel.isolation.limits import Limits
from pytest_onnxaccel.isolation.orphan_reaper import OrphanReaper
from pytest_onnxaccel.isolation.supervisor import WorkerProcess
from pytest_onnxaccel.isolation.warm.forking import ForkServer, available
from pytest_onnxaccel.isolation.warm.modules import FIRST


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
        self._server: ForkServer | None = None

    def prestart(self, confined: bool = True) -> None:
        """Start what workers are forked of, or else a worker that is nobody's, *confined* to the whole folder."""
        if available():
            self.fork_server()
            return
        wall = Wall(self.folder, local=True) if confined else None
        launch = Launch(own_command(), self.folder, FIRST, wall=wall)
        self._spare = WorkerProcess("ahead", launch, self.sentinel, Limits())

    def fork_server(self, variables: Iterable[str] = ()) -> ForkServer | None:
        """Return what workers are forked of, started at first need; None where they are started one by one.

        Args:
            variables: names of variables of the environment that they see in addition to the usual ones.
        """
        wanted = frozenset(variables)
        if self._server is not None and not (self._server.alive and self._server.variables == wanted):
            self._server.close()
            self._server = None
        if self._server is None and available():
            with contextlib.suppress(OSError):  # who starts a worker alone will say why
                self._server = ForkServer(self.sentinel, self.folder, wanted)
        return self._server

    def suits(self, confined: bool) -> bool:
        """Return whether what was started ahead is of use where workers are *confined*, or are not."""
        return self._spare is None or (self._spare.wall is not None) == confined

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
        if self._server is not None:
            self._server.close()
            self._server = None
        shutil.rmtree(self.folder, ignore_errors=True)
        self.sentinel.close()


def _no_place(error: OSError) -> ModelError:
    return ModelError(
        f"there is no folder for private copies: {error.strerror or error}",
        code="E_FILE",
        remedy="free space, or name a folder that can be written to by TMPDIR",
    )
