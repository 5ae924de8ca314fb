"""The end of a log, read without moving where it is written."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from pytest_onnxaccel.isolation.log import TAIL, Log
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
