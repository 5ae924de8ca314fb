"""Everything that the author of a backend imports; ``docs/backends.md`` says how it fits together.

Importing it loads neither numpy nor onnx, nor a framework, so that a backend's module may import it at its top.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_onnxaccel.backends.onnxruntime.providers.row import ProviderRow
from pytest_onnxaccel.backends.protocol import (
    GROUP,
    Availability,
    Backend,
    LoadOptions,
    Session,
    SessionInfo,
    SourceOptions,
)
from pytest_onnxaccel.core.errors import BackendUnavailable, ModelError
from pytest_onnxaccel.core.specs import Dim, SourceSpec, TensorSpec, Timing, TimingPlan, dtype_label
from pytest_onnxaccel.numerics.timing.loop import measure

if TYPE_CHECKING:
    # NumPy's arrays; for annotations alone
    from pytest_onnxaccel.backends.protocol import Array as Array

__all__ = [
    "GROUP",
    "Availability",
    "Backend",
    "BackendUnavailable",
    "Dim",
    "LoadOptions",
    "ModelError",
    "ProviderRow",
    "Session",
    "SessionInfo",
    "SourceOptions",
    "SourceSpec",
    "TensorSpec",
    "Timing",
    "TimingPlan",
    "dtype_label",
    "measure",
]
