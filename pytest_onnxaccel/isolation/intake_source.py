"""Takes a source in: a file, a SavedModel's folder or a checkpoint's files, copied to a private folder and hashed."""

from __future__ import annotations

import glob
import hashlib
import os
import stat
from collections.abc import Iterator

from pytest_onnxaccel.convert import kinds
from pytest_onnxaccel.errors import ModelError, OnnxAccelError
from pytest_onnxaccel.frozen_class import record
from pytest_onnxaccel.isolation.intake import copy_open, file_error, kind_of_mode, open_source, refuse_foreign
from pytest_onnxaccel.isolation.limits import size_text

#: Bytes of all files together: what a person may mean by a model.
LARGEST = 32 << 30
#: Files of one SavedModel.
MOST_FILES = 10_000

#: Archives that are sources, though no ONNX model is one.
_ARCHIVES = (b"PK\x03\x04", b"\x89HDF")


@record(frozen=True)
class StagedSource:
    """A source's private copy.

    Attributes:
        path: of the copy: the file, the SavedModel's folder, or the checkpoint's ``.meta``.
        kind: of :data:`~pytest_onnxaccel.convert.kinds.KINDS`.
        sha256: of the names and bytes of all its files.
        size: of all its files, bytes.
        shown: as the user wrote it, for messages.
    """

    path: str
    kind: str
    sha256: str
    size: int
    shown: str


def stage_source(path: str, shown: str, folder: str) -> StagedSource:
    """Copy the source at *path* into *folder*, and tell its kind from the copy.

    Raises:
        ModelError: ``E_FILE``, ``E_SIZE``, ``E_NOTMODEL``, ``E_PARSE`` or ``E_UNSAFE``, naming the file as the user
            has *shown* it.
    """
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        files = list(_inside(path, shown)) if os.path.isdir(path) else [(path, _plain(path))]
        digest, size, heads = _copy(files, folder, shown, LARGEST)
        if os.path.isdir(path):
            copy = folder
        else:
            copy = os.path.join(folder, files[0][1])
            if not heads[0].startswith(_ARCHIVES):
                refuse_foreign(heads[0], shown)
        kind = kinds.kind_of(copy)
        if kind == kinds.CHECKPOINT:
            beside = _beside(path, files[0][1])
            if not beside:
                raise ModelError(
                    "is a checkpoint's graph without its variables",
                    code="E_FILE", remedy="put the .index and .data files beside it",
                )  # fmt: skip
            more, added, _ = _copy(beside, folder, shown, LARGEST - size)
            digest, size = hashlib.sha256(f"{digest} {more}".encode()).hexdigest(), size + added
    except OSError as error:
        raise file_error(error, shown) from None
    except OnnxAccelError as error:
        raise error.about(shown) from None
    return StagedSource(copy, kind, digest, size, shown)


def _plain(path: str) -> str:
    """A name for the copy: tools tell formats by the suffix, and checkpoints find their files by the stem."""
    suffix = os.path.splitext(path)[1]
    return "source" + (suffix if suffix.isascii() and suffix[1:].isalnum() else "")


def _inside(path: str, shown: str) -> Iterator[tuple[str, str]]:
    """(path, relative path) of the files under the folder *path*, sorted; links that leave it are refused."""
    root = os.path.realpath(path)
    for index, (folder, name) in enumerate(
        (folder, name) for folder, folders, names in os.walk(root) for name in _sorted(folders, names)
    ):
        full = os.path.join(folder, name)
        if not os.path.realpath(full).startswith(root.rstrip(os.sep) + os.sep):
            raise ModelError(f"{name!r} in it is a link that leaves it", code="E_UNSAFE", subject=shown)
        if index >= MOST_FILES:
            cause = f"holds more than {MOST_FILES} files"
            raise ModelError(cause, code="E_SIZE", subject=shown, remedy="name the folder with saved_model.pb")
        yield full, os.path.relpath(full, root)


def _sorted(folders: list[str], names: list[str]) -> list[str]:
    folders.sort()
    return sorted(names)


def _beside(path: str, copied: str) -> list[tuple[str, str]]:
    """The variables of the checkpoint whose graph is *path*, under the stem that the copy has."""
    stem, plain = os.path.splitext(path)[0], os.path.splitext(copied)[0]
    data = sorted(glob.glob(glob.escape(stem) + ".data-*"))
    index = stem + ".index"
    return [(name, plain + name[len(stem) :]) for name in (index, *data)] if data and os.path.exists(index) else []


def _copy(files: list[tuple[str, str]], folder: str, shown: str, room: int) -> tuple[str, int, list[bytes]]:
    """Copy *files* (path, relative path) into *folder*: digest of all, bytes, and the first bytes of each."""
    digest, total, heads = hashlib.sha256(), 0, []
    for path, relative in files:
        source = open_source(path, shown)
        try:
            found = os.fstat(source)
            if not stat.S_ISREG(found.st_mode):
                kind = kind_of_mode(found.st_mode)
                raise ModelError(f"{_which(relative)}is {kind}, not a regular file", code="E_FILE", subject=shown)
            if total + found.st_size > room:
                cause = f"is larger than {size_text(room)}"
                raise ModelError(cause, code="E_SIZE", subject=shown, remedy="give the model alone")
            target = os.path.join(folder, relative)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            sha256, size, head = copy_open(source, target, found.st_size)
        finally:
            os.close(source)
        # The suffix of a single file says nothing, so its name is no part of what it is
        digest.update(f"{relative if len(files) > 1 else ''}\0{sha256}\n".encode())
        total += size
        heads.append(head)
    return digest.hexdigest(), total, heads


def _which(relative: str) -> str:
    return "" if relative.startswith("source") else f"{relative!r} in it "
