"""Text with a unit to a number: durations, sizes, percentages, speed-ups and lists of batch sizes."""

from __future__ import annotations

import math
import re

from pytest_onnxaccel.core.errors import ConfigError

_NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([^\d\s.]*)\s*")

#: Nanoseconds by unit of time.
DURATIONS = {"ns": 1.0, "us": 1e3, "µs": 1e3, "ms": 1e6, "s": 1e9, "min": 60e9}

#: Bytes by unit of size: powers of 1000, and of 1024 with an i.
SIZES = {
    "B": 1.0,
    "kB": 1e3,
    "KB": 1e3,
    "MB": 1e6,
    "GB": 1e9,
    "TB": 1e12,
    "KiB": 2.0**10,
    "MiB": 2.0**20,
    "GiB": 2.0**30,
    "TiB": 2.0**40,
}


def duration_ns(text: str) -> float:
    """Return the nanoseconds of ``12ms``, ``1.5 s``, ``2min``; the unit is required.

    Raises:
        ConfigError: no number, no unit, another unit, or not above zero.
    """
    return _scaled(text, DURATIONS, "a duration", "12ms")


def size_bytes(text: str) -> int:
    """Return the bytes of ``8GB`` (powers of 1000) or ``512MiB`` (powers of 1024); the unit is required.

    Raises:
        ConfigError: no number, no unit, another unit, or not above zero.
    """
    size = _scaled(text, SIZES, "a size", "8GB")
    if size < 1:
        raise ConfigError(f"{text!r} is less than one byte", remedy="write a size such as 8GB")
    return int(size)


def percentage(text: str) -> float:
    """Return the fraction of ``10%``: 0.1; the sign is required.

    Raises:
        ConfigError: no number, no percent sign, or below zero.
    """
    number, unit = _split(text, "a percentage", "10%")
    if unit == "":
        raise ConfigError(f"{text!r} has no percent sign", remedy=f"a unit is missing, write {text.strip()}%")
    if unit != "%" or number < 0:
        raise ConfigError(f"{text!r} is not a percentage", remedy="write a non-negative number and %, such as 10%")
    return number / 100


def speedup(text: str) -> tuple[str, float]:
    """Return the backend and least factor of ``onnx-tf:3``: at least 3 times as fast as onnx-tf.

    Raises:
        ConfigError: no backend, no factor, or a factor that is not above zero.
    """
    shown = "write BACKEND:FACTOR, such as onnx-tf:3"
    if not isinstance(text, str):
        raise ConfigError(f"{text!r} is not a speed-up", remedy=shown)
    name, colon, factor = text.rpartition(":")
    if not colon or not name.strip() or not factor.strip():
        raise ConfigError(f"{text!r} is not a speed-up over a backend", remedy=shown)
    match = _NUMBER.fullmatch(factor)
    if match is None or match[2] not in ("", "x"):
        raise ConfigError(f"the factor {factor!r} of {text!r} is not a number", remedy=shown)
    value = float(match[1])
    if not 0 < value < math.inf:
        raise ConfigError(f"the factor {factor!r} of {text!r} is not above zero", remedy=shown)
    return name.strip(), value


def batch_sizes(text: str) -> tuple[int, ...]:
    """Return the sizes of ``1,3,10`` in the order given, each once.

    Raises:
        ConfigError: nothing given, or one that is not a whole number of at least 1.
    """
    shown = "write positive whole numbers, such as 1,3,10"
    if not isinstance(text, str):
        raise ConfigError(f"{text!r} is not a list of batch sizes", remedy=shown)
    parts = [part.strip() for part in text.split(",")]
    bad = [part for part in parts if not (part.isascii() and part.isdigit() and 0 < int(part[:20]) < 2**31)]
    if bad:
        raise ConfigError(f"{bad[0]!r} of {text!r} is not a batch size", remedy=shown)
    return tuple(dict.fromkeys(int(part) for part in parts))


def _split(text: object, kind: str, example: str) -> tuple[float, str]:
    """Return the number and unit of *text*; a plain number is a number without a unit."""
    if isinstance(text, (int, float)) and not isinstance(text, bool):
        text = str(text)
    match = _NUMBER.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ConfigError(f"{text!r} is not {kind}", remedy=f"write a number and a unit, such as {example}")
    return float(match[1]), match[2]


def _scaled(text: object, units: dict[str, float], kind: str, example: str) -> float:
    """Return the number of *text* times its unit, finite and above zero."""
    number, unit = _split(text, kind, example)
    known = ", ".join(units)
    if unit == "":
        written = f"{str(text).strip()}{example.lstrip('0123456789')}"
        raise ConfigError(f"{text!r} is a bare number", remedy=f"a unit is missing, write {written} (units: {known})")
    if unit not in units:
        raise ConfigError(f"{unit!r} of {text!r} is not a unit of {kind.split()[-1]}", remedy=f"units: {known}")
    value = number * units[unit]
    if not 0 < value < math.inf:
        raise ConfigError(f"{text!r} is not above zero and finite", remedy=f"write {kind} such as {example}")
    return value
