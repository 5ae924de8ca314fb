"""Everything that an author of a check imports; it loads neither NumPy nor onnx. See ``docs/own-checks.md``."""

from __future__ import annotations

from pytest_onnxaccel.checks.protocol import CheckContext
from pytest_onnxaccel.core.errors import ConfigError, OnnxAccelError
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import ModelInfo, TensorSpec
from pytest_onnxaccel.runner.check_table import Check

__all__ = [
    "Check",
    "CheckContext",
    "CheckResult",
    "ConfigError",
    "ModelInfo",
    "OnnxAccelError",
    "TensorSpec",
    "Verdict",
]
