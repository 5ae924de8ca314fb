"""Live progress: one line that is rewritten on a terminal, a line now and then in a log, none with -q."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

HASTE = """
from pytest_onnxaccel.plugin import live
live.LOOK, live.LONG, live.LINE = 0.02, 0.0, {line}
"""

LIVE = re.compile(r"detector\.onnx::(?:structure|contract|parity)\S* [^\r\n]*?, \d+ s")


@pytest.fixture
def detector(tmp_path: Path, shipped: Path) -> Path:
    return Path(shutil.copy(shipped / "slim-320.onnx", tmp_path / "detector.onnx"))


def command(*more: str) -> list[str]:
    checks = ("-k", "structure or contract or parity")
    model = ("--onnx-model=detector.onnx", "--onnx-backend=ort-cpu")
    return [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *model, *checks, *more]


def hasten(folder: Path, line: float = 0.05) -> None:
    (folder / "conftest.py").write_text(HASTE.format(line=line))


def on_a_terminal(folder: Path, *more: str) -> str:
    """What a terminal of 100 columns is sent."""
    main, other = pty.openpty()
    env = {**os.environ, "COLUMNS": "100", "TERM": "xterm"}
    process = subprocess.Popen(command(*more), cwd=folder, env=env, stdin=other, stdout=other, stderr=other)
    os.close(other)
    found, end = b"", time.monotonic() + 200
    while time.monotonic() < end:
        if select.select([main], [], [], 1.0)[0]:
            try:
                read = os.read(main, 65536)
            except OSError:
                break
            if not read:
                break
            found += read
        elif process.poll() is not None:
            break
    os.close(main)
    assert process.wait(30) == 0, found.decode()
    return found.decode()


def screen(sent: str) -> list[str]:
    """The lines that stay, for what moves the cursor to the left, erases to the end of the line, or colours."""
    lines, column = [""], 0
    for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", sent):
        if part == "\n":
            lines.append("")
            column = 0
        elif part == "\r":
            column = 0
        elif part.startswith("\x1b["):
            count = int(part[2:-1] or 1) if part[2:-1].isdigit() or part[2:-1] == "" else 0
            if part.endswith("D"):
                column -= count
            elif part.endswith("K"):
                lines[-1] = lines[-1][:column]
        else:
            lines[-1] = lines[-1][:column].ljust(column) + part + lines[-1][column + len(part) :]
            column += len(part)
            assert column <= 100 or not LIVE.search(part), "it would wrap"
    return lines


@pytest.mark.usefixtures("detector")
@pytest.mark.parametrize("more", [(), ("-v",)])
def test_a_terminal(tmp_path: Path, more: tuple[str, ...]) -> None:
    hasten(tmp_path)
    sent = on_a_terminal(tmp_path, *more)
    assert LIVE.search(sent), sent
    left = "\n".join(screen(sent))
    assert not LIVE.search(left), left
    assert "3 passed" in left
    if more:
        assert re.search(r"^detector.onnx::structure PASSED +\[ 33%\]$", left, re.MULTILINE), left
    else:
        assert re.search(r"^detector.onnx \.\.\. +\[100%\]$", left, re.MULTILINE), left


@pytest.mark.usefixtures("detector")
def test_workers_tell_the_controlling_process(tmp_path: Path) -> None:
    hasten(tmp_path)
    sent = on_a_terminal(tmp_path, "-n2")
    assert re.search(r"gw[01]: detector\.onnx::\w+\S* [^\r\n]*, \d+ s", sent), sent
    left = "\n".join(screen(sent))
    assert not LIVE.search(left), left
    assert re.search(r"^\.\.\. +\[100%\]$", left, re.MULTILINE), left


@pytest.mark.usefixtures("detector")
@pytest.mark.parametrize(("more", "shown"), [((), True), (("-q",), False), (("-n2",), True), (("-s",), True)])
def test_a_log(tmp_path: Path, more: tuple[str, ...], shown: bool) -> None:
    hasten(tmp_path)
    done = subprocess.run(command(*more), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    lines = [line for line in done.stdout.splitlines() if LIVE.search(line)]
    assert bool(lines) == shown, done.stdout
    assert all(LIVE.search(line).start() in (0, 5) for line in lines), "each is a line of its own"
    assert "\x1b" not in done.stdout


@pytest.mark.usefixtures("detector")
def test_a_short_run_has_no_line(tmp_path: Path) -> None:
    hasten(tmp_path, 30)
    done = subprocess.run(command(), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert not LIVE.search(done.stdout)
