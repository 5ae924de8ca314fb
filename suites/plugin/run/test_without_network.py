"""Tests that may open no socket, as pytest-socket has it, or that replace ``socket.socket``: workers are reached."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from fixtures import graphs

#: From the first test on, of a function or not; what a plugin replaces stays so until the end.
CONFTEST = """
import socket

import pytest


class Guarded(socket.socket):
    def __new__(cls, *arguments, **keywords):
        raise RuntimeError("a test tried to use socket.socket")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    socket.socket = Guarded
"""

TESTS = """
import socket

import pytest


def test_guard():
    with pytest.raises(RuntimeError, match="tried to use"):
        socket.create_connection(("127.0.0.1", 9))


@pytest.mark.conversion_parity
def test_own(onnx_model, backend):
    assert backend.run(onnx_model, onnx_model.sample())


@pytest.mark.latency_budget(p95="10s")
@pytest.mark.parametrize("onnx_model", ["net.onnx"], indirect=True)
def test_fresh(onnx_model, backend): ...
"""


@pytest.mark.parametrize("arguments", [("--onnx-model=net.onnx",), ("--onnx-model=net.onnx", "-n", "2"), ()])
def test_no_socket_is_opened_for_a_worker(gate: Callable, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    onnx.save(graphs.small_cnn(), tmp_path / "net.onnx")
    (tmp_path / "conftest.py").write_text(CONFTEST)
    # Without a model of the run nothing was begun before the first test
    text = TESTS if arguments else TESTS.replace("def test_own", '@pytest.mark.skip(reason="no model")\ndef test_own')
    (tmp_path / "test_x.py").write_text(text)
    run = gate("--onnx-backend=ort-cpu", *arguments)
    assert run.status == 0, run.out
    assert f"{9 if arguments else 2} passed" in run.out
