"""Frames and arrays between two processes: whole or not at all, and no nonsense hangs or kills the reader."""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
import time
from collections.abc import Iterator
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from numpy.typing import NDArray

from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.isolation import wire
from pytest_onnxaccel.isolation.wire import (
    FRAME_LIMIT,
    Closed,
    Inbox,
    Outbox,
    anonymous_file,
    channel,
    receive_frame,
    send_frame,
)

DTYPES = [
    np.float16, np.float32, np.float64, np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32,
    np.uint64, np.bool_, np.complex64, np.complex128, ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn,
    ml_dtypes.float8_e5m2, ml_dtypes.int4, ml_dtypes.uint4, np.dtype(">f4"), np.dtype(">i2"),
]  # fmt: skip

Arrays = dict[str, NDArray[Any]]


class Pipe:
    """An outbox and the inbox on the same file, with JSON between them."""

    def __init__(self) -> None:
        handle = anonymous_file()
        self.outbox, self.inbox = Outbox(handle), Inbox(os.dup(handle))

    def through(self, arrays: Any) -> Arrays:
        return dict(self.inbox.get(json.loads(json.dumps(self.outbox.put(arrays)))))


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.outbox.close()
    made.inbox.close()


@pytest.fixture
def ends() -> Iterator[tuple[socket.SocketType, socket.SocketType]]:
    ours, theirs = channel()
    yield ours, theirs
    ours.close()
    theirs.close()


def same(found: NDArray[Any], sent: Any) -> None:
    sent = np.asarray(sent)
    assert found.dtype == sent.dtype
    assert found.shape == sent.shape
    assert found.tobytes() == sent.tobytes()


# -- arrays -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(), (1,), (0,), (3, 0, 2), (5, 7)])
def test_every_dtype_in_every_shape(dtype: Any, shape: tuple[int, ...], pipe: Pipe) -> None:
    array = np.arange(int(np.prod(shape)), dtype=np.float64).astype(dtype).reshape(shape)
    same(pipe.through({"x": array})["x"], array)


def test_bits_that_are_no_numbers_are_carried_as_they_are(pipe: Pipe) -> None:
    bits = np.array([0x7FC00001, 0x80000000, 0xFF800000, 1], np.uint32).view(np.float32)
    same(pipe.through({"x": bits})["x"], bits)


def test_tens_of_megabytes_and_a_growing_file(pipe: Pipe) -> None:
    for size in (1 << 10, 12 << 20, 3 << 20, 24 << 20):
        array = np.random.default_rng(size).integers(0, 256, size, dtype=np.uint8)
        assert np.array_equal(pipe.through({"x": array})["x"], array)


def test_many_arrays_keep_their_order_names_and_contents(pipe: Pipe) -> None:
    arrays = {f"out:{i}/é\n": np.full(i, i, np.float32) for i in range(50)}
    found = pipe.through(arrays)
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        same(found[name], array)


@pytest.mark.parametrize("view", ["strided", "transposed", "reversed", "fortran", "broadcast", "readonly"])
def test_arrays_that_are_not_contiguous(view: str, pipe: Pipe) -> None:
    base = np.arange(24, dtype=np.float32).reshape(4, 6)
    frozen = base.copy()
    frozen.flags.writeable = False
    array = {
        "strided": base[::2, 1::3], "transposed": base.T, "reversed": base[::-1, ::-1],
        "fortran": np.asfortranarray(base), "broadcast": np.broadcast_to(base[:, :1], (4, 6)), "readonly": frozen,
    }[view]  # fmt: skip
    found = pipe.through({"x": array})["x"]
    assert np.array_equal(found, array)
    assert found.shape == array.shape
    assert found.flags.c_contiguous


def test_numbers_count_as_scalars(pipe: Pipe) -> None:
    same(pipe.through({"x": np.float32(1.5)})["x"], np.float32(1.5))


def test_nothing_at_all(pipe: Pipe) -> None:
    assert pipe.through({}) == {}


def test_what_arrives_is_a_copy(pipe: Pipe) -> None:
    first = pipe.through({"x": np.ones(4)})["x"]
    pipe.through({"x": np.zeros(4)})
    assert first.tolist() == [1, 1, 1, 1]
    first[0] = 7


@pytest.mark.parametrize(
    "array",
    [
        np.array(["a", "größer", "", "\U0001f600"]), np.array([["a"], ["b"]], object), np.array("one"),
        np.array([], object), np.zeros((0, 3), "U4"), np.array(["\ud800 lone", "nul\0inside"], object),
    ],
)  # fmt: skip
def test_text(array: NDArray[Any], pipe: Pipe) -> None:
    found = pipe.through({"t": array})["t"]
    assert (found.dtype, found.shape) == (np.dtype(object), array.shape)
    assert found.tolist() == array.tolist()


def test_bytes_become_text(pipe: Pipe) -> None:
    assert pipe.through({"t": np.array([b"ok", b"\xff"])})["t"].tolist() == ["ok", "\ufffd"]


def test_text_and_numbers_together(pipe: Pipe) -> None:
    found = pipe.through({"a": np.ones(2), "t": np.array(["x"]), "b": np.zeros(3, np.int64)})
    assert [(k, v.shape) for k, v in found.items()] == [("a", (2,)), ("t", (1,)), ("b", (3,))]


@pytest.mark.parametrize("item", [3, None, object(), ["a"]])
def test_other_objects_do_not_travel(item: Any, pipe: Pipe) -> None:
    array = np.empty(1, object)
    array[0] = item
    with pytest.raises(ModelError, match="'x' holds neither numbers nor text") as caught:
        pipe.outbox.put({"x": array})
    assert caught.value.code == "E_INPUT"


# -- headers that lie -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"dtype": "O"}, {"dtype": "no such type"}, {"dtype": "finfo"}, {"dtype": None}, {"dtype": "V8,O"},
        {"shape": [1 << 40]}, {"shape": [-5]}, {"shape": "abc"}, {"shape": None}, {"shape": [1 << 70]},
        {"offset": 1 << 40}, {"offset": -8}, {"offset": "0"}, {"file": 1 << 50}, {"file": -1}, {"file": 1 << 70},
        {"file": None}, {"name": ["x"]}, {"text": [1, 2], "shape": [3]}, {"text": 5, "shape": [7]},
    ],
    ids=str,
)  # fmt: skip
def test_headers_that_describe_nothing_are_the_end_of_the_channel(change: dict[str, Any], pipe: Pipe) -> None:
    (header,) = pipe.outbox.put({"x": np.ones(4, np.float32)})
    with pytest.raises(Closed):
        pipe.inbox.get([{**header, **change}])


@pytest.mark.parametrize("headers", [[{}], [7], 7, None, ["x"], {"a": 1}])
def test_headers_of_another_kind(headers: Any, pipe: Pipe) -> None:
    with pytest.raises(Closed):
        pipe.inbox.get(headers)


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="files cannot be sealed here")
def test_the_file_cannot_be_cut_short_under_a_reader(pipe: Pipe) -> None:
    """Reading a mapped file past its end would be SIGBUS in the pytest process."""
    pipe.through({"x": np.ones(100_000)})
    with pytest.raises(PermissionError):
        os.ftruncate(pipe.outbox._handle, 0)


def test_an_anonymous_file_is_empty_writable_and_not_inherited() -> None:
    handle = anonymous_file()
    try:
        assert os.fstat(handle).st_size == 0
        assert not os.get_inheritable(handle)
        os.write(handle, b"x")
        os.ftruncate(handle, 100)
    finally:
        os.close(handle)


def test_without_memory_files_a_temporary_one_leaves_no_name(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create", raising=False)
    monkeypatch.setattr(wire.tempfile, "tempdir", str(tmp_path))
    handle = anonymous_file()
    os.write(handle, b"x")
    assert list(tmp_path.iterdir()) == []
    os.close(handle)


# -- frames -----------------------------------------------------------------------------------------------------

Ends = tuple[socket.SocketType, socket.SocketType]


def test_frames_come_whole_and_in_order(ends: Ends) -> None:
    messages = [{"n": i, "text": "é" * i} for i in range(20)]
    for message in messages:
        send_frame(ends[0], message)
    assert [receive_frame(ends[1]) for _ in messages] == messages


def test_a_frame_larger_than_the_sockets_buffer(ends: Ends) -> None:
    message = {"text": "x" * (4 << 20)}
    sender = threading.Thread(target=send_frame, args=(ends[0], message))
    sender.start()
    assert receive_frame(ends[1]) == message
    sender.join()


def test_a_frame_that_comes_in_drops(ends: Ends) -> None:
    body = b'{"ok":true}'
    frame = struct.pack("!I", len(body)) + body

    def drip() -> None:
        for byte in frame:
            ends[0].sendall(bytes([byte]))

    sender = threading.Thread(target=drip)
    sender.start()
    assert receive_frame(ends[1]) == {"ok": True}
    sender.join()


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        (struct.pack("!I", FRAME_LIMIT + 1), "over the limit"),
        (b"\xff\xff\xff\xff", "over the limit"),
        (struct.pack("!I", 5) + b"abcde", "no JSON"),
        (struct.pack("!I", 0), "no JSON"),
        (struct.pack("!I", 2) + b"\xff\xfe", "no JSON"),
        (struct.pack("!I", 200_000) + b"[" * 200_000, "no JSON"),
        (struct.pack("!I", 9_999) + b"9" * 9_999, "no JSON"),
        (struct.pack("!I", 4) + b"null", "no JSON object"),
        (struct.pack("!I", 2) + b"[]", "no JSON object"),
        (struct.pack("!I", 100) + b"{", "closed"),
        (b"\x00\x00", "closed"),
        (b"", "closed"),
    ],
)
def test_nonsense_is_the_end_of_the_channel_and_never_a_hang(sent: bytes, says: str, ends: Ends) -> None:
    def send() -> None:
        ends[0].sendall(sent)
        ends[0].close()

    sender = threading.Thread(target=send)
    sender.start()
    with pytest.raises(Closed, match=says):
        receive_frame(ends[1])
    ends[1].close()
    sender.join()


@pytest.mark.parametrize("sent", [b"", b"\x00", struct.pack("!I", 100) + b"{"])
def test_a_frame_that_never_ends_is_waited_for_until_the_deadline(sent: bytes, ends: Ends) -> None:
    ends[0].sendall(sent)
    with pytest.raises(TimeoutError):
        receive_frame(ends[1], time.monotonic() + 0.1)


def test_a_drip_does_not_put_the_deadline_off(ends: Ends) -> None:
    stop = threading.Event()

    def drip() -> None:
        ends[0].sendall(struct.pack("!I", 1000))
        while not stop.wait(0.05):
            ends[0].sendall(b" ")

    sender = threading.Thread(target=drip)
    sender.start()
    with pytest.raises(TimeoutError):
        receive_frame(ends[1], time.monotonic() + 0.3)
    stop.set()
    sender.join()


def test_a_reader_that_is_gone_is_told(ends: Ends) -> None:
    ends[1].close()
    with pytest.raises(Closed):
        send_frame(ends[0], {"text": "x" * 1_000_000})


def test_messages_that_no_frame_holds_are_not_sent(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "FRAME_LIMIT", 100)
    with pytest.raises(ValueError, match="over the limit"):
        send_frame(ends[0], {"text": "x" * 200})
    with pytest.raises(TypeError):
        send_frame(ends[0], {"array": np.ones(1)})
    send_frame(ends[0], {"ok": True})
    assert receive_frame(ends[1]) == {"ok": True}
