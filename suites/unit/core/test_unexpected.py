"""Any exception as one printable line, and its traceback for the person who fixes it."""

from __future__ import annotations

import errno
import gc
import weakref
from typing import Any

import numpy as np
import pytest

from pytest_onnxaccel.core.errors import ModelError, OnnxAccelError, error_from_json
from pytest_onnxaccel.core.unexpected import as_error, traceback_lines


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class Panic(BaseException):
    """As extension modules raise."""


def endless() -> None:
    endless()


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:
        return caught


CASES = [
    (TypeError("'str' object is not\nsubscriptable"), "E_ERROR", "TypeError: 'str' object is not subscriptable"),
    (KeyError("x"), "E_ERROR", "KeyError: 'x'"),
    (AssertionError(), "E_ERROR", "AssertionError (test_unexpected.py:"),
    (SystemExit(3), "E_ERROR", "SystemExit: 3"),
    (Panic("index out of bounds"), "E_ERROR", "Panic: index out of bounds"),
    (Unspeakable(), "E_ERROR", "Unspeakable: its text is not available"),
    (ValueError("\x1b[31mx\n::set-output\n" + "y" * 10_000), "E_ERROR", "ValueError: "),
    (MemoryError(), "E_MEMORY", "memory ran out in the process that runs the checks"),
    (MemoryError("Unable to allocate 9 GiB"), "E_MEMORY", "Unable to allocate 9 GiB"),
    (OSError(errno.ENOMEM, "Cannot allocate memory"), "E_MEMORY", "memory ran out"),
    (OSError(errno.ENOSPC, "No space left on device", "/tmp/x"), "E_FILE", "No space left on device at /tmp/x"),
    (OSError(errno.EROFS, "Read-only file system"), "E_FILE", "Read-only file system"),
    (ConnectionError("reset"), "E_ERROR", "ConnectionError: reset"),
]


@pytest.mark.parametrize(("error", "code", "says"), CASES, ids=[f"{type(c[0]).__name__}-{c[1]}" for c in CASES])
def test_one_line_with_its_code(error: BaseException, code: str, says: str) -> None:
    found = as_error(raised(error))
    line = str(found.about("m.onnx"))
    assert found.code == code
    assert line.startswith(f"onnxaccel[{code}] m.onnx: ")
    assert says in line
    assert line.isprintable()
    assert len(line) <= 300
    assert found.traceback
    assert all(part.isprintable() and len(part) < 300 for part in found.traceback)
    assert not any(part.lstrip().startswith("::") for part in found.traceback)


def test_errors_of_ours_stay_as_they_are() -> None:
    error = ModelError("a cycle", code="E_GRAPH")
    assert as_error(error) is error
    assert error.traceback == ()


def test_the_traceback_names_the_frames_and_stays_short() -> None:
    def inner() -> None:
        raise TypeError("here")

    try:
        inner()
    except TypeError as error:
        lines = traceback_lines(error)
    assert lines[0].startswith("Traceback")
    assert any("in inner" in line for line in lines)
    assert lines[-1] == "TypeError: here"
    with pytest.raises(RecursionError) as caught:
        endless()
    assert len(as_error(caught.value).traceback) < 100
    assert "RecursionError" in as_error(caught.value).cause


def test_arrays_of_a_check_that_failed_are_let_go() -> None:
    """Else the next check starves beside them."""
    alive: list[Any] = []

    def check() -> None:
        large = np.zeros(10)
        alive.append(weakref.ref(large))
        raise MemoryError

    try:
        check()
    except MemoryError as error:
        kept = as_error(error)
        gc.collect()
        assert alive[0]() is None
    assert kept.code == "E_MEMORY"


def test_a_workers_traceback_reaches_the_result() -> None:
    error = OnnxAccelError("TypeError: x")
    error.traceback = ("Traceback", "  File x")
    assert error_from_json(error.to_json()).traceback == error.traceback
    assert error_from_json({"kind": "ModelError", "cause": "x", "traceback": 5}).traceback == ()
