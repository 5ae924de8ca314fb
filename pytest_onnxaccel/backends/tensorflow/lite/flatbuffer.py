"""Reads flatbuffers, the format of TensorFlow Lite files, without their classes: every offset is checked before use."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator

from pytest_onnxaccel.core.errors import ModelError

#: Operators and tensors of all subgraphs; a real model has some thousands.
MOST = 1_000_000
_RANGED = "its offsets leave it"


class Reader:
    """Checked reads."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data = data
        self.size = len(data)
        self.count = 0

    def number(self, form: str, at: int) -> int:
        """Read a number of the given ``struct`` format at *at*."""
        if not 0 <= at <= self.size - struct.calcsize(form):
            raise garbled(_RANGED)
        (found,) = struct.unpack_from(form, self.data, at)
        return int(found)


class Table:
    """A table of a flatbuffer at *at*."""

    def __init__(self, reader: Reader, at: int) -> None:
        reader.count += 1
        if reader.count > 8 * MOST:
            raise ModelError(f"has over {MOST} operators", code="E_SIZE")
        self._reader, self._at = reader, at
        self._fields = at - reader.number("<i", at)
        self._size = reader.number("<H", self._fields)

    def scalar(self, form: str, slot: int) -> int:
        """Return a number; 0 where it is absent."""
        at = self._field(slot)
        return self._reader.number(form, at) if at else 0

    def text(self, slot: int) -> str:
        """Return a string; empty where it is absent. What is not UTF-8 is kept as escapes."""
        start, length = self._vector(slot, 1)
        return self._reader.data[start : start + length].decode("utf-8", "backslashreplace")

    def numbers(self, slot: int) -> tuple[int, ...]:
        """Return a vector of int32."""
        start, length = self._vector(slot, 4)
        return struct.unpack_from(f"<{length}i", self._reader.data, start) if length else ()

    def length(self, slot: int, width: int) -> int:
        """Return the number of elements of a vector of such that are *width* bytes wide."""
        return self._vector(slot, width)[1]

    def tables(self, slot: int) -> Iterator[Table]:
        """Yield the tables of a vector."""
        start, length = self._vector(slot, 4)
        if length > MOST:
            raise ModelError(f"has over {MOST} operators", code="E_SIZE")
        for at in range(start, start + 4 * length, 4):
            yield Table(self._reader, at + self._reader.number("<I", at))

    def _field(self, slot: int) -> int:
        offset = 4 + 2 * slot
        if offset + 2 > self._size:
            return 0
        found = self._reader.number("<H", self._fields + offset)
        return self._at + found if found else 0

    def _vector(self, slot: int, width: int) -> tuple[int, int]:
        at = self._field(slot)
        if not at:
            return 0, 0
        start = at + self._reader.number("<I", at)
        length = self._reader.number("<I", start)
        if start + 4 + width * length > self._reader.size:
            raise garbled(_RANGED)
        return start + 4, length


def garbled(cause: str) -> ModelError:
    """Return the refusal of a file that is not what it is taken for."""
    return ModelError(
        f"is truncated or not a TensorFlow Lite file: {cause}",
        code="E_PARSE",
        remedy="convert the model again, or fetch the whole file",
    )
