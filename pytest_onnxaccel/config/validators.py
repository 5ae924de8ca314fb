"""Checks of single typed values of a manifest or a marker: what is there, what is expected."""

from __future__ import annotations

import math
import os
from typing import Any

from pytest_onnxaccel.config import units
from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.specs import Decision
from pytest_onnxaccel.core.specs import is_function as is_function


def text(value: object, kind: str = "text") -> str:
    """Return text that is not empty; a path object counts as its path."""
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(f"{value!r} is not {kind}", remedy=f"expected {kind}, written as text")
    return value.strip()


def tolerance(value: object) -> float:
    """Return a finite non-negative number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise ConfigError(f"{value!r} is not a tolerance", remedy="expected a non-negative number, such as 1e-3")
    return float(value)


def whole(value: object, kind: str, example: str = "1") -> int:
    """Return a positive whole number that a C int holds."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**31:
        raise ConfigError(f"{value!r} is not a {kind}", remedy=f"expected positive whole numbers, such as {example}")
    return value


def threads(value: object) -> int:
    """Return a number of intra-op threads."""
    return whole(value, "number of threads")


def duration(value: object) -> float:
    """Return the nanoseconds of text with a unit; for a bare number the message says which unit is missing."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = f"{value}"
    return units.duration_ns(text(value, 'a duration such as "12ms"'))


def function(value: object) -> str:
    """Return ``package.module:function``, as written; nothing is imported."""
    name = text(value, 'a function such as "package.module:function"')
    if not is_function(name):
        raise ConfigError(f"{name!r} names no function", remedy='write "package.module:function"')
    return name


def factor(value: object) -> float:
    """Return a finite number above zero: how many times as fast."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
        raise ConfigError(f"{value!r} is not a factor", remedy="expected a number above 0, such as 1.5")
    return float(value)


def seed(value: object) -> int:
    """Return a non-negative whole number."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise ConfigError(f"{value!r} is not a seed", remedy="expected a non-negative whole number")
    return value


def portion(value: object) -> float:
    """Return a number from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ConfigError(f"{value!r} is not a share", remedy="expected a number from 0 to 1, such as 0.9")
    return float(value)


def image_shape(value: object) -> tuple[int, ...]:
    """Return the shape of an image: (height, width, channels), or (height, width) of one without channels."""
    remedy = "expected height, width and channels, such as [240, 320, 3], or the samples of a signal, such as [16000]"
    if not isinstance(value, (list, tuple)) or len(value) not in (2, 3):
        raise ConfigError(f"{value!r} is not a shape of an image", remedy=remedy)
    return tuple(whole(entry, "size of an image", "[240, 320, 3]") for entry in value)


def image_sizes(value: object) -> tuple[tuple[int, ...], ...]:
    """Return the legal (height, width) sizes, or (samples,) of a signal; empty for ``any``."""
    if value == "any":
        return ()
    if not isinstance(value, (list, tuple)) or not value:
        remedy = 'expected "any" or (height, width) pairs, such as [[240, 320], [480, 640]]'
        raise ConfigError(f"{value!r} is not a list of sizes", remedy=remedy)
    found: list[tuple[int, ...]] = []
    for entry in value:
        if isinstance(entry, (list, tuple)) and len(entry) == 1:
            found.append((whole(entry[0], "number of samples", "[16000]"),))
            continue
        if not isinstance(entry, (list, tuple)) or len(entry) != 2:
            raise ConfigError(f"{entry!r} is not a size", remedy="expected height and width, such as [240, 320]")
        height, width = (whole(side, "height or width", "[240, 320]") for side in entry)
        found.append((height, width))
    return tuple(dict.fromkeys(found))


#: Memory layouts that a result may be asked to have.
LAYOUTS = ("any", "same", "C")


def layout(value: object) -> str:
    """Return one of :data:`LAYOUTS`."""
    if value not in LAYOUTS:
        raise ConfigError(f"{value!r} is not a layout", remedy=f"write one of {', '.join(LAYOUTS)}")
    return str(value)


#: Keys of a decision by its kind, and what each must be.
_DECISIONS = {
    "classification": ("output",),
    "detection": ("scores", "boxes", "threshold", "iou", "background"),
}


def decision(value: object) -> Decision:
    """Return ``"classification"``, ``"detection"``, or a table with ``kind`` and the keys of that kind."""
    table = value if isinstance(value, dict) else {"kind": value}
    kind = table.get("kind")
    if not isinstance(kind, str) or kind not in _DECISIONS:
        raise ConfigError(f"{kind!r} is not a kind of decision", remedy=f"write one of {', '.join(_DECISIONS)}")
    given = {}
    for key, entry in table.items():
        if key == "kind":
            continue
        if key not in _DECISIONS[kind]:
            raise ConfigError(f"a {kind} has no key {key!r}", remedy=f"keys: kind, {', '.join(_DECISIONS[kind])}")
        given[key] = _decision_key(key, entry)
    return Decision(kind, **given)


def _decision_key(key: str, value: object) -> Any:
    if key in ("output", "scores", "boxes"):
        return text(value, "an output's name")
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if key == "background":
        if not number or not isinstance(value, int) or value < -1:
            raise ConfigError(
                f"background {value!r} is not a class", remedy="expected a non-negative number, or -1 for none"
            )
        return value
    if not number or not 0 <= float(value) <= 1:  # type: ignore[arg-type]
        raise ConfigError(f"{key} {value!r} is not from 0 to 1", remedy="expected a number such as 0.5")
    return float(value)  # type: ignore[arg-type]
