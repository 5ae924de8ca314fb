"""Takes a model file in: opened once, judged by its first bytes, copied to a private folder, hashed."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
from pathlib import Path

from pytest_onnxaccel.errors import ModelError, printable
from pytest_onnxaccel.frozen_class import record
from pytest_onnxaccel.isolation.limits import size_text

_CHUNK = 1 << 20
#: What a file that is no model looks like at its start, and what to do about it.
_FOREIGN = (
    (b"version https://git-lfs", "is a Git LFS pointer, not the model", "run git lfs pull"),
    (b"<!doctype html", "is an HTML page", "download the file itself, not the page that shows it"),
    (b"<html", "is an HTML page", "download the file itself, not the page that shows it"),
    (b"pk\x03\x04", "is a zip archive", "unpack it, or give the PyTorch or Keras file as a source instead"),
    (b"\x1f\x8b", "is a gzip archive", "unpack it"),
    (b"\x89hdf", "is an HDF5 file", "convert the Keras model to ONNX first"),
)
#: What protobuf can hold: no ONNX file is larger, and copying one that only pretends to be would fill the disk.
_LARGEST = 2 << 30


@record(frozen=True)
class Staged:
    """A model's private copy.

    Attributes:
        path: the copy; what runs.
        folder: its folder, where derived files and external data go.
        sha256: of the model file's bytes.
        size: of the model file, bytes.
        source_folder: folder of the original, where external data is looked for.
    """

    path: str
    folder: str
    sha256: str
    size: int
    source_folder: str


def stage(path: str, shown: str, folder: str) -> Staged:
    """Copy the model at *path* into *folder* under the name ``model.onnx``.

    Raises:
        ModelError: ``E_FILE``, ``E_SIZE`` or ``E_NOTMODEL``, naming the file as the user has *shown* it.
    """
    source = open_source(path, shown)
    try:
        mode, length = os.fstat(source).st_mode, os.fstat(source).st_size
        if not stat.S_ISREG(mode):
            raise ModelError(
                f"is {kind_of_mode(mode)}, not a regular file",
                code="E_FILE",
                subject=shown,
                remedy="give an .onnx file",
            )
        if length > _LARGEST:
            raise ModelError(
                f"is {size_text(length)} large, and an ONNX file holds at most {size_text(_LARGEST)}",
                code="E_SIZE", subject=shown, remedy="keep the weights as external data",
            )  # fmt: skip
        os.makedirs(folder, mode=0o700, exist_ok=True)
        target = os.path.join(folder, "model.onnx")
        digest, size, head = copy_open(source, target, length)
    except OSError as error:
        raise file_error(error, shown) from None
    finally:
        os.close(source)
    refuse_foreign(head, shown)
    return Staged(target, folder, digest, size, os.path.dirname(os.path.abspath(path)))


def open_source(path: str, shown: str) -> int:
    """A descriptor of *path*, whatever lies there.

    Raises:
        ModelError: ``E_FILE``.
    """
    try:
        # O_NONBLOCK: opening a FIFO nobody writes to would otherwise wait for ever
        return os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except OSError as error:
        raise file_error(error, shown) from None
    except ValueError:
        raise ModelError("is no path: it holds a NUL", code="E_FILE", subject=shown) from None


def stage_external(staged: Staged, locations: tuple[str, ...], shown: str) -> None:
    """Copy the external data files that the model names beside its copy.

    Raises:
        ModelError: ``E_EXTERNAL``: a location is absolute, leaves the model's folder, or is missing.
    """
    root = os.path.realpath(staged.source_folder)
    for location in locations:
        resolved = os.path.realpath(os.path.join(root, location)) if "\0" not in location else ""
        if os.path.isabs(location) or not resolved.startswith(root.rstrip(os.sep) + os.sep):
            raise ModelError(
                f"external data {printable(location, 80)!r} lies outside the model's folder",
                code="E_EXTERNAL", subject=shown, remedy="save the model with its data beside it",
            )  # fmt: skip
        target = os.path.join(staged.folder, os.path.normpath(location))
        if target == staged.path:  # the model itself, which is there and was hashed
            continue
        try:
            handle = os.open(resolved, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
            try:
                found = os.fstat(handle)
                if not stat.S_ISREG(found.st_mode):
                    raise OSError(errno.EINVAL, "not a regular file")
                os.makedirs(os.path.dirname(target), exist_ok=True)
                copy_open(handle, target, found.st_size)
            finally:
                os.close(handle)
        except OSError as error:
            raise ModelError(
                f"external data {printable(location, 80)!r}: {error.strerror}",
                code="E_EXTERNAL", subject=shown, remedy="put the data file beside the model",
            ) from None  # fmt: skip


def copy_open(source: int, target: str, length: int) -> tuple[str, int, bytes]:
    """At most *length* bytes, which is what the file had when it was opened: it may be growing."""
    digest, size, head = hashlib.sha256(), 0, b""
    try:
        with open(target, "wb") as file:
            while size < length and (chunk := os.read(source, min(_CHUNK, length - size))):
                head = head or chunk[:64]
                digest.update(chunk)
                file.write(chunk)
                size += len(chunk)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(target)  # a full disk must not stay full for the next model
        raise
    return digest.hexdigest(), size, head


def refuse_foreign(head: bytes, shown: str) -> None:
    """Refuse a file that starts as no model does.

    Raises:
        ModelError: ``E_NOTMODEL``, with what it is instead.
    """
    if not head:
        raise ModelError("is empty", code="E_NOTMODEL", subject=shown, remedy="export the model again")
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for magic, cause, remedy in _FOREIGN:
        if start.startswith(magic):
            raise ModelError(cause, code="E_NOTMODEL", subject=shown, remedy=remedy)


def kind_of_mode(mode: int) -> str:
    """What a file that is no regular one is, in words."""
    for test, name in (
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISFIFO, "a FIFO"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
    ):
        if test(mode):
            return name
    return "something else"


def file_error(error: OSError, shown: str) -> ModelError:
    """The refusal that *error* is, with what to do."""
    if error.errno == errno.ENXIO:  # a FIFO or socket that cannot be opened
        return ModelError("is a FIFO or a socket, not a regular file", code="E_FILE", subject=shown)
    remedy = {
        errno.ENOENT: "check the path",
        errno.EACCES: "give read permission",
        errno.ENOSPC: "make room on the disk, or set TMPDIR to a larger one",
    }.get(error.errno or 0, "")
    cause = "does not exist" if error.errno == errno.ENOENT else error.strerror or str(error)
    return ModelError(cause, code="E_FILE", subject=shown, remedy=remedy)


def folder_name(name: str, index: int) -> str:
    """A plain folder name for model *name*: nothing of it can be read as a path."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in Path(name).stem)
    return f"{index:03d}-{plain[:40]}"
