"""The examples of docs/batch.md do what the page says."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from suites.pages import code_of

PAGE = (Path(__file__).parents[4] / "docs" / "batch.md").read_text(encoding="utf-8")


example = partial(code_of, PAGE)


@pytest.fixture(autouse=True)
def detector(tmp_path: Path, shipped: Path) -> Path:
    return Path(shutil.copy(shipped / "slim-320.onnx", tmp_path / "detector.onnx"))


def test_the_check_says_what_the_page_says(gate: Callable) -> None:
    run = gate(*shlex.split(example("check"))[1:], "--onnx-backend=ort-cpu", "-k", "batch[")
    assert run.status == 0, run.out
    said = re.search(r"^> (.*)$", PAGE, re.MULTILINE)
    assert said
    assert run.row("batch")["message"] == said[1]


def test_the_freeze_command_prints_what_the_page_shows(tmp_path: Path) -> None:
    command = shlex.split(example("freeze"))
    done = subprocess.run([sys.executable, *command[1:]], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shown = re.search(r"```text\n(detector-10.*?)\n```", PAGE, re.DOTALL)
    assert shown
    printed = done.stdout.splitlines()
    for line in shown[1].splitlines():
        # The error of the proof is the machine's
        start = line.partition("at batch 1: ")[0]
        assert line == "  ..." or any(other.startswith(start) for other in printed), line
    assert (tmp_path / "detector-10.onnx").exists()


def test_the_test_file(gate: Callable, tmp_path: Path) -> None:
    (tmp_path / "test_detector.py").write_text(example("tests"))
    run = gate("--onnx-model=detector.onnx", "--onnx-backend=ort-cpu", "-k", "test_detector")
    assert run.status == 0, run.out
    assert "3 passed" in run.out


def test_the_best_batch_is_named(gate: Callable) -> None:
    # Whatever this machine needs: the page's own limit would fail a slow one
    command = example("best").replace("12ms", "60s")
    run = gate(*shlex.split(command)[1:], "--onnx-backend=ort-cpu", "-k", "latency")
    assert run.status == 0, run.out
    line = r"best batch: (1|3|10) \[ort-cpu\]: [\d.]+/s, p95 .* \(inside p95 60\.0 s; timed: 1, 3, 10\)"
    assert re.search(line, run.out), run.out
    (model,) = run.report["models"]
    assert model["best_batch"][0]["timed"] == [1, 3, 10]
