"""Folders of a run in addition to the private one of its models, and what tells its xdist workers to end."""

from __future__ import annotations

import tempfile
from functools import cached_property

from pytest_onnxaccel.isolation.lifeline import Lifeline
from pytest_onnxaccel.isolation.staging.run_folder import Staging


class RunFolders:
    """One per pytest process; each folder is made when it is asked for, and goes with :meth:`close`."""

    def __init__(self) -> None:
        self._shared: Staging | None = None
        self._lifeline: Lifeline | None = None
        self._scratch: tempfile.TemporaryDirectory[str] | None = None

    def scratch(self) -> str:
        """Return a folder for models that tests give as bytes."""
        if self._scratch is None:
            self._scratch = tempfile.TemporaryDirectory(prefix="onnxaccel-given-", ignore_cleanup_errors=True)
        return self._scratch.name

    @cached_property
    def leases(self) -> str:
        """Folder of the leases that all processes of this run share.

        Raises:
            ModelError, OSError: it cannot be made.
        """
        self._shared = Staging()
        self._lifeline = Lifeline(self._shared.folder)
        return self._shared.folder

    def stop_others(self) -> None:
        """Ask the xdist workers of this controlling process to end now."""
        if self._lifeline is not None:
            self._lifeline.stop()

    def close(self) -> None:
        """Remove what there is."""
        if self._scratch is not None:
            self._scratch.cleanup()
            self._scratch = None
        if self._lifeline is not None:
            self._lifeline.close()
            self._lifeline = None
        if self._shared is not None:
            self._shared.close()
            self._shared = None
