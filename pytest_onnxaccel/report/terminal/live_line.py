"""A line that says that a long check lives and where it is: rewritten on a terminal, or a new one now and then."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections.abc import Callable

from pytest_onnxaccel.core import progress
from pytest_onnxaccel.report.text_format import cells, elide, safe


def line_of(what: str, told: str, seconds: float) -> str:
    """Return ``net.onnx::latency[ort-cpu] 38/160 pairs, 12 s``.

    Args:
        what: the check.
        told: how far it is.
        seconds: since it began.
    """
    minutes, rest = divmod(int(seconds), 60)
    taken = f"{minutes} min {rest} s" if minutes else f"{rest} s"
    return " ".join(part for part in (safe(what), safe(f"{told}, {taken}" if told else taken)) if part)


class Rewritten:
    """Text behind the cursor of a terminal, which goes before anything else is written.

    Args:
        write: of the terminal.
        room: columns that are free behind the cursor.
    """

    def __init__(self, write: Callable[[str], object], room: Callable[[], int]) -> None:
        self._write = write
        self._room = room
        self._shown = 0

    def show(self, line: str) -> None:
        """Show *line* in place of what was shown, as much of it as there is room for."""
        self.clear()
        room = self._room() - 2  # one to the left of it, and the last column, where a terminal would wrap
        if room < 4:
            return
        text = f" {elide(line, room)}"
        self._write(text)
        self._shown = cells(text)

    def clear(self) -> None:
        """Take away what is shown; the cursor is where it was."""
        if self._shown:
            self._write(f"\x1b[{self._shown}D\x1b[K")
            self._shown = 0


class Ticker:
    """Calls *tick* every *seconds* from a thread of its own, until it is stopped."""

    def __init__(self, tick: Callable[[], object], seconds: float) -> None:
        self._tick = tick
        self._seconds = seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="onnxaccel-progress", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; *tick* is not called afterwards."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(5)

    def _run(self) -> None:
        while not self._over.wait(self._seconds):
            try:
                self._tick()
            except (OSError, ValueError):  # nobody reads any more
                return


class Watch:
    """What runs, and since when."""

    def __init__(self) -> None:
        self.what = ""
        self._since = time.monotonic()

    def begin(self, what: str) -> None:
        """Another check begins."""
        self.what, self._since = what, time.monotonic()

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self._since


class OnStderr:
    """The line of a command: behind the cursor of a terminal, else a line every *seconds*.

    Args:
        what: the command.
        seconds: between two lines where standard error is not a terminal.
    """

    def __init__(self, what: str, seconds: float = 30.0) -> None:
        progress.begin()
        self._watch = Watch()
        self._watch.begin(what)
        live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._line = Rewritten(self._write, lambda: shutil.get_terminal_size().columns) if live else None
        self._ticker = Ticker(self._tick, 1.0 if live else seconds)

    def __enter__(self) -> OnStderr:
        self._ticker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End it; what comes next writes to a clean line."""
        self._ticker.stop()
        if self._line is not None:
            self._line.clear()

    def _tick(self) -> None:
        text = line_of(self._watch.what, progress.told(), self._watch.seconds)
        if self._line is not None:
            self._line.show(text)
        else:
            self._write(f"{text}\n")

    def _write(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()
