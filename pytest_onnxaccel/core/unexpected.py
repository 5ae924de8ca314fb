"""Any exception as one of this package's errors: one line for a person, the traceback for the person who fixes it."""

from __future__ import annotations

import errno
import os
import traceback

from pytest_onnxaccel.core.errors import ModelError, OnnxAccelError, OutOfMemory, printable

#: Frames that are kept of a traceback, counted from where it was raised.
_FRAMES = 30
_LINE = 200
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


def as_error(error: BaseException) -> OnnxAccelError:
    """Return *error* itself where it is one of ours; else ``E_ERROR``, ``E_MEMORY`` or ``E_FILE`` for it."""
    if isinstance(error, OnnxAccelError):
        return error
    found = _told(error)
    found.traceback = traceback_lines(error)
    return found


def _told(error: BaseException) -> OnnxAccelError:
    text = _text(error)
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        said = f": {text}" if text else ""
        return OutOfMemory(
            f"memory ran out in the process that runs the checks{said}", remedy="free memory, or raise its limit"
        )
    if isinstance(error, OSError) and error.errno in _FULL:
        place = f" at {error.filename}" if error.filename else ""
        return ModelError(
            f"{error.strerror}{place}", code="E_FILE", remedy="free space, or name another folder by TMPDIR"
        )
    name = type(error).__name__
    return OnnxAccelError(
        f"{name}: {text}" if text else name, where=_place(error), remedy="-vv shows the traceback, which says more"
    )


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # of a class that is not ours
        return "its text is not available"


def _place(error: BaseException) -> str:
    """Return ``parity.py:88``, where *error* was raised."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    return "" if last is None else f"{os.path.basename(last.tb_frame.f_code.co_filename)}:{last.tb_lineno}"


def traceback_lines(error: BaseException) -> tuple[str, ...]:
    """Return the last frames of *error*'s traceback, and what it says.

    The frames let go of what they hold: the arrays of a check that ran out of memory are not to starve the next one.
    """
    try:
        told = traceback.TracebackException.from_exception(error, limit=-_FRAMES)
        text = "".join(told.format())
    except Exception:  # memory may still be short, and the exception's own text may raise
        text = type(error).__name__
    traceback.clear_frames(error.__traceback__)
    return tuple(_shown(line) for line in text.splitlines() if line.strip())


def _shown(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" "))] + printable(line, _LINE)
