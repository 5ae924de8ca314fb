"""Copies opened files into a private folder under limits of size, count and time; says what an error means."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import time
from collections.abc import Callable, Iterator

from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.files.beneath import open_folder
from pytest_onnxaccel.core.lookup.missing import looked_for
from pytest_onnxaccel.isolation.limits import size_text

_CHUNK = 1 << 20
#: Bytes of all files of one model: what a person may mean by it.
LARGEST = 64 << 30
#: Files of one model.
MOST_FILES = 10_000
#: Seconds that copying one model may take, where nobody says otherwise.
SECONDS = 120.0

_ROOM = "make room on the disk, or set TMPDIR to a larger one"
_WRITABLE = "set TMPDIR to a folder that can be written"
_OPEN_FILES = "raise the limit on open files (ulimit -n)"
#: What to do when a private copy cannot be written. The model is not to blame.
_WRITE = {
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EFBIG: "raise the limit on file size (ulimit -f)",
    errno.EROFS: _WRITABLE,
    errno.EACCES: _WRITABLE,
    errno.EPERM: _WRITABLE,
    errno.ENOENT: _WRITABLE,
    errno.ENOTDIR: _WRITABLE,
    errno.ENAMETOOLONG: "set TMPDIR to a shorter path",
}
#: What to do when a file cannot be read, whoever names it.
_READ = {
    errno.ENOENT: "check the path",
    errno.EACCES: "give read permission",
    errno.EPERM: "give read permission",
    errno.ELOOP: "its links lead in a circle: name the file itself",
    errno.ENAMETOOLONG: "give it a shorter name",
}
#: The machine's own trouble, reading or writing.
_MACHINE = {
    errno.EMFILE: _OPEN_FILES,
    errno.ENFILE: _OPEN_FILES,
    errno.EIO: "check the disk or network share that it is on",
    errno.ESTALE: "check the network share that it is on",
    errno.ETIMEDOUT: "check the network share that it is on",
    errno.ENOMEM: "run with more memory",
}


class Allowance:
    """What may still be copied for one model.

    Args:
        size: bytes.
        files: their number.
        seconds: from now on, by a monotonic clock.
    """

    def __init__(self, size: int = LARGEST, files: int = MOST_FILES, seconds: float = SECONDS) -> None:
        self.size, self.files, self._seconds = size, files, seconds
        self._left, self._files_left = size, files
        self._end = time.monotonic() + seconds

    def take(self, size: int) -> None:
        """Count one more file of *size* bytes.

        Raises:
            ModelError: ``E_SIZE``.
        """
        self._left -= size
        self._files_left -= 1
        if self._left < 0:
            raise ModelError(
                f"its files are larger than {size_text(self.size)}", code="E_SIZE", remedy="give the model alone"
            )
        if self._files_left < 0:
            raise ModelError(f"it is more than {self.files} files", code="E_SIZE", remedy="save it in fewer files")

    def on_time(self) -> None:
        """Raise ``E_TIMEOUT`` when the time is over."""
        if time.monotonic() > self._end:
            raise ModelError(
                f"its files could not be copied within {self._seconds:g} s",
                code="E_TIMEOUT",
                where=f"copy, limit {self._seconds:g} s",
                remedy="raise the time limit (--onnx-timeout, or --timeout of a command) if the disk is only slow",
            )


@contextlib.contextmanager
def opened_folder(path: str, failed: Callable[[OSError], ModelError], listed: bool = False) -> Iterator[int]:
    """Open the folder *path* by :func:`~pytest_onnxaccel.core.files.beneath.open_folder`, and close it afterwards.

    Raises:
        ModelError: it cannot be opened, as *failed* tells.
    """
    try:
        handle = open_folder(path, listed)
    except OSError as error:
        raise failed(error) from None
    try:
        yield handle
    finally:
        os.close(handle)


def copy_open(source: int, target: int, length: int, allowance: Allowance) -> tuple[str, int, bytes]:
    """Copy the open file *source* to the open *target*, which is closed: SHA-256, bytes and the first 64 of them.

    At most *length* bytes, which is what the file had when it was opened: it may be growing.

    Raises:
        ModelError: ``E_FILE``: the copy cannot be written; ``E_TIMEOUT``.
        OSError: *source* cannot be read.
    """
    digest, size, head = hashlib.sha256(), 0, b""
    try:
        while size < length and (chunk := os.read(source, min(_CHUNK, length - size))):
            allowance.on_time()
            head = head or chunk[:64]
            digest.update(chunk)
            _write(target, chunk)
            size += len(chunk)
    finally:
        with contextlib.suppress(OSError):
            os.close(target)
    return digest.hexdigest(), size, head


def _write(target: int, chunk: bytes) -> None:
    rest = memoryview(chunk)
    try:
        while rest:
            rest = rest[os.write(target, rest) :]
    except OSError as error:
        raise write_error(error) from None


def write_error(error: OSError) -> ModelError:
    """Return the refusal when a private copy cannot be written."""
    number = error.errno or 0
    remedy = _WRITE.get(number) or _MACHINE.get(number, "")
    return ModelError(f"its private copy cannot be written: {_words(error)}", code="E_FILE", remedy=remedy)


def read_error(error: OSError, shown: str = "", path: str = "") -> ModelError:
    """Return the refusal when a file that the owner names cannot be read.

    Args:
        error: what opening it raised.
        shown: the file as the owner wrote it.
        path: the file itself; one that does not exist is told with the folder that it was looked for in.
    """
    number = error.errno or 0
    remedy = _READ.get(number) or _MACHINE.get(number, "")
    if number == errno.ENOENT and path:
        remedy = f"{remedy}: {looked_for(path)}"
    if number == errno.ENXIO:  # what a socket answers, and a FIFO that is written to
        return ModelError("is a FIFO or a socket, not a regular file", code="E_FILE", subject=shown)
    cause = "does not exist" if number == errno.ENOENT else _words(error)
    return ModelError(cause, code="E_FILE", subject=shown, remedy=remedy)


def is_machine_trouble(error: OSError) -> bool:
    """Return whether the machine is at fault and not the place of the file."""
    return error.errno in _MACHINE


def _words(error: OSError) -> str:
    return error.strerror or str(error)
