"""For authors of backends and checks: the conformance kit. See ``docs/backends.md`` and ``docs/own-checks.md``.

:class:`BackendConformance` checks what runs ONNX models, :class:`SourceConformance` what runs their sources,
:class:`CheckConformance` a check. They are loaded when they are used: a worker imports
:mod:`~pytest_onnxaccel.testing.probe_backend` without pytest.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_onnxaccel.testing.checks import CheckConformance
    from pytest_onnxaccel.testing.conformance import BackendConformance
    from pytest_onnxaccel.testing.sources import SourceConformance

_MODULES = {"BackendConformance": "conformance", "CheckConformance": "checks", "SourceConformance": "sources"}

__all__ = ["BackendConformance", "CheckConformance", "SourceConformance"]


if not TYPE_CHECKING:  # else a checker would take any name

    def __getattr__(name):
        if name in _MODULES:
            return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
