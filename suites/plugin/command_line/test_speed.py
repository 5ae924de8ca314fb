"""``python -m pytest_onnxaccel speed``: its rows, what is not here, what goes wrong, going on after a break."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fixtures import graphs
from fixtures.functions import BIAS, WEIGHT, classifier, damaged

REFS = """
import numpy as np

STORED = np.load("weights.npz")


def predict(inputs):
    logits = inputs["x"] @ STORED["weight"] + STORED["bias"]
    powers = np.exp(logits - logits.max(1, keepdims=True))
    found = powers / powers.sum(1, keepdims=True)
    return {"label": found.argmax(1), "p": found.astype(np.float32)}
"""
QUICK = ("--seconds", "8", "--samples", "12")


@pytest.fixture
def command(tmp_path: Path, save: Callable[..., Path]) -> Callable[..., subprocess.Popen[str]]:
    """``command(*arguments)``: the command on ``net.onnx``, started, without the environment of onnx-tf."""
    save(classifier(), "net.onnx")
    (tmp_path / "refs.py").write_text(REFS)
    np.savez(tmp_path / "weights.npz", weight=WEIGHT, bias=BIAS)

    def start(*arguments: str) -> subprocess.Popen[str]:
        env = {key: value for key, value in os.environ.items() if not key.startswith("ONNXACCEL_")}
        return subprocess.Popen(
            [sys.executable, "-m", "pytest_onnxaccel", "speed", "net.onnx", *arguments], cwd=tmp_path, text=True,
            env={**env, "ONNXACCEL_CACHE": str(tmp_path / "cache")}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    return start


@pytest.fixture
def speed(command: Callable[..., subprocess.Popen[str]]) -> Callable[..., tuple[int, str, str]]:
    """``speed(*arguments)``: exit status, output and errors of the command."""

    def run(*arguments: str) -> tuple[int, str, str]:
        process = command(*arguments)
        out, err = process.communicate(timeout=300)
        assert "Traceback" not in out + err
        return process.returncode, out, err

    return run


def tables(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / "out.json").read_text())["speed"]
    return found


def test_every_way_has_a_row(speed: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    # What the function reads, its worker may read
    readable = ("--readable", str(tmp_path))
    status, out, err = speed("--source", "refs:predict", "--report", "out.json", *readable, *QUICK)
    assert (status, err) == (0, ""), out + err
    (table,) = tables(tmp_path)
    assert (table["model"], table["runs"], table["backend"]) == ("net.onnx", 1, "ort-cpu")
    rows = {row["key"]: row for row in table["rows"]}
    assert list(rows) == ["source", "onnx-tf", "shipped", "advised"]
    assert rows["source"]["timed"], out
    assert rows["shipped"]["times"]["source"]["low"] > 0
    assert not rows["onnx-tf"]["timed"]
    assert rows["onnx-tf"]["remedy"] == "python -m pytest_onnxaccel env onnx-tf"
    assert "- the isolated environment onnx-tf is not built: python -m pytest_onnxaccel env onnx-tf" in out
    assert table["pairs"] >= 8
    assert all(row["notes"] == [] for row in table["rows"])
    assert not list((tmp_path / "cache").rglob("speed/*.json"))  # it is done
    assert "control: a second session of the model as shipped is " in out


def test_without_a_source_the_row_says_how_to_name_one(
    speed: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    status, out, _ = speed(*QUICK)
    assert status == 0, out
    assert "- no source is named: --source weights.pth --loader package.module:build" in out
    assert not (tmp_path / "out.json").exists()


def test_a_source_that_is_another_function_is_told(
    speed: Callable[..., tuple[int, str, str]], tmp_path: Path, save: Callable[..., Path]
) -> None:
    save(classifier(damaged(0.5)), "net.onnx")
    status, out, err = speed("--source", "refs:predict", "--readable", str(tmp_path), *QUICK)
    assert status == 0, out + err
    assert "outputs differ from the model as shipped: output 'p'" in out


def test_a_source_that_does_not_load_keeps_its_row(speed: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    (tmp_path / "weights.npz").unlink()
    status, out, err = speed("--source", "refs:predict", "--readable", str(tmp_path), *QUICK)
    assert status == 0, out + err
    (row,) = [line for line in out.splitlines() if line.startswith("function, refs:predict")]
    assert "weights.npz" in row
    assert "as shipped" in out


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("--loader", "refs:predict"), 2, "--loader is given without --source"),
        (("--source", "refs:predict", "--loader", "refs:predict"), 2, "a loader does not apply to a function"),
        (("--source", "ort-cpu"), 2, "'ort-cpu' is not what a model is converted from"),
        (("--source", "gone.pth"), 2, "gone.pth: does not exist"),
        (("--backend", "ort-gpu"), 2, "no backend is named 'ort-gpu'"),
        (("--report", "refs.py"), 2, "refs.py: is there already"),
        (("--seconds", "never"), 2, "'never' is not a number of seconds"),
        (("--samples", "0"), 2, "'0' is not a whole number above 0"),
    ],
)
def test_a_wrong_command_is_one_line(
    speed: Callable[..., tuple[int, str, str]], arguments: tuple[str, ...], status: int, said: str
) -> None:
    found, out, err = speed(*arguments)
    assert (found, out) == (status, "")
    assert said in err.splitlines()[-1]


def test_a_model_that_does_not_run_is_one_line(
    speed: Callable[..., tuple[int, str, str]], save: Callable[..., Path]
) -> None:
    save(graphs.custom_op(), "net.onnx")
    status, out, err = speed(*QUICK)
    assert (status, out, len(err.splitlines())) == (1, "", 1)
    assert "net.onnx" in err


def test_an_interrupted_run_continues(
    command: Callable[..., subprocess.Popen[str]], speed: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    state = tmp_path / "state.json"
    process = command("--state", "state.json", "--samples", "1000000", "--seconds", "300")
    try:
        end = time.monotonic() + 240
        while time.monotonic() < end and not (state.exists() and json.loads(state.read_text())["blocks"]):
            assert process.poll() is None, process.communicate()
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, out) == (130, "")
    assert err.strip() == "interrupted: what was measured is kept, run the command again to continue"
    before = json.loads(state.read_text())
    taken = min(map(len, before["blocks"].values()))
    assert taken >= 2
    assert set(before["blocks"]) >= {"shipped", "twin"}
    status, out, err = speed("--state", "state.json", "--samples", str(taken + 4), "--report", "out.json", *QUICK[:2])
    assert status == 0, out + err
    (table,) = tables(tmp_path)
    assert (table["runs"], table["pairs"]) == (2, taken + 4)
    assert table["duration_s"] > before["seconds"]
    assert "in 2 runs of the command" in out
    assert not state.exists()


def test_what_was_measured_of_another_file_is_not_continued(
    speed: Callable[..., tuple[int, str, str]], save: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "state.json").write_text(json.dumps({"schema": 1, "key": "of something else"}))
    status, out, err = speed("--state", "state.json", *QUICK)
    assert status == 0, out + err
    assert "runs of the command" not in out
