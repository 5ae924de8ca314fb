"""docs/golden.md does what it says: recorded with PyTorch, then gated where importing PyTorch is impossible."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from suites.pages import code_of

torch = pytest.importorskip("torch")

ROOT = Path(__file__).parents[4]
PAGE = (ROOT / "docs" / "golden.md").read_text(encoding="utf-8")
NETS = """\
import torch

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = torch.nn.Linear(4, 8)
        self.outer = torch.nn.Linear(8, 3)

    def forward(self, x):
        return torch.softmax(self.outer(torch.relu(self.inner(x))), 1)
"""


example = partial(code_of, PAGE)


def record(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest_onnxaccel", "record", *arguments]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=600)


@pytest.fixture
def without_torch(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which nobody, neither pytest nor a worker, can import PyTorch."""
    folder = tmp_path_factory.mktemp("stub") / "torch"
    folder.mkdir()
    (folder / "__init__.py").write_text('raise ImportError("there is no torch on this machine")\n')
    env = {"PYTHONPATH": os.pathsep.join([str(folder.parent), str(ROOT)])}
    tried = subprocess.run(
        [sys.executable, "-c", "import torch"], env={**os.environ, **env}, capture_output=True, text=True, check=False
    )
    assert "there is no torch on this machine" in tried.stderr
    return env


def damage(path: Path, share: float) -> None:
    """One row of the largest weight is off by *share*."""
    model = onnx.load(path)
    tensor = max(model.graph.initializer, key=lambda t: int(np.prod(t.dims)))
    array = numpy_helper.to_array(tensor).copy()
    array[0] *= 1 + share
    tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    onnx.save(model, path)


def verdict_of(run: Any) -> tuple[str, str]:
    (row,) = [row for row in run.rows if row["check"] == "parity"]
    assert row["reference"] == "golden"
    return row["verdict"], row["code"]


@pytest.fixture
def net(tmp_path: Path) -> Path:
    """``net.onnx``, ``net.pth`` and what builds the net."""
    (tmp_path / "nets.py").write_text(NETS)
    made: dict[str, Any] = {}
    exec(NETS, made)
    torch.manual_seed(0)
    module = made["Net"]().eval()
    torch.save(module.state_dict(), tmp_path / "net.pth")
    torch.onnx.export(
        module, (torch.zeros(2, 4),), str(tmp_path / "net.onnx"), input_names=["x"], output_names=["y"], dynamo=False
    )
    return tmp_path / "net.onnx"


def test_what_is_recorded_gates_without_the_framework(
    net: Path, gate: Callable, without_torch: dict[str, str], tmp_path: Path
) -> None:
    command = shlex.split(example("record"))
    done = record(tmp_path, *command[4:])
    assert done.returncode == 0, done.stderr
    shown = re.search(r"```text\n(.*?)\n```", PAGE, re.DOTALL)
    assert shown
    for line, told in zip(done.stdout.splitlines(), shown[1].splitlines(), strict=True):
        start = re.split(r", 0\.| error ", told)[0]
        assert line.startswith(start), line
    assert "ort-cpu agrees with net.pth" in done.stdout

    gates = [*shlex.split(example("gate"))[1:], "--onnx-backend=ort-cpu", "-k", "parity or contract"]
    run = gate(*gates, env=without_torch)
    assert run.status == 0, run.out
    assert verdict_of(run) == ("passed", "OK")
    damage(net, 0.02)
    run = gate(*gates, env=without_torch)
    assert verdict_of(run) == ("failed", "V_PARITY")
    assert run.failed() == [("parity", "V_PARITY")]

    # The manifest of the page names the weights, which have changed since
    (tmp_path / "onnxaccel.toml").write_text(example("manifest"))
    with (tmp_path / "net.pth").open("ab") as file:
        file.write(b"\0")
    run = gate("--onnx-backend=ort-cpu", "-k", "parity", env=without_torch)
    (row,) = run.rows
    assert row["warnings"][0].startswith("the golden data was recorded from another file than net.pth")


def test_a_model_that_is_not_its_source_is_not_recorded(net: Path, tmp_path: Path) -> None:
    damage(net, 0.02)
    done = record(tmp_path, *shlex.split(example("record"))[4:])
    assert done.returncode == 1
    assert "onnxaccel[V_PARITY] net.onnx" in done.stderr
    assert not (tmp_path / "net.golden").exists()


def test_what_cannot_be_recorded_is_told_in_one_line(net: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    cases = [
        (("net.onnx", "-o", "full"), 2, "holds 'mine.txt' already"),
        (("net.onnx", "--reference", "golden"), 2, "of golden data"),
        (("net.onnx", "--loader", "nets:Net"), 2, "--loader is given without --reference"),
        (("net.onnx", "--max-size", "1kB"), 1, "samples take"),
        (("missing.onnx",), 1, "does not exist"),
    ]
    for arguments, status, said in cases:
        done = record(tmp_path, *arguments)
        assert (done.returncode, done.stderr.count("\n")) == (status, 1), done.stderr
        assert said in done.stderr
    assert (tmp_path / "full" / "mine.txt").read_text() == "mine"
    assert not (tmp_path / "net.golden").exists()


def test_the_published_detector_is_gated_without_the_framework(
    models_folder: Path, gate: Callable, without_torch: dict[str, str], tmp_path: Path
) -> None:
    for suffix in ("onnx", "pth"):
        shutil.copy(models_folder / "ulfd" / f"version-RFB-320.{suffix}", tmp_path / f"rfb.{suffix}")
    (tmp_path / "fixtures").symlink_to(ROOT / "fixtures")
    reference = ("--reference", "rfb.pth", "--loader", "fixtures.detectors:build_rfb")
    done = record(tmp_path, "rfb.onnx", *reference, "--samples", "2", "-o", "golden")
    assert done.returncode == 0, done.stderr
    gates = ("--onnx-model=rfb.onnx", "--onnx-golden=golden", "--onnx-reference=golden", "--onnx-backend=ort-cpu")
    run = gate(*gates, "-k", "parity", env=without_torch)
    assert verdict_of(run) == ("passed", "OK"), run.out
    damage(tmp_path / "rfb.onnx", 0.3)
    run = gate(*gates, "-k", "parity", env=without_torch)
    assert verdict_of(run) == ("failed", "V_PARITY"), run.out
