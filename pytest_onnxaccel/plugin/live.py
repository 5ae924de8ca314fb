"""Live progress of long checks: a line that is rewritten on a terminal, a line now and then elsewhere, none with -q.

A worker of pytest-xdist writes its line to a file of the run, and the controlling process shows them all.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from pytest_onnxaccel.core import progress
from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.plugin.prestart import shared_folder
from pytest_onnxaccel.plugin.state import State
from pytest_onnxaccel.report.terminal.live_line import Rewritten, Ticker, Watch, line_of
from pytest_onnxaccel.report.text_format import safe

#: Seconds between two looks, and until a check counts as long on a terminal.
LOOK, LONG = 1.0, 2.0
#: Seconds between two lines where nothing can be rewritten, as in the log of a CI service.
LINE = 30.0

_FILE = "onnxaccel-progress-"


class Live:
    """Shows how far the check that runs is."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._config = state.config
        self._watch = Watch()
        self._lock = threading.RLock()
        self._line: Rewritten | None = None
        self._file: Path | None = None
        self._handle: int | None = None
        self._told = 0.0

    # Within pytest's own wrapper, which writes the last progress, [100%], once the loop is over
    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtestloop(self) -> Generator[None, Any, Any]:
        ticker = Ticker(self._tick, LOOK) if self._open() else None
        if ticker is not None:
            ticker.start()
        try:
            return (yield)
        finally:
            if ticker is not None:
                ticker.stop()
            self._close()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        progress.begin()
        self._watch.begin(item.nodeid)

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_teardown(self) -> None:
        progress.begin()
        self._watch.begin("")

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logstart(self) -> Generator[None, Any, Any]:
        return (yield from self._others_write())

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logreport(self) -> Generator[None, Any, Any]:
        return (yield from self._others_write())

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logfinish(self) -> Generator[None, Any, Any]:
        return (yield from self._others_write())

    def _others_write(self) -> Generator[None, Any, Any]:
        with self._lock:
            if self._line is not None:
                self._line.clear()
            result = yield
            if self._line is not None and self._terminal is not None:
                self._terminal.flush()
            return result

    # -- where it goes ----------------------------------------------------------------------------------------

    @property
    def _terminal(self) -> pytest.TerminalReporter | None:
        found: pytest.TerminalReporter | None = self._config.pluginmanager.get_plugin("terminalreporter")
        return found

    def _open(self) -> bool:
        """Return whether there is anything to write to."""
        if hasattr(self._config, "workerinput"):
            folder = shared_folder(self._config)
            name = os.environ.get("PYTEST_XDIST_WORKER", "worker")
            self._file = None if folder is None else Path(folder) / f"{_FILE}{name}"
            return self._file is not None
        terminal = self._terminal
        if terminal is None or self._config.get_verbosity() < 0:
            return False
        try:
            # A copy: while a test runs, the terminal's own goes to where pytest captures output
            self._handle = os.dup(terminal._tw._file.fileno())
        except (OSError, ValueError, AttributeError):  # not a file
            return False
        rewrites = os.isatty(self._handle) and os.environ.get("TERM") != "dumb"
        if rewrites and self._config.getoption("capture", "fd") != "no":
            self._line = Rewritten(self._write, lambda: terminal._tw.fullwidth - terminal._tw.width_of_current_line)
        self._told = time.monotonic()
        return True

    def _close(self) -> None:
        with self._lock:
            if self._line is not None:
                with contextlib.suppress(OSError):
                    self._line.clear()
                self._line = None
            if self._handle is not None:
                os.close(self._handle)
                self._handle = None
        if self._file is not None:
            self._file.unlink(missing_ok=True)

    def _write(self, text: str) -> None:
        if self._handle is not None:
            os.write(self._handle, text.encode("utf-8", "replace"))

    # -- what it says -----------------------------------------------------------------------------------------

    def _tick(self) -> None:
        if self._file is not None:
            self._file.write_text(self._own(), encoding="utf-8")
            return
        with self._lock:
            text = self._own() or self._of_workers()
            if self._line is not None:
                self._line.show(text) if text else self._line.clear()
            elif text and time.monotonic() - self._told >= LINE:
                self._told = time.monotonic()
                terminal = self._terminal
                begun = "\n" if terminal is not None and terminal._tw.width_of_current_line else ""
                self._write(f"{begun}{text}\n")

    def _own(self) -> str:
        """Return the line of the check that runs in this process; empty where none takes long."""
        told = progress.told()
        if not self._watch.what or not told or self._watch.seconds < LONG:
            return ""
        return line_of(self._watch.what, told, self._watch.seconds)

    def _of_workers(self) -> str:
        if self._config.getoption("dist", "no") == "no":
            return ""
        try:
            files = sorted(Path(self._state.folders.leases).glob(f"{_FILE}*"))
        except (OSError, OnnxAccelError):
            return ""
        lines = []
        for file in files:
            with contextlib.suppress(OSError):
                text = safe(file.read_text(encoding="utf-8", errors="replace"))
                lines += [f"{file.name.removeprefix(_FILE)}: {text}"] if text else []
        return "; ".join(lines)
