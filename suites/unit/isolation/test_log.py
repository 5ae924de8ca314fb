"""The end of a log, read without moving where it is written."""

from __future__ import annotations

import itertools
import os
import sys
import threading
from collections.abc import Iterator

import pytest

from pytest_onnxaccel.isolation.log import ROOM, TAIL, Log
from pytest_onnxaccel.isolation.wire import anonymous_file


@pytest.fixture
def handle() -> Iterator[int]:
    made = anonymous_file()
    yield made
    os.close(made)


def test_what_was_written_after_a_position(handle: int) -> None:
    log = Log(handle)
    assert (log.position(), log.since(0), log.last_line()) == (0, "", "")
    os.write(handle, b"before\n")
    position = log.position()
    os.write(handle, b"after\nlast\n\n  \n")
    assert log.since(position) == "after\nlast\n\n  \n"
    assert log.since(log.position()) == ""
    assert log.last_line() == "last"


def test_only_the_end_of_a_long_log_is_read(handle: int) -> None:
    os.write(handle, b"x" * (3 * TAIL) + b"\nthe end")
    log = Log(handle)
    assert len(log.since(0)) == TAIL
    assert log.last_line() == "the end"


def test_bytes_that_are_no_text(handle: int) -> None:
    os.write(handle, b"\xff\x00 oh\n")
    assert Log(handle).last_line() == "\ufffd\x00 oh"


def test_what_is_no_file_reads_as_empty() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"text\n")
    assert Log(reader).since(0) == ""
    os.close(reader)
    os.close(writer)
    assert (Log(writer).position(), Log(writer).since(0), Log(writer).last_line()) == (0, "", "")


def test_a_long_log_gives_back_all_but_its_end() -> None:
    handle = anonymous_file(shrinks=True)
    log = Log(handle)
    try:
        for _ in range(4 * ROOM >> 20):
            os.write(handle, (b"x" * 1023 + b"\n") * 1024)
        position = log.position()
        os.write(handle, b"after\n")
        end = log.since(0)
        log.cut()
        assert os.fstat(handle).st_blocks * 512 < ROOM // 8
        assert log.since(0) == end
        assert log.since(position) == "after\n"
        # Its writers go on where they were
        os.write(handle, b"the end\n")
        assert (log.since(position), log.last_line()) == ("after\nthe end\n", "the end")
        assert log.position() == position + len("after\nthe end\n")
    finally:
        os.close(handle)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="no holes in files there")
def test_what_is_written_while_it_is_cut_is_kept() -> None:
    """A worker writes its last words while the host looks."""
    handle = anonymous_file(shrinks=True)
    log = Log(handle)
    writer = threading.Thread(target=lambda: [os.write(handle, b"%1023d\n" % i * 64) for i in range(3000)])
    try:
        writer.start()
        while writer.is_alive():
            log.cut()
            numbers = [int(line) for line in log.since(0).split()]
            assert all(b - a in (0, 1) for a, b in itertools.pairwise(numbers[1:])), "lines were lost"
        assert log.last_line() == "2999"
    finally:
        writer.join()
        os.close(handle)


def test_a_short_log_is_left_alone() -> None:
    handle = anonymous_file(shrinks=True)
    os.write(handle, b"words\n")
    Log(handle).cut()
    assert Log(handle).since(0) == "words\n"
    os.close(handle)
