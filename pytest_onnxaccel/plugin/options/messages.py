"""Settings the way a person would write them, for the report header."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_onnxaccel.config.budget_syntax import written
from pytest_onnxaccel.core.specs import BatchPlan, LatencyBudget


def shown(value: object, field: str) -> str:
    """Return the *value* of the setting *field* as its option would take it."""
    if isinstance(value, BatchPlan):
        return ",".join(map(str, value.sizes))
    if isinstance(value, LatencyBudget):
        return ", ".join(f"{key}={text}" for key, text in written(value).items())
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={item}" for name, item in value.items())
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "on" if value else "off"
    if field == "advise":
        return str(value or ("off" if value is None else "on"))
    if field == "timeout_s":
        return f"{value:g}s"
    if field == "memory_bytes" and isinstance(value, int):
        return _size(value)
    return str(value)


def _size(number: int) -> str:
    """Return the bytes in the largest unit of 1000 that keeps three digits."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= size:
            return f"{number / size:.3g}{unit}"
    return f"{number}B"
