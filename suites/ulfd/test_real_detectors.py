"""The gate on the real ULFD face detectors, where ``ONNXACCEL_MODELS`` names them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_onnxaccel.backends.onnx_tf.backend import OnnxTf

NAMES = ("version-RFB-320.onnx", "version-slim-320.onnx")
REQUIRED = bool(os.environ.get("ONNXACCEL_REQUIRE_ONNX_TF"))


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, models_folder: Path) -> dict[str, Any]:
    """One run of every built-in check on both detectors, with onnx-tf where its environment is built."""
    folder = tmp_path_factory.mktemp("ulfd")
    backends = ["ort-cpu", "reference"]
    if REQUIRED or OnnxTf().availability().ok:
        backends.append("onnx-tf")
    command = [
        sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--onnx-report=report.json",
        *(f"--onnx-model={models_folder / 'ulfd' / name}" for name in NAMES),
        *(f"--onnx-backend={name}" for name in backends),
        *(["--onnx-require=onnx-tf"] if REQUIRED else []),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout)
    found: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return found


def test_every_check_passes(report: dict[str, Any]) -> None:
    rows = report["results"]
    assert {row["model"] for row in rows} == set(NAMES)
    assert {row["verdict"] for row in rows} == {"passed"}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("backend", ["reference", "onnx-tf"])
def test_parity_errors_are_rounding(report: dict[str, Any], name: str, backend: str) -> None:
    found = [
        row for row in report["results"] if (row["model"], row["check"], row["backend"]) == (name, "parity", backend)
    ]
    if not found and backend == "onnx-tf" and not REQUIRED:
        pytest.skip("the environment onnx-tf is not built: python -m pytest_onnxaccel env onnx-tf")
    (row,) = found
    assert row["reference"] == "ort-cpu"
    assert 0 < row["figures"]["max_abs"] < 2e-6
    assert any("opset 9" in note for note in row["notes"]), "the result says that a prepared copy ran"


def test_a_batch_is_had_by_editing_dimensions_alone_and_exactly(report: dict[str, Any]) -> None:
    for row in report["results"]:
        if (row["check"], row["backend"]) == ("batch", "ort-cpu"):
            assert row["figures"]["method"] == {"3": "dims"}
            assert row["figures"]["max_abs"] < 1e-6


def test_the_original_lists_its_initializers_as_inputs(report: dict[str, Any]) -> None:
    row = next(r for r in report["results"] if (r["model"], r["check"]) == (NAMES[0], "hygiene"))
    assert row["figures"]["by_kind"]["initializer-as-input"] == 244


def test_the_simplified_model_is_another_function(models_folder: Path, tmp_path: Path) -> None:
    """Its outputs lack the box decoding: parity with the original must fail, and name the boxes."""
    ulfd = models_folder / "ulfd"
    command = [
        sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--onnx-report=report.json", "--onnx-backend=ort-cpu",
        f"--onnx-model={ulfd / 'version-RFB-320_simplified.onnx'}", f"--onnx-reference={ulfd / NAMES[0]}",
        "-k", "not latency",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    rows = json.loads((tmp_path / "report.json").read_text())["results"]
    failed = [row for row in rows if row["verdict"] == "failed"]
    assert [row["check"] for row in failed] == ["parity"]
    assert "boxes" in failed[0]["message"]
