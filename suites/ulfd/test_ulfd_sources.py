"""The published weights of the ULFD detectors against the authors' ONNX files, and against our own exports of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

ROOT = Path(__file__).parents[2]
PAIRS = {"version-RFB-320": "build_rfb", "version-slim-320": "build_slim"}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ONNXACCEL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def gate(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    command = [
        sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--onnx-report=report.json", "--onnx-backend=ort-cpu",
        "-c", "pytest.ini", *arguments,
    ]  # fmt: skip
    (folder / "pytest.ini").write_text(f"[pytest]\npythonpath = {ROOT}\n")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found: list[dict[str, Any]] = json.loads((folder / "report.json").read_text())["results"]
    return found


@pytest.mark.parametrize("stem", PAIRS)
def test_the_authors_file_is_the_published_weights(models_folder: Path, tmp_path: Path, cache: Path, stem: str) -> None:
    ulfd = models_folder / "ulfd"
    rows = gate(
        tmp_path, f"--onnx-model={ulfd / stem}.onnx", f"--onnx-reference={ulfd / stem}.pth",
        f"--onnx-loader=fixtures.detectors:{PAIRS[stem]}", "-k", "parity",
    )  # fmt: skip
    (row,) = rows
    assert (row["reference"], row["verdict"]) == (f"{stem}.pth", "passed")
    assert 0 < row["figures"]["max_abs"] < 1e-6


@pytest.mark.parametrize("stem", PAIRS)
def test_our_export_is_the_published_weights_and_the_authors_file(
    models_folder: Path, tmp_path: Path, cache: Path, stem: str
) -> None:
    ulfd = models_folder / "ulfd"
    command = [
        sys.executable, "-m", "pytest_onnxaccel", "convert", f"{ulfd / stem}.pth", "-o", str(tmp_path / "ours.onnx"),
        "--loader", f"fixtures.detectors:{PAIRS[stem]}", "--input", "input:float32:1x3x240x320", "--outputs",
        "scores,boxes", "--batch", "dynamic",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "proven on ort-cpu: gives what the source gives at batch 1, 2, 3" in done.stdout
    rows = gate(tmp_path, "--onnx-model=ours.onnx", f"--onnx-reference={ulfd / stem}.onnx", "-k", "parity or contract")
    assert {row["verdict"] for row in rows} == {"passed"}
    assert next(r for r in rows if r["check"] == "parity")["figures"]["max_abs"] < 1e-6


def test_another_batch_is_exported_again_from_the_weights(models_folder: Path, tmp_path: Path, cache: Path) -> None:
    ulfd, stem = models_folder / "ulfd", "version-RFB-320"
    command = [
        sys.executable, "-m", "pytest_onnxaccel", "freeze", f"{ulfd / stem}.onnx", "--batch", "10", "--source",
        f"{ulfd / stem}.pth", "--loader", "fixtures.detectors:build_rfb", "-o", str(tmp_path / "ten.onnx"),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "batch 10, method re-export" in done.stdout
    assert "by torch.onnx (dynamo), opset 18" in done.stdout
