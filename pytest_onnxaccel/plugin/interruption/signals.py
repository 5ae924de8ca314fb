"""SIGTERM ends a run as Ctrl-C does: with its reports, exit status 2, and nothing left behind."""

from __future__ import annotations

import signal
import threading
from types import FrameType

import pytest

#: What services send to end a run, and what a closed terminal sends.
_ENDING = (signal.SIGTERM, signal.SIGHUP)


class Signals:
    """Turns the first of these signals into :class:`KeyboardInterrupt`, which pytest knows; the second ends at once.

    A signal that somebody else handles, or that this process was started to ignore, stays theirs. In an xdist worker
    the second one is passed over: a service signals the whole group of processes, and so does the controlling process.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._alone = not hasattr(config, "workerinput")
        self._mine: list[signal.Signals] = []
        #: The session is ending already, and writes its reports.
        self._ending = False
        #: Name of the signal that came; empty while none has.
        self.received = ""
        if threading.current_thread() is threading.main_thread():
            for number in _ENDING:
                if signal.getsignal(number) is signal.SIG_DFL:
                    signal.signal(number, self._came)
                    self._mine.append(number)

    def _came(self, number: int, frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        first, self.received = not self.received, self.received or name
        if self._alone:
            self.restore()
        if first and not self._ending:
            raise KeyboardInterrupt(name)

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self) -> None:
        self._ending = True

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        self._ending = True

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        self.restore()

    def restore(self) -> None:
        """Let the signals do again what they did before."""
        while self._mine:
            number = self._mine.pop()
            # The bound method that was set is another object than the one that is asked for now: compare, not identify
            if signal.getsignal(number) == self._came:
                signal.signal(number, signal.SIG_DFL)
