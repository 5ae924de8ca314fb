"""What travels between a worker and its host: a JSON line, and arrays as raw bytes in shared memory. Never pickle.

Each side writes into an anonymous file of its own (a memory file on Linux, an unlinked temporary file elsewhere) that
the other side maps. It has no name, so nothing is left behind however the processes end. A message is a frame on a
socket: four bytes of length, then JSON; the arrays of a message are in the sender's file at the offsets it gives, and
stay valid until the sender's next message.
"""

from __future__ import annotations

import _socket
import errno
import json
import math
import mmap
import os
import socket
import struct
import tempfile
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.core.errors import ModelError

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

_LENGTH = struct.Struct("!I")
_ALIGN = 64
#: Longest JSON frame; a model's texts may be long, but not this long.
FRAME_LIMIT = 64 << 20
#: Arrays of fewer bytes than this are taken in without asking what memory there is.
_LARGE = 64 << 20


class Closed(ConnectionError):
    """The other side is gone."""


class Garbled(Closed):
    """The other side may be there, but what it says is not a message."""


def anonymous_file(shrinks: bool = False) -> int:
    """Return a file descriptor of an empty file without a name; where the system can, of one that never shrinks.

    Reading a mapped file that the other side cut short would kill this process.

    Args:
        shrinks: it may, because nobody maps it.
    """
    if hasattr(os, "memfd_create"):
        import fcntl

        found = os.memfd_create("onnxaccel", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        if not shrinks:
            fcntl.fcntl(found, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
        return found
    handle, path = tempfile.mkstemp(prefix="onnxaccel-")
    os.unlink(path)
    return handle


def channel(kind: int = socket.SOCK_STREAM) -> tuple[socket.SocketType, socket.SocketType]:
    """Return both ends of a channel to a process of ours.

    They are of the class beneath ``socket.socket``: that one is replaced by tests, and by plugins that keep tests off
    the network.
    """
    pair = getattr(_socket, "socketpair", None)  # not on Windows
    return socket.socketpair(type=kind) if pair is None else pair(_socket.AF_UNIX, kind)


def send_frame(sock: socket.SocketType, message: Mapping[str, Any]) -> None:
    """Send *message* as one JSON frame; ``ValueError`` or ``TypeError`` when no frame can hold it."""
    body = json.dumps(message, separators=(",", ":")).encode()
    if len(body) > FRAME_LIMIT:
        raise ValueError(f"a message of {len(body)} bytes is over the limit of {FRAME_LIMIT}")
    try:
        sock.sendall(_LENGTH.pack(len(body)) + body)
    except (BrokenPipeError, ConnectionResetError) as error:
        raise Closed(str(error)) from error


def receive_exactly(sock: socket.SocketType, count: int, deadline: float | None = None) -> bytes:
    """Return *count* bytes from *sock*.

    :class:`Closed` when it ends before, ``TimeoutError`` at *deadline* (monotonic).
    """
    parts = []
    while count:
        if deadline is not None:
            sock.settimeout(max(deadline - time.monotonic(), 0.001))
        try:
            part = sock.recv(min(count, 1 << 20))
        except ConnectionResetError as error:
            raise Closed(str(error)) from error
        if not part:
            raise Closed("the other side closed the channel")
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def receive_frame(sock: socket.SocketType, deadline: float | None = None) -> dict[str, Any]:
    """Return the next JSON frame; raise :class:`Closed` when none can come, ``TimeoutError`` at *deadline*."""
    (length,) = _LENGTH.unpack(receive_exactly(sock, _LENGTH.size, deadline))
    if length > FRAME_LIMIT:
        raise Garbled(f"a frame of {length} bytes is over the limit of {FRAME_LIMIT}")
    body = receive_exactly(sock, length, deadline)
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        raise Garbled("a frame held no JSON") from None
    if not isinstance(message, dict):
        raise Garbled("a frame held no JSON object")
    return message


class Outbox:
    """The file that this side writes arrays into."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._size = 0
        self._map: mmap.mmap | None = None

    def put(self, arrays: Mapping[str, Array]) -> list[dict[str, Any]]:
        """Write *arrays* and return their headers: name, dtype, shape, offset, size of the file."""
        import numpy as np

        headers: list[dict[str, Any]] = []
        offset = 0
        plain = {}
        for name, value in arrays.items():
            array = np.asarray(value)
            if array.dtype.hasobject or array.dtype.kind in "US":
                headers.append(_text_header(name, array))
                continue
            # ascontiguousarray would turn a scalar into a vector
            plain[name] = array if array.flags.c_contiguous else np.ascontiguousarray(array)
            headers.append({"name": name, "dtype": _dtype_name(array), "shape": list(array.shape), "offset": offset})
            offset += -(-array.nbytes // _ALIGN) * _ALIGN
        self._reserve(offset)
        for header in headers:
            if "text" in header:
                continue
            array = plain[header["name"]]
            if array.nbytes:
                target = np.frombuffer(self._map, np.uint8, array.nbytes, header["offset"])  # type: ignore[arg-type]
                target[:] = array.reshape(-1).view(np.uint8)
                del target  # a view keeps the map from being closed
            header["file"] = self._size
        return headers

    def _reserve(self, size: int) -> None:
        if size <= self._size and self._map is not None:
            return
        if self._map is not None:
            self._map.close()
        self._size = max(size, _ALIGN, 2 * self._size)
        os.ftruncate(self._handle, self._size)
        self._map = mmap.mmap(self._handle, self._size)

    def close(self) -> None:
        """Drop the map and the file."""
        if self._map is not None:
            self._map.close()
            self._map = None
        os.close(self._handle)


class Inbox:
    """The file that the other side writes arrays into."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._map: mmap.mmap | None = None

    def get(self, headers: list[dict[str, Any]], room: Callable[[], int] | None = None) -> dict[str, Array]:
        """Copy the arrays that *headers* describe, in their order; :class:`Garbled` when they describe none.

        Args:
            headers: name, dtype, shape and place of each array.
            room: bytes that there is memory for, asked where the arrays are large.

        Raises:
            MemoryError: this process cannot hold them.
        """
        try:
            if room is not None:
                _check_room(headers, room)
            return self._get(headers)
        except OSError as error:
            if error.errno == errno.ENOMEM:
                raise MemoryError(f"a reply of {_total(headers)} bytes") from None
            raise Garbled(f"a frame described no arrays: {error}") from None
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise Garbled(f"a frame described no arrays: {error}") from None

    def _get(self, headers: list[dict[str, Any]]) -> dict[str, Array]:
        import numpy as np

        found: dict[str, Array] = {}
        for header in headers:
            if "text" in header:
                found[header["name"]] = np.array(header["text"], dtype=object).reshape(header["shape"])
                continue
            self._map_at_least(header["file"])
            dtype, shape = _dtype(header["dtype"]), tuple(header["shape"])
            if min(shape, default=0) < 0:
                raise ValueError("a shape is negative")
            count = int(np.prod(shape, dtype=np.int64))
            view = np.frombuffer(self._map, dtype, count, header["offset"]) if count else np.empty(0, dtype)  # type: ignore[arg-type]
            found[header["name"]] = view.reshape(shape).copy()
            del view
        return found

    def _map_at_least(self, size: int) -> None:
        if self._map is not None and len(self._map) >= size:
            return
        if self._map is not None:
            self._map.close()
        self._map = mmap.mmap(self._handle, size)

    def close(self) -> None:
        """Drop the map and the file."""
        if self._map is not None:
            self._map.close()
            self._map = None
        os.close(self._handle)


def _total(headers: list[dict[str, Any]]) -> int:
    """Return the bytes of the arrays that *headers* describe, text aside."""
    return sum(
        math.prod(int(size) for size in header["shape"]) * int(_dtype(header["dtype"]).itemsize)
        for header in headers
        if "text" not in header
    )


def _check_room(headers: list[dict[str, Any]], room: Callable[[], int]) -> None:
    total = _total(headers)
    # A system that promises more memory than it has would end this process while it copies
    if total > _LARGE and total > (found := room()) > 0:
        raise MemoryError(f"a reply of {total} bytes, and there is memory for {found}")


def _dtype_name(array: Array) -> str:
    """Return the dtype's text: NumPy's own types with byte order, extension types (bfloat16, float8) by name."""
    return array.dtype.name if array.dtype.isbuiltin == 2 else array.dtype.str


def _dtype(name: str) -> Any:
    import numpy as np

    if not isinstance(name, str):
        raise TypeError("a dtype has no name")
    try:
        return np.dtype(name)
    except TypeError:
        import ml_dtypes  # comes with onnx, so it is there wherever such a type can occur

        return np.dtype(getattr(ml_dtypes, name))


def _text_header(name: str, array: Array) -> dict[str, Any]:
    """Return strings for the JSON itself; other objects are refused."""
    items = [item.decode("utf-8", "replace") if isinstance(item, bytes) else item for item in array.ravel().tolist()]
    if not all(isinstance(item, str) for item in items):
        raise ModelError(f"{name!r} holds neither numbers nor text but {array.dtype}", code="E_INPUT")
    return {"name": name, "text": items, "shape": list(array.shape)}
