"""Reads the wire format of protocol buffers without their classes: a file is judged before TensorFlow loads it.

Values are views of the bytes given; nothing is copied, and nothing is believed: every length is checked. Merging is as
protobuf defines it: the last of a scalar wins, and a message that comes twice is the two joined.
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_onnxaccel.core.errors import ModelError

Value = int | memoryview

_VARINT, _FIXED64, _BYTES, _GROUP, _END, _FIXED32 = range(6)


class Message:
    """The fields of one message, by number.

    Raises:
        ModelError: ``E_PARSE``: the bytes are not message, or a field is not of the type that was asked for.
    """

    def __init__(self, data: memoryview) -> None:
        self._fields: dict[int, list[Value]] = {}
        for number, value in fields(data):
            self._fields.setdefault(number, []).append(value)

    def each(self, number: int) -> Iterator[memoryview]:
        """Yield every occurrence of a repeated message, string or map entry."""
        for value in self._fields.get(number, ()):
            if isinstance(value, int):
                raise garbled(f"field {number} is a number where a message belongs")
            yield value

    def joined(self, number: int) -> Message:
        """Return a singular message; empty where it is absent."""
        found = list(self.each(number))
        return Message(found[0] if len(found) == 1 else memoryview(b"".join(found)))

    def text(self, number: int) -> str:
        """Return a singular string; empty where it is absent."""
        found = list(self.each(number))
        return decoded(found[-1]) if found else ""

    def texts(self, number: int) -> list[str]:
        """Return a repeated string."""
        return [decoded(value) for value in self.each(number)]

    def number(self, number: int, default: int = 0) -> int:
        """Return a singular integer, enum or bool as int64."""
        found = self._fields.get(number)
        if not found:
            return default
        if not isinstance(found[-1], int):
            raise garbled(f"field {number} is a message where a number belongs")
        return found[-1] - (1 << 64) if found[-1] >> 63 else found[-1]

    def has(self, number: int) -> bool:
        """Return whether the field occurs."""
        return number in self._fields

    def map(self, number: int) -> Iterator[tuple[str, memoryview]]:
        """Yield entries of a map from strings; the value is the bytes of its message."""
        for entry in self.each(number):
            pair = Message(entry)
            found = list(pair.each(2))
            yield pair.text(1), found[0] if len(found) == 1 else memoryview(b"".join(found))


def fields(data: memoryview) -> Iterator[tuple[int, Value]]:
    """Yield field numbers with their values: integers as unsigned, everything else as bytes.

    Raises:
        ModelError: ``E_PARSE``.
    """
    at, end = 0, len(data)
    while at < end:
        number, kind, at = _key(data, at, end)
        if kind == _VARINT:
            value, at = varint(data, at, end)
            yield number, value
            continue
        if kind == _GROUP:
            at = _after_group(data, at, end, number)
            continue
        if kind == _BYTES:
            size, at = varint(data, at, end)
        elif kind in (_FIXED32, _FIXED64):
            size = 4 if kind == _FIXED32 else 8
        else:
            raise garbled(f"a field has the wire type {kind}")
        if size > end - at:
            raise garbled("it ends in the middle of a field")
        yield number, data[at : at + size]
        at += size


def _key(data: memoryview, at: int, end: int) -> tuple[int, int, int]:
    key, at = varint(data, at, end)
    number, kind = key >> 3, key & 7
    if not 0 < number < 1 << 29:
        raise garbled("a field has no legal number")
    return number, kind, at


def _after_group(data: memoryview, at: int, end: int, number: int) -> int:
    """Return where the group ends that began as field *number*.

    Protobuf passes groups by, as no message of today has one.
    """
    opened = [number]
    while opened:
        number, kind, at = _key(data, at, end)
        if kind == _GROUP:
            opened.append(number)
        elif kind == _END:
            if opened.pop() != number:
                raise garbled("a group ends that has not begun")
        elif kind == _VARINT:
            _, at = varint(data, at, end)
        elif kind == _BYTES:
            size, at = varint(data, at, end)
            at += size
        elif kind in (_FIXED32, _FIXED64):
            at += 4 if kind == _FIXED32 else 8
        else:
            raise garbled(f"a field has the wire type {kind}")
        if at > end:
            raise garbled("it ends in the middle of a field")
    return at


def varint(data: memoryview, at: int, end: int) -> tuple[int, int]:
    """Read a base-128 number at *at*, before *end*, as unsigned 64 bits; and return where it ends.

    Raises:
        ModelError: ``E_PARSE``.
    """
    value = shift = 0
    while at < end and shift < 70:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at
        shift += 7
    raise garbled("it ends in the middle of a number" if at >= end else "a number is too long")


def decoded(value: memoryview) -> str:
    """Return a string field; what is not UTF-8 is kept as escapes, so that no two names become one."""
    return bytes(value).decode("utf-8", "backslashreplace")


def garbled(cause: str) -> ModelError:
    """Return the refusal of a file that is not what it is taken for."""
    return ModelError(
        f"is truncated or not a TensorFlow graph: {cause}",
        code="E_PARSE",
        remedy="save the model again, or fetch the whole file",
    )
