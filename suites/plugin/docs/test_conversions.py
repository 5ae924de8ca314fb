"""The examples of docs/conversions.md run."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from suites.pages import code_of
from suites.plugin.pythonpath import before

torch = pytest.importorskip("torch")

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "conversions.md").read_text(encoding="utf-8")


example = partial(code_of, PAGE, end="\n")


@pytest.fixture
def repository(tmp_path: Path, shipped: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The repository that the page speaks of: a detector, its weights, and what builds its module."""
    from fixtures.detectors import build_slim

    monkeypatch.setenv("ONNXACCEL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", before(ROOT))
    torch.save(build_slim().state_dict(), tmp_path / "slim.pth")
    (tmp_path / "nets.py").write_text("from fixtures.detectors import build_slim as slim\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    shutil.copy(shipped / "slim-320.onnx", tmp_path / "detector.onnx")
    return tmp_path


def test_a_source_is_the_reference_by_option(gate: Callable, repository: Path) -> None:
    run = gate(*shlex.split(example("reference"))[1:], "--onnx-backend=ort-cpu", "--onnx-batch=3", "-k", "parity")
    assert run.status == 0, run.out
    row = run.row("parity")
    assert row["nodeid"] == "detector.onnx::parity[ort-cpu~slim.pth-b3]"
    assert (row["reference"], row["verdict"]) == ("slim.pth", "passed")
    assert 0 < row["figures"]["max_abs"] < 2e-6


def test_and_by_manifest_and_marker(gate: Callable, repository: Path) -> None:
    (repository / "onnxaccel.toml").write_text(example("manifest"))
    (repository / "test_it.py").write_text(example("marker"))
    run = gate("--onnx-backend=ort-cpu", "-k", "parity or trained")
    assert run.status == 0, run.out
    assert [(r["check"], r["reference"], r["verdict"]) for r in run.rows] == [("parity", "slim.pth", "passed")] * 2


def test_the_command_and_the_function(repository: Path) -> None:
    command = [sys.executable, *shlex.split(example("convert"))[1:]]
    for cached in (False, True):
        done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("slim.onnx: torch.onnx (dynamo), opset 18\n  input input float32[1x3x240x320]\n")
        assert "proven on ort-cpu: gives what the source gives at batch 1: max abs error" in done.stdout
        assert ("  from cache\n" in done.stdout) is cached
        assert (repository / "slim.onnx").is_file()
        (repository / "slim.onnx").unlink()
    (repository / "export.py").write_text(example("api"))
    environment = {**os.environ, "PYTHONPATH": before(repository, ROOT)}
    done = subprocess.run(
        [sys.executable, "export.py"], cwd=repository, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 1e-5
    assert (repository / "slim-batch-4.onnx").is_file()


def test_the_fixture(gate: Callable, repository: Path) -> None:
    (repository / "test_it.py").write_text(example("fixture"))
    run = gate("test_it.py")
    assert run.status == 0, run.out
