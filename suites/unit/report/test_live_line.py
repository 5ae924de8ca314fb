"""The line of a long check: its words, its room, and that it goes without a trace."""

from __future__ import annotations

import pytest

from pytest_onnxaccel.core import progress
from pytest_onnxaccel.report.terminal.live_line import OnStderr, Rewritten, line_of


def test_its_words() -> None:
    assert (
        line_of("net.onnx::latency[ort-cpu]", "38/160 pairs", 12.4) == "net.onnx::latency[ort-cpu] 38/160 pairs, 12 s"
    )
    assert line_of("net", "", 125) == "net 2 min 5 s"
    assert line_of("a\x1b[31m\nb", "::error::x", 1).isprintable()


def test_it_is_rewritten_in_its_room() -> None:
    written: list[str] = []
    room = 24
    line = Rewritten(written.append, lambda: room)
    line.show("net.onnx::latency[ort-cpu] 38/160 pairs, 12 s")
    assert len(written[0]) <= 23
    line.show("short")
    assert written[1:] == [f"\x1b[{len(written[0])}D\x1b[K", " short"]
    line.clear()
    line.clear()
    assert written[3:] == ["\x1b[6D\x1b[K"]
    room = 5
    line.show("x")
    assert len(written) == 4


def test_what_is_told() -> None:
    progress.begin()
    assert progress.told() == ""
    progress.enter("run, ort-cpu")
    progress.tell("sample 2")
    assert progress.told() == "sample 2, run, ort-cpu"
    progress.begin()
    assert progress.told() == ""


def test_a_command_in_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    with OnStderr("convert", 0.01) as line:
        progress.enter("convert, torch")
        import time

        time.sleep(0.2)
        line.stop()
    lines = capsys.readouterr().err.splitlines()
    assert "convert convert, torch, 0 s" in lines
