"""pytest-onnxaccel: proves that a converted ONNX model is still the model that was trained."""

from __future__ import annotations
