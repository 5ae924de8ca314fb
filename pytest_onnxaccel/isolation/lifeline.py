"""By what the other processes of a run notice that the controlling one stops, or is gone: ends of two pipes.

The controlling process of pytest-xdist holds the writing ends of two named pipes. The system closes them however it
ends, SIGKILL included, and a process that reads one of them wakes at once; a parent's id would have to be asked for
again and again, and may be another process's by then.
"""

from __future__ import annotations

import contextlib
import os

#: Names of the pipes: open while the run goes on; open while the controlling process lives.
_GOING, _ALIVE = "onnxaccel-going", "onnxaccel-alive"


class Lifeline:
    """Held by the controlling process, in a *folder* that the others know."""

    def __init__(self, folder: str) -> None:
        self._handles: list[int] = []
        # Without named pipes the others notice the end by pytest-xdist's own channel, some seconds later
        with contextlib.suppress(OSError):
            for name in (_GOING, _ALIVE):
                os.mkfifo(os.path.join(folder, name), 0o600)
                # For reading too: else this would wait for a reader
                self._handles.append(os.open(os.path.join(folder, name), os.O_RDWR | os.O_CLOEXEC))

    def stop(self) -> None:
        """Ask the others to end now, as a person does who presses Ctrl-C."""
        if len(self._handles) == 2:
            os.close(self._handles.pop(0))

    def close(self) -> None:
        """Let go."""
        while self._handles:
            os.close(self._handles.pop())


def reading_ends(folder: str) -> list[int]:
    """Return descriptors of both pipes in *folder*, which end with :class:`Lifeline`; none where there are none."""
    handles: list[int] = []
    try:
        for name in (_GOING, _ALIVE):
            # Without waiting for a writer: there is none any more when the controlling process is gone
            handles.append(os.open(os.path.join(folder, name), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
            os.set_blocking(handles[-1], True)
    except OSError:
        while handles:
            os.close(handles.pop())
    return handles
