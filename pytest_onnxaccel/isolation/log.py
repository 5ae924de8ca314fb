"""The one log of a worker: an anonymous file that its output goes to and that the host reads the end of."""

from __future__ import annotations

import ctypes
import os
import sys

#: How much of a log is ever looked at, in bytes from its end.
TAIL = 64 << 10
#: How much a log may take before what is before its end is given back, in bytes.
ROOM = 8 << 20

# From linux/falloc.h: the length stays, what lies in the range is given back.
_KEEP_SIZE, _PUNCH_HOLE = 1, 2


def _punch(handle: int, length: int) -> bool:
    """Give back the first *length* bytes of a file, whose end is there at every moment; say whether it went."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        library = ctypes.CDLL(None)
        call = getattr(library, "fallocate64", None) or library.fallocate
    except (OSError, AttributeError):
        return False
    mode = ctypes.c_int(_KEEP_SIZE | _PUNCH_HOLE)
    done: int = call(ctypes.c_int(handle), mode, ctypes.c_int64(0), ctypes.c_int64(length))
    return done == 0


class Log:
    """Reads the file behind descriptor *handle* without moving where it is written.

    Positions are byte offsets; where the descriptor is not a regular file (a terminal), everything reads as empty.
    """

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def position(self) -> int:
        """Return where the next output will go."""
        try:
            return os.fstat(self._handle).st_size
        except OSError:
            return 0

    def since(self, position: int) -> str:
        """Return what was written after *position*, at most its last :data:`TAIL` bytes."""
        end = self.position()
        start = max(position, end - TAIL)
        try:
            found = os.pread(self._handle, max(end - start, 0), start)
            return found.lstrip(b"\0").decode("utf-8", "replace")  # a cut log begins with nothing
        except OSError:
            return ""

    def cut(self) -> None:
        """Give back what a long log takes, but its last :data:`TAIL` bytes; positions stay.

        The file keeps its length and loses what it holds. Where the system cannot punch a hole into a file (other
        than Linux), what is written at the same moment may be lost.
        """
        try:
            found = os.fstat(self._handle)
            if found.st_blocks * 512 <= ROOM:
                return
            start = max(found.st_size - TAIL, 0)
            if _punch(self._handle, start):
                return
            tail = os.pread(self._handle, TAIL, start)
            os.ftruncate(self._handle, 0)
            os.pwrite(self._handle, tail, start)
        except OSError:
            return

    def last_line(self) -> str:
        """Return the last line that is not empty."""
        lines = [line for line in self.since(0).splitlines() if line.strip()]
        return lines[-1].strip() if lines else ""
