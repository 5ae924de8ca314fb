"""Takes a source in: a file, a SavedModel's folder or a checkpoint's files, copied to a private folder and hashed."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator

from pytest_onnxaccel.convert import formats as kinds
from pytest_onnxaccel.core.errors import ModelError, OnnxAccelError
from pytest_onnxaccel.core.files.beneath import Refused, open_beneath
from pytest_onnxaccel.core.files.walk import walk
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.isolation.staging.copying import (
    LARGEST,
    MOST_FILES,
    SECONDS,
    Allowance,
    opened_folder,
    read_error,
)
from pytest_onnxaccel.isolation.staging.stage_model import copy_named, open_named, refuse_foreign

#: Archives that are sources, though no ONNX model is one.
_ARCHIVES = (b"PK\x03\x04", b"\x89HDF")

#: How files of objects of other libraries, which only their own code can load, are called.
_OBJECTS = (".joblib", ".pkl", ".pickle", ".sav", ".skops", ".dill", ".cloudpickle")
_BY_FUNCTION = "load it in a function of your own, and name that as the reference: package.module:function"


@record(frozen=True)
class StagedSource:
    """A source's private copy.

    Attributes:
        path: of the copy: the file, the SavedModel's folder, or the checkpoint's ``.meta``.
        kind: of :data:`~pytest_onnxaccel.convert.formats.KINDS`.
        sha256: of the names and bytes of all its files.
        size: of all its files, bytes.
        shown: as the user wrote it, for messages.
    """

    path: str
    kind: str
    sha256: str
    size: int
    shown: str


def stage_source(
    path: str, shown: str, folder: str, kind_of: Callable[[str], str], seconds: float = SECONDS
) -> StagedSource:
    """Copy the source at *path* into *folder*, and tell its kind from the copy.

    The owner names *path*, which may be a link; what a folder holds, and what is next to a checkpoint, may not.

    Args:
        path: a file or a folder.
        shown: the source as the user wrote it, for messages.
        folder: private to the source.
        kind_of: tells the kind of a private copy, in a worker: what parses an archive may need much time and memory.
        seconds: time limit of copying.

    Raises:
        ModelError: ``E_FILE``, ``E_SIZE``, ``E_TIMEOUT``, ``E_NOTMODEL``, ``E_PARSE`` or ``E_UNSAFE``, naming the file
            as the user has *shown* it.
    """
    copies = _Copies(folder, Allowance(LARGEST, MOST_FILES, seconds))
    try:
        if os.path.isdir(path):
            copies.folder_at(path)
            copy = folder
        else:
            copy = copies.file_at(path)
        kind = kind_of(copy)
        if kind == kinds.CHECKPOINT:
            copies.variables_of(path, copy)
    except OnnxAccelError as error:
        if error.code in ("E_UNSAFE", "E_NOTMODEL") and shown.lower().endswith(_OBJECTS):
            error.remedy = _BY_FUNCTION
        raise error.about(shown) from None
    return StagedSource(copy, kind, copies.sha256(), copies.size, shown)


class _Copies:
    """What was copied to *folder* of one source."""

    def __init__(self, folder: str, allowance: Allowance) -> None:
        self._folder = folder
        self._allowance = allowance
        self._digests: list[tuple[str, str]] = []
        #: Bytes
        self.size = 0

    def sha256(self) -> str:
        """Return the hash of names and bytes; the name of a single file is not part of it."""
        alone = len(self._digests) == 1
        text = "".join(f"{'' if alone else name}\0{digest}\n" for name, digest in self._digests)
        return hashlib.sha256(os.fsencode(text)).hexdigest()

    def file_at(self, path: str) -> str:
        """Copy the file *path*, which the owner named; gives the copy's path."""
        name = _plain(path)
        handle = open_named(path, "")
        try:
            head = self._copy(handle, name)
        finally:
            os.close(handle)
        if not head.startswith(_ARCHIVES):
            refuse_foreign(head)
        return os.path.join(self._folder, name)

    def folder_at(self, path: str) -> None:
        """Copy all files under the folder *path*, which the owner named."""
        with opened_folder(path, read_error, listed=True) as folder, _telling():
            for name, handle in walk(folder, MOST_FILES):
                self._copy(handle, name)

    def variables_of(self, path: str, copied: str) -> None:
        """Copy the variables of the checkpoint whose graph is *path*, under the stem that its copy has."""
        above, name = os.path.split(os.path.abspath(path))
        stem, plain = os.path.splitext(name)[0], os.path.splitext(os.path.basename(copied))[0]
        with opened_folder(above, read_error, listed=True) as folder, _telling():
            data = sorted(found for found in os.listdir(folder) if found.startswith(f"{stem}.data-"))
            try:
                for found in (f"{stem}.index", *data):
                    try:
                        handle = open_beneath(folder, found)
                    except Refused as refused:
                        raise refused.of(f"{found!r} next to it") from None
                    try:
                        self._copy(handle, plain + found[len(stem) :])
                    finally:
                        os.close(handle)
            except FileNotFoundError:
                data = []
        if not data:
            raise ModelError(
                "is a checkpoint's graph without its variables",
                code="E_FILE",
                remedy="put the .index and .data files next to it",
            )

    def _copy(self, handle: int, name: str) -> bytes:
        """Copy what is open as *handle* to the new file *name*; gives its first bytes."""
        size = os.fstat(handle).st_size
        self._allowance.take(size)
        digest, size, head = copy_named(handle, os.path.join(self._folder, name), size, self._allowance)
        self._digests.append((name, digest))
        self.size += size
        return head


def _plain(path: str) -> str:
    """Return a name for the copy: tools tell formats by the suffix, and checkpoints find their files by the stem."""
    suffix = os.path.splitext(path)[1]
    return "source" + (suffix if suffix.isascii() and suffix[1:].isalnum() else "")


@contextlib.contextmanager
def _telling() -> Iterator[None]:
    """Turn what is not opened, or cannot be, into a refusal.

    Raises:
        ModelError: within, instead of what was raised.
    """
    try:
        yield
    except Refused as refused:
        raise ModelError(refused.cause, code=refused.code, remedy=refused.remedy) from None
    except OSError as error:
        raise read_error(error) from None
