"""Values of a folded preprocessing, in a marker and in the manifest: the arguments of ``fold_in``."""

from __future__ import annotations

import math
from typing import Any

from pytest_onnxaccel.config import validators as scalars
from pytest_onnxaccel.core.errors import ConfigError

METHODS = ("prepend", "conv")
LAYOUTS = ("NHWC", "HWC", "NCHW")
ORDERS = ("same", "reversed")


def numbers(value: object) -> tuple[float, ...]:
    """Return one finite number, or one for each channel."""
    several: list[Any] = list(value) if isinstance(value, (list, tuple)) else [value]
    if not several or any(isinstance(n, bool) or not isinstance(n, (int, float)) for n in several):
        raise ConfigError(
            f"{value!r} is not a number for each channel", remedy="expected one, or a list: [127, 120, 107]"
        )
    if not all(math.isfinite(n) for n in several):
        raise ConfigError(f"{value!r} is not finite", remedy="expected numbers such as [127, 120, 107]")
    return tuple(float(n) for n in several)


def _word(value: object, words: tuple[str, ...], what: str) -> str:
    if value not in words:
        raise ConfigError(f"{value!r} is not a {what}", remedy=f"write one of {', '.join(words)}")
    return str(value)


def method(value: object) -> str:
    """Return one of :data:`METHODS`."""
    return _word(value, METHODS, "method")


def layout(value: object) -> str:
    """Return one of :data:`LAYOUTS`."""
    return _word(value, LAYOUTS, "layout of an image")


def order(value: object) -> str:
    """Return one of :data:`ORDERS`."""
    return _word(value, ORDERS, "channel order")


def target(value: object) -> str:
    """Return the path of the ``.onnx`` file to write."""
    path = scalars.text(value, "the path of the .onnx file to write")
    if not path.lower().endswith(".onnx"):
        raise ConfigError(f"{path!r} is not an .onnx file", remedy='write a path such as "model-uint8.onnx"')
    return path


def model(value: object) -> str:
    """Return the path of an ``.onnx`` file."""
    path = scalars.text(value, "the path of an .onnx file")
    if not path.lower().endswith(".onnx"):
        raise ConfigError(f"{path!r} is not an .onnx file", remedy='write a path such as "model.onnx"')
    return path
