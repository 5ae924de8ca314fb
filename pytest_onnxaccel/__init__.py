"""pytest-onnxaccel: proves that a converted ONNX model is still the model that was trained.

The public names below are loaded when they are used; importing the package loads nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_PUBLIC = {
    "CheckFailure": "core.errors",
    "CheckResult": "core.results",
    "Comparison": "core.comparisons",
    "KnownFault": "core.comparisons",
    "LatencyBudget": "core.specs",
    "ModelSpec": "core.specs",
    "OnnxAccelError": "core.errors",
    "Request": "runner.request",
    "RunOptions": "runner.request",
    "Runner": "runner.runner",
    "Tolerance": "core.specs",
    "Verdict": "core.results",
    "convert_source": "runner.conversion.convert",
    "fold_in": "runner.conversion.fold_preprocessing",
    "round_trip": "runner.conversion.round_trip",
    "validate": "runner.api",
}

__all__ = list(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(f"{__name__}.{_PUBLIC[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})
