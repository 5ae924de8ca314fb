"""Takes a model file in: opened once, judged by its first bytes, copied to a private folder, hashed."""

from __future__ import annotations

import contextlib
import itertools
import os
from pathlib import Path

from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.files.beneath import Refused, open_regular
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.isolation.limits import size_text
from pytest_onnxaccel.isolation.staging.copying import SECONDS, Allowance, copy_open, read_error, write_error

#: What a file that is not a model looks like at its start, and what to do about it.
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
        identity: device and number of the original.
    """

    path: str
    folder: str
    sha256: str
    size: int
    source_folder: str
    identity: tuple[int, int]


def stage(path: str, shown: str, folder: str, seconds: float = SECONDS) -> Staged:
    """Copy the model at *path* into *folder* under the name ``model.onnx``.

    Args:
        path: the ``.onnx`` file; it may be a link.
        shown: the file as the user wrote it, for messages.
        folder: private to the model.
        seconds: time limit.

    Raises:
        ModelError: ``E_FILE``, ``E_SIZE``, ``E_TIMEOUT`` or ``E_NOTMODEL``, naming the file as the user has *shown* it.
    """
    source = open_named(path, shown)
    try:
        found = os.fstat(source)
        if found.st_size > _LARGEST:
            raise ModelError(
                f"is {size_text(found.st_size)} large, and an ONNX file holds at most {size_text(_LARGEST)}",
                code="E_SIZE",
                remedy="keep the weights as external data",
            )
        target = os.path.join(folder, "model.onnx")
        digest, size, head = copy_named(source, target, found.st_size, Allowance(seconds=seconds))
        refuse_foreign(head)
    except ModelError as error:
        raise error.about(shown) from None
    finally:
        os.close(source)
    identity = (found.st_dev, found.st_ino)
    return Staged(target, folder, digest, size, os.path.dirname(os.path.abspath(path)), identity)


def open_named(path: str, shown: str) -> int:
    """Return a descriptor of the regular file at *path*, which the owner named.

    Raises:
        ModelError: ``E_FILE``.
    """
    try:
        return open_regular(path)
    except Refused as refused:
        remedy = refused.remedy or "give a file"
        raise ModelError(refused.cause, code=refused.code, subject=shown, remedy=remedy) from None
    except OSError as error:
        raise read_error(error, shown, path) from None


def copy_named(source: int, target: str, length: int, allowance: Allowance) -> tuple[str, int, bytes]:
    """Copy as :func:`~.copying.copy_open` to the new file *target*; a part of it does not stay.

    Raises:
        ModelError: ``E_FILE``: one of them cannot be read or written; ``E_TIMEOUT``.
    """
    try:
        os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise write_error(error) from None
    try:
        return copy_open(source, handle, length, allowance)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(target)  # a full disk must not stay full for the next model
        if isinstance(error, OSError):
            raise read_error(error) from None
        raise


def refuse_foreign(head: bytes) -> None:
    """Refuse a file that starts as no model does.

    Raises:
        ModelError: ``E_NOTMODEL``, with what it is instead.
    """
    if not head:
        raise ModelError("is empty", code="E_NOTMODEL", remedy="export the model again")
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for magic, cause, remedy in _FOREIGN:
        if start.startswith(magic):
            raise ModelError(cause, code="E_NOTMODEL", remedy=remedy)


def new_folder(path: str) -> str:
    """Make the folder *path*, which only this user may enter; with a number after its name where that is taken.

    Raises:
        ModelError: ``E_FILE``: it cannot be made.
    """
    for again in itertools.count(1):
        made = path if again == 1 else f"{path}-{again}"
        try:
            os.mkdir(made, 0o700)
            return made
        except FileExistsError:
            continue
        except OSError as error:
            raise write_error(error) from None
    raise AssertionError


def folder_name(name: str, index: int) -> str:
    """Return a plain folder name for model *name*: nothing of it can be read as a path."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in Path(name).stem)
    return f"{index:03d}-{plain[:40]}"
