"""What the sandbox of a run is, for its header and its report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_onnxaccel.isolation.confinement.level import Level, level

if TYPE_CHECKING:
    from pytest_onnxaccel.plugin.options.settings import Settings


def reached(settings: Settings) -> Level:
    """Return what holds for the workers of this run. A worker that does not reach it does nothing."""
    return level(settings.sandbox, settings.in_process)


def line(settings: Settings) -> str:
    """Return the line for pytest's header."""
    origin = settings.origins.get("sandbox", "default")
    return f"onnxaccel sandbox: {reached(settings)}" + ("" if origin == "default" else f" ({origin})")
