"""For authors of backends: the conformance kit. See ``docs/backends.md``.

:class:`BackendConformance` checks what runs ONNX models, :class:`SourceConformance` what runs their sources. Both are
loaded when they are used: a worker imports :mod:`~pytest_onnxaccel.testing.probe_backend` without pytest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_onnxaccel.testing.conformance import BackendConformance
    from pytest_onnxaccel.testing.sources import SourceConformance

__all__ = ["BackendConformance", "SourceConformance"]


if not TYPE_CHECKING:  # else a checker would take any name

    def __getattr__(name):
        if name == "BackendConformance":
            from pytest_onnxaccel.testing.conformance import BackendConformance

            return BackendConformance
        if name == "SourceConformance":
            from pytest_onnxaccel.testing.sources import SourceConformance

            return SourceConformance
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
