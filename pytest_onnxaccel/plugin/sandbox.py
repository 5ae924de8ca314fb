"""What the sandbox of a run is: one line of the header, and a usage error where one is required that cannot be had."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_onnxaccel.errors import ConfigError
from pytest_onnxaccel.isolation.level import REMEDY, Level, level

if TYPE_CHECKING:
    from pytest_onnxaccel.plugin.settings import Settings


def reached(settings: Settings) -> Level:
    """What holds for the workers of this run. A worker that does not reach it does nothing."""
    return level(settings.sandbox, settings.in_process)


def insist(settings: Settings) -> None:
    """Refuse a run whose sandbox is required and cannot be had.

    Raises:
        ConfigError: with what it lacks.
    """
    found = reached(settings)
    if settings.sandbox == "require" and not found.whole:
        cause = f"the sandbox cannot be had: {found.lacking()}"
        raise ConfigError(cause, subject=settings.origin("sandbox"), remedy=REMEDY)


def line(settings: Settings) -> str:
    """For pytest's header."""
    origin = settings.origins.get("sandbox", "default")
    return f"onnxaccel sandbox: {reached(settings)}" + ("" if origin == "default" else f" ({origin})")
