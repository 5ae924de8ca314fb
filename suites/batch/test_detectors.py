"""The shipped detectors and, where ``ONNXACCEL_MODELS`` names them, the published ones, at 1, 3, 10 and 16."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_onnxaccel.core.results import Verdict
from pytest_onnxaccel.core.specs import BatchPlan, ModelSpec
from pytest_onnxaccel.runner.api import validate

SHIPPED = Path(__file__).parents[2] / "fixtures" / "models"
PUBLISHED = Path(os.environ.get("ONNXACCEL_MODELS", "")) / "ulfd"
#: The model and the method that is cheapest for it.
MODELS = [
    (SHIPPED / "rfb-320.onnx", "rewrite"),
    (SHIPPED / "slim-320.onnx", "rewrite"),
    (PUBLISHED / "version-RFB-320.onnx", "dims"),
    (PUBLISHED / "version-slim-320.onnx", "dims"),
    (PUBLISHED / "version-RFB-320_simplified.onnx", "rewrite"),
]


@pytest.mark.parametrize(("path", "method"), MODELS, ids=lambda value: getattr(value, "stem", ""))
def test_every_size_is_proven(path: Path, method: str) -> None:
    if not path.exists():
        pytest.skip("ONNXACCEL_MODELS does not name the folder of this model")
    spec = ModelSpec(path.name, str(path), path.name, batch=BatchPlan((1, 3, 10, 16)), backends=("ort-cpu",))
    (result,) = validate(spec, checks=("batch",))
    assert result.verdict is Verdict.PASSED, result
    figures = result.figures
    print(f"{path.stem}: {result.message}; max abs {figures['max_abs']:.2g}, {figures['max_ulp']:.0f} ULP")
    assert figures["method"] == {"1": "as is", "3": method, "10": method, "16": method}
    assert figures["shuffled"] == [3, 10, 16]
    # ONNX Runtime picks its kernels by shape, so that the last bits may differ; scores are 0 to 1, boxes a few units
    assert figures["max_abs"] <= 4e-6
