"""What suites of execution providers share: a detector, and the result of one check on it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pytest_onnxaccel import validate
from pytest_onnxaccel.core.results import CheckResult
from pytest_onnxaccel.core.specs import ModelSpec
from pytest_onnxaccel.runner.request import RunOptions


def detector(folder: Path) -> Path:
    """Return the shipped face detector where ``ONNXACCEL_MODELS`` names it, else a small network made in *folder*."""
    given = os.environ.get("ONNXACCEL_MODELS")
    if given:
        return Path(given) / "ulfd" / "version-RFB-320.onnx"
    from fixtures.graphs import small_cnn

    path = folder / "cnn.onnx"
    path.write_bytes(small_cnn().SerializeToString())
    return path


def result_of(path: Path, check: str, backend: str, spec: dict[str, Any] | None = None, **options: Any) -> CheckResult:
    """Return the result of one check of the model at *path* against ort-cpu."""
    found = validate(
        ModelSpec(path.name, str(path), path.name, reference="ort-cpu", **(spec or {})),
        backends=[backend],
        checks=[check],
        options=RunOptions(**options),
    )
    (result,) = [row for row in found if row.check == check]
    return result
