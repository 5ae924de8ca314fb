"""Names of backends and what a model can be compared with, checked against what is registered."""

from __future__ import annotations

import os
from pathlib import Path

from pytest_onnxaccel import registry
from pytest_onnxaccel.backends.protocol import GROUP
from pytest_onnxaccel.errors import ConfigError
from pytest_onnxaccel.runner.request import GOLDEN

#: What a file that a model is compared with may be, for messages.
SOURCES = "name an .onnx, .pth, .pt, .pt2, .pb, .meta, .keras, .h5 or .tflite file, or a SavedModel's folder"


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
    """A backend's name, ``golden``, or the path of a model or a source, absolute when *base* is given.

    Raises:
        ConfigError: neither: a name that no backend has.
    """
    if text == GOLDEN:
        return text
    if is_path(text, base):
        return os.path.abspath(base / os.path.expanduser(text)) if base else text
    return backend(text)


def is_path(text: str, base: Path | None = None) -> bool:
    """*text* names a file or a folder, not a backend: it looks like one, or is there."""
    if text in registry.names(GROUP) or text == GOLDEN:
        return False
    return os.sep in text or "/" in text or "." in text or (base is not None and (base / text).exists())


def is_source(text: str) -> bool:
    """A reference that is neither a backend nor an ``.onnx`` file."""
    return text not in registry.names(GROUP) and not text.lower().endswith(".onnx") and is_path(text)
