"""Names of backends and what a model can be compared with, checked against what is registered."""

from __future__ import annotations

import os
from pathlib import Path

from pytest_onnxaccel import registry
from pytest_onnxaccel.backends.protocol import GROUP
from pytest_onnxaccel.errors import ConfigError

#: What a reference may be in this release, for messages.
SOURCES = "this release compares with .onnx sources and backends"


def backend(name: str) -> str:
    """*name*, when a backend is registered under it.

    Raises:
        ConfigError: none is; the nearest one is named.
    """
    known = registry.names(GROUP)
    if name in known or not known:
        return name
    raise ConfigError(f"no backend is named {name!r}", remedy=registry.nearest(name, known))


def reference(text: str, base: Path | None = None) -> str:
    """A backend's name, or the path of an ``.onnx`` file, absolute when *base* is given.

    Raises:
        ConfigError: neither; a file of another kind is told apart from a misspelt name.
    """
    if text.lower().endswith(".onnx"):
        return os.path.abspath(base / os.path.expanduser(text)) if base else text
    if os.sep in text or "/" in text or "." in text:
        raise ConfigError(f"{text!r} is no .onnx file", remedy=SOURCES)
    return backend(text)
