"""The examples of docs/conversions-tensorflow.md do what the page says."""

from __future__ import annotations

import shlex
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from suites.convert_tf import sources
from suites.pages import code_of

PAGE = (Path(__file__).parents[2] / "docs" / "conversions-tensorflow.md").read_text(encoding="utf-8")


example = partial(code_of, PAGE)


@pytest.fixture(scope="module")
def place(folder: Path) -> Path:
    sources.frozen(folder / "frozen.pb")
    (folder / "pytest.ini").write_text("[pytest]\n")
    return folder


def run(place: Path, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command], cwd=place, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_command_line_of_tf2onnx(place: Path) -> None:
    said = run(place, *shlex.split(example("tf2onnx"))[1:])
    assert said.startswith("exported/model.onnx: tf2onnx, opset 15\n  input x:0 float32[batchx3]\n")
    assert (place / "exported" / "model.onnx").is_file()


@pytest.mark.usefixtures("onnx_tf")
def test_the_page_from_top_to_bottom(place: Path) -> None:
    said = run(place, *shlex.split(example("convert"))[1:])
    assert "input x:0 float32[batchx3]" in said
    assert "proven on ort-cpu: gives what the source gives" in said
    said = run(place, "-m", *shlex.split(example("gate")), "--onnx-backend=ort-cpu", "-k", "parity")
    assert "1 passed" in said
    run(place, *shlex.split(example("back"))[1:])
    run(place, "-c", example("session") + "\nassert scores.shape == (1, 2)\n")
    said = run(place, *shlex.split(example("roundtrip"))[1:])
    assert said.startswith("passed: frozen.pb -> onnx -> graphdef agrees leg by leg over 3 samples")
    (place / "test_page.py").write_text(example("python"))
    assert "1 passed" in run(place, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_page.py")
