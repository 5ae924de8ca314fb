"""The models that faults are planted in."""

from __future__ import annotations

import os
from pathlib import Path

import onnx
from onnx import ModelProto

from fixtures.graphs.residual import residual_classifier

SHIPPED = Path(__file__).parents[2] / "fixtures" / "models" / "rfb-320.onnx"
PUBLISHED = Path(os.environ.get("ONNXACCEL_MODELS", "")) / "ulfd" / "version-RFB-320_simplified.onnx"


def detector_path() -> Path:
    """The published RFB-320 with its batch norms folded, or the shipped one where it is not at hand."""
    return PUBLISHED if os.environ.get("ONNXACCEL_MODELS") and PUBLISHED.exists() else SHIPPED


def models() -> dict[str, ModelProto]:
    """A detector without batch norms, and a classifier with them."""
    return {"detector": onnx.load(detector_path()), "classifier": residual_classifier()}
