"""The examples of docs/latency.md run, and its table names every key of a budget."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_onnxaccel.config.budget_syntax import FIELDS
from suites.pages import code_of

PAGE = (Path(__file__).parents[4] / "docs" / "latency.md").read_text(encoding="utf-8")


def example(name: str) -> str:
    # Whatever machine this is: the page's own limits would fail a slow one
    return code_of(PAGE, name).replace("12ms", "60s").replace("10%", "900%")


@pytest.fixture(autouse=True)
def detector(tmp_path: Path, shipped: Path) -> Path:
    shutil.copy(shipped / "slim-320.onnx", tmp_path / "main.onnx")
    return Path(shutil.copy(shipped / "slim-320.onnx", tmp_path / "detector.onnx"))


def test_the_marker(gate: Callable, tmp_path: Path) -> None:
    names = {f"GIT_{who}_{what}": "x@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    for command in (["init", "-q"], ["add", "detector.onnx"], ["commit", "-qm", "the model"]):
        environment = {**os.environ, **names, "GIT_CONFIG_GLOBAL": os.devnull}
        subprocess.run(["git", *command], cwd=tmp_path, env=environment, check=True)
    (tmp_path / "test_speed.py").write_text(example("marker"))
    run = gate("--onnx-model=detector.onnx", "--onnx-backend=ort-cpu", "-k", "test_fast_enough")
    assert run.status == 0, run.out
    figures = run.row("latency")["figures"]
    assert figures["budget"] == {"p95_ms": 60000.0, "regression": "900% git:HEAD"}
    assert figures["regression_from"] == "detector.onnx at HEAD"
    assert figures["threads"] == 1
    assert figures["samples"] >= 200


def test_the_options(gate: Callable) -> None:
    run = gate(*shlex.split(example("options"))[1:], "--onnx-backend=ort-cpu", "-k", "latency")
    assert run.status == 0, run.out
    row = run.row("latency")
    assert row["figures"]["regression_from"] == "main.onnx"
    assert "in time against main.onnx, allowed +900%; by CPU time, by wall time " in row["message"]


def test_every_key_is_in_the_table() -> None:
    rows = "".join(re.findall(r"^\| `.*$", PAGE, re.MULTILINE))
    assert all(f"`{key}`" in rows for key in FIELDS)
