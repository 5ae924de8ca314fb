"""Takes external data in: the files that a model names, copied next to its private copy."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable, Mapping

from pytest_onnxaccel.core.errors import ModelError, OnnxAccelError, printable
from pytest_onnxaccel.core.files.beneath import Refused, create_beneath, open_beneath, split
from pytest_onnxaccel.isolation.staging.copying import (
    LARGEST,
    MOST_FILES,
    SECONDS,
    Allowance,
    copy_open,
    is_machine_trouble,
    opened_folder,
    read_error,
    write_error,
)
from pytest_onnxaccel.isolation.staging.stage_model import Staged


def stage_external(staged: Staged, locations: Iterable[str], shown: str, seconds: float = SECONDS) -> None:
    """Copy the files at *locations*, which the model names, next to its copy: each once, however it is spelt.

    A location is resolved below the model's folder without following a link, and the descriptor that comes out is what
    is copied. The copies have the same names, so that a runtime finds them from the copy of the model.

    Args:
        staged: the copy of the model, to which the copies are added.
        locations: as the model names them.
        shown: the model as the user wrote it, for messages.
        seconds: time limit for all of them.

    Raises:
        ModelError: ``E_EXTERNAL``: a location leaves the model's folder, passes a link, or is not a regular file, or
            would replace the model; ``E_SIZE``, ``E_TIMEOUT``; ``E_FILE``: the disk or the machine is to blame. Nothing
            stays of what was copied.
    """
    allowance = Allowance(LARGEST, MOST_FILES, seconds)
    try:
        # All are judged as texts before the first is opened
        wanted = {"/".join(_split(location)): location for location in locations}
        if not wanted:
            return
        with (
            opened_folder(staged.source_folder, read_error) as source,
            opened_folder(staged.folder, write_error) as target,
        ):
            _Copies(staged, source, target, allowance).take(wanted)
    except OnnxAccelError as error:
        raise error.about(shown) from None


class _Copies:
    """Copies from the open folder *source* to the open folder *target*."""

    def __init__(self, staged: Staged, source: int, target: int, allowance: Allowance) -> None:
        self._folder, self._source, self._target = staged.folder, source, target
        self._allowance = allowance
        #: Name of the copy by device and number of the file: the model is there already, and was hashed
        self._made = {staged.identity: os.path.basename(staged.path)}
        self._names: list[str] = []

    def take(self, wanted: Mapping[str, str]) -> None:
        """Copy every file of *wanted*: name, and how the model spells it."""
        try:
            for name, location in wanted.items():
                self._one(name, location)
        except OnnxAccelError:
            for name in self._names:
                with contextlib.suppress(OSError):
                    os.unlink(os.path.join(self._folder, name))
            raise

    def _one(self, name: str, location: str) -> None:
        try:
            handle = open_beneath(self._source, name)
        except Refused as refused:
            raise _refusal(location, refused) from None
        except OSError as error:
            raise _unreadable(location, error) from None
        try:
            found = os.fstat(handle)
            identity = (found.st_dev, found.st_ino)
            earlier = self._made.get(identity)
            copy = self._new(name, location, earlier)
            if copy is None:
                return
            self._names.append(name)
            if earlier is not None:
                # Under a second name it is what it was under the first. No hard link: onnx's checker refuses those
                os.close(handle)
                handle = open_beneath(self._target, earlier)
                found = os.fstat(handle)
            self._made[identity] = name
            self._allowance.take(found.st_size)
            copy_open(handle, copy, found.st_size, self._allowance)
        except OSError as error:
            raise _unreadable(location, error) from None
        finally:
            os.close(handle)

    def _new(self, name: str, location: str, earlier: str | None) -> int | None:
        """Open the new file *name* and return its descriptor; None where *earlier* is the copy of the same file."""
        try:
            return create_beneath(self._target, name)
        except FileExistsError:
            if earlier is not None and os.path.samefile(*(os.path.join(self._folder, n) for n in (name, earlier))):
                return None  # the model itself, or a file system to which capitals are all one
            raise ModelError(
                f"{_named(location)} has the name that another file's private copy has",
                code="E_EXTERNAL",
                remedy="save the data under another name",
            ) from None
        except Refused as refused:
            raise _refusal(location, refused) from None
        except OSError as error:
            raise write_error(error) from None


def _named(location: str) -> str:
    return f"external data {printable(location, 80)!r}"


def _split(location: str) -> tuple[str, ...]:
    try:
        return split(location)
    except Refused as refused:
        raise _refusal(location, refused) from None


def _refusal(location: str, refused: Refused) -> ModelError:
    remedy = refused.remedy or "put the data file next to the model"
    return ModelError(f"{_named(location)} {refused.cause}", code="E_EXTERNAL", remedy=remedy)


def _unreadable(location: str, error: OSError) -> ModelError:
    """Return the refusal: a missing data file is the model's fault, an unreadable one may be the machine's."""
    told = read_error(error)
    if is_machine_trouble(error):
        return ModelError(f"{_named(location)}: {told.cause}", code="E_FILE", remedy=told.remedy)
    remedy = told.remedy
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        remedy = "put the data file next to the model"
        if "\\" in location:
            remedy = "save the model with / between folders: a backslash is part of a file's name here"
    return ModelError(f"{_named(location)}: {told.cause}", code="E_EXTERNAL", remedy=remedy)
