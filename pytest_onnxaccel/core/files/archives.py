"""Opens zip archives whose directory may be of any size. Standard library only."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from pytest_onnxaccel.core.errors import ModelError

#: Members of one archive; an archive of PyTorch has one for each tensor.
MOST_MEMBERS = 100_000
#: Bytes of an archive's directory, of which each member takes 46 and its name.
_LARGEST_DIRECTORY = 32 << 20


@contextmanager
def opened_zip(file: BinaryIO) -> Iterator[zipfile.ZipFile]:
    """Open the zip archive in the open *file* and read its directory.

    Raises:
        ModelError: ``E_SIZE``: it has too many members. This is seen before they are parsed.
        zipfile.BadZipFile, OSError, ValueError, NotImplementedError: it is not a zip archive that can be read.
    """
    guarded = _Guarded(file)
    with zipfile.ZipFile(cast(BinaryIO, guarded)) as archive:
        if len(archive.infolist()) > MOST_MEMBERS:
            raise _too_many()
        guarded.parsed = True
        yield archive


def _too_many() -> ModelError:
    return ModelError(
        f"is an archive of more than {MOST_MEMBERS:,} members", code="E_SIZE", remedy="save it in fewer, larger parts"
    )


class _Guarded(io.RawIOBase):
    """*file*, of which no more than a directory of the largest size is read until it is *parsed*.

    The length of the directory is what the archive says, and :mod:`zipfile` believes it.
    """

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self.parsed = False

    def read(self, size: int = -1, /) -> bytes:
        if self.parsed:
            return self._file.read(size)
        content = self._file.read(_LARGEST_DIRECTORY + 1 if size < 0 else min(size, _LARGEST_DIRECTORY + 1))
        if len(content) > _LARGEST_DIRECTORY:
            raise _too_many()
        return content

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True
