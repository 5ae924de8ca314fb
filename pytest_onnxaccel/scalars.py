"""Checks of single typed values of a manifest or a marker: what is there, what is expected."""

from __future__ import annotations

import math
import os

from pytest_onnxaccel import units
from pytest_onnxaccel.errors import ConfigError


def text(value: object, kind: str = "text") -> str:
    """Text that is not empty; a path object counts as its path."""
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(f"{value!r} is not {kind}", remedy=f"expected {kind}, written as text")
    return value.strip()


def tolerance(value: object) -> float:
    """A finite number from 0 up."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise ConfigError(f"{value!r} is no tolerance", remedy="expected a number from 0 up, such as 1e-3")
    return float(value)


def whole(value: object, kind: str, example: str = "1") -> int:
    """A whole number from 1 up that a C int holds."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**31:
        raise ConfigError(
            f"{value!r} is no {kind}", remedy=f"expected whole numbers from 1 up, such as {example}"
        )
    return value


def threads(value: object) -> int:
    """A number of intra-op threads."""
    return whole(value, "number of threads")


def duration(value: object) -> float:
    """Nanoseconds of text with a unit; a bare number is told which unit is missing."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = f"{value}"
    return units.duration_ns(text(value, 'a duration such as "12ms"'))
