"""pytest-onnxaccel: proves that a converted ONNX model is still the model that was trained.

The public names below are loaded when they are used; importing the package loads nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = [
    "CheckFailure",
    "CheckResult",
    "Comparison",
    "ConfigError",
    "KnownFault",
    "LatencyBudget",
    "ModelSpec",
    "OnnxAccelError",
    "Request",
    "RunOptions",
    "Runner",
    "Tolerance",
    "Verdict",
    "__version__",
    "convert_source",
    "fold_in",
    "pipeline_parity",
    "round_trip",
    "validate",
]

# A test holds the two branches to the same names and places
if TYPE_CHECKING:
    from pytest_onnxaccel.core.comparisons import Comparison, KnownFault
    from pytest_onnxaccel.core.errors import CheckFailure, ConfigError, OnnxAccelError
    from pytest_onnxaccel.core.results import CheckResult, Verdict
    from pytest_onnxaccel.core.specs import LatencyBudget, ModelSpec, Tolerance
    from pytest_onnxaccel.runner.api import validate
    from pytest_onnxaccel.runner.conversion.convert import convert_source
    from pytest_onnxaccel.runner.conversion.fold_preprocessing import fold_in
    from pytest_onnxaccel.runner.conversion.round_trip import round_trip
    from pytest_onnxaccel.runner.pipeline import pipeline_parity
    from pytest_onnxaccel.runner.request import Request, RunOptions
    from pytest_onnxaccel.runner.runner import Runner

    __version__: str
else:
    _PLACES = {
        "CheckFailure": "core.errors",
        "CheckResult": "core.results",
        "Comparison": "core.comparisons",
        "ConfigError": "core.errors",
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
        "pipeline_parity": "runner.pipeline",
        "round_trip": "runner.conversion.round_trip",
        "validate": "runner.api",
    }

    def __getattr__(name):
        if name in _PLACES:
            from importlib import import_module

            return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
        if name == "__version__":
            from pytest_onnxaccel.core.lookup.version import own_version

            return own_version()
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__():
        return sorted({*globals(), *__all__})
