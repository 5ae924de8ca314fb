"""For authors of backends: the conformance kit :class:`BackendConformance`. See ``docs/backends.md``.

It is loaded when it is used: a worker imports :mod:`~pytest_onnxaccel.testing.watched` without pytest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_onnxaccel.testing.conformance import BackendConformance as BackendConformance

__all__ = ["BackendConformance"]


def __getattr__(name: str) -> Any:
    if name != "BackendConformance":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pytest_onnxaccel.testing.conformance import BackendConformance

    return BackendConformance
