"""What a model can be compared with, as users write it: a backend, golden data, a file, or a function."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

from pytest_onnxaccel.backends.protocol import GROUP
from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.lookup import registry
from pytest_onnxaccel.core.specs import ModelSpec, SourceSpec, is_function
from pytest_onnxaccel.runner.request import GOLDEN

#: What a file that a model is compared with may be, for messages.
SOURCES = "name an .onnx, .pth, .pt, .pt2, .pb, .meta, .keras, .h5 or .tflite file, or a SavedModel's folder"
#: A function as pytest names its tests: by the path of its file.
_BY_PATH = re.compile(r"(.+)\.py:{1,2}([A-Za-z_][\w.]*)")


def backend(name: str) -> str:
    """Return *name*, when a backend is registered under it.

    Raises:
        ConfigError: none is; the nearest one is named.
    """
    known = registry.names(GROUP)
    if registry.known(GROUP, name) or not known:
        return name
    raise ConfigError(f"no backend is named {name!r}", remedy=registry.nearest(name, known))


def reference(text: str, base: Path | None = None) -> str:
    """Return a backend's name, ``golden``, a function or a path, absolute when *base* is given.

    Raises:
        ConfigError: none of these: a name that no backend has, a function that is spelt otherwise.
    """
    if text == GOLDEN:
        return text
    if names_function(text):
        file = text.partition(":")[0]
        if base is not None and "." in file and (base / file).is_file():
            remedy = f"name {file} alone, and its loader as package.module:callable where one belongs"
            raise ConfigError(f"{text!r} is a file and something after it", remedy=remedy)
        return text
    exists = base is not None and (base / text).exists()
    spelt = None if exists else _BY_PATH.fullmatch(text)
    if spelt is not None:
        module = os.path.normpath(spelt[1]).strip(os.sep).replace(os.sep, ".")
        raise ConfigError(f"{text!r} is not how a function is named", remedy=f"did you mean '{module}:{spelt[2]}'?")
    if is_path(text, base):
        return os.path.abspath(base / os.path.expanduser(text)) if base else text
    if ":" in text:
        raise ConfigError(f"{text!r} names no function", remedy='write "package.module:function"')
    return backend(text)


def names_function(text: str) -> bool:
    """Return whether *text* is ``package.module:function``; what ends in ``.onnx`` is a file."""
    return is_function(text) and not text.lower().endswith(".onnx")


def is_path(text: str, base: Path | None = None) -> bool:
    """Return whether *text* names a file or a folder, not a backend: it looks like one, or is there."""
    if registry.known(GROUP, text) or text == GOLDEN or names_function(text):
        return False
    return os.sep in text or "/" in text or "." in text or (base is not None and (base / text).exists())


def is_source(text: str) -> bool:
    """Return whether a reference is a source: no backend, function or ``.onnx`` file."""
    return not registry.known(GROUP, text) and not text.lower().endswith(".onnx") and is_path(text)


def function_source(name: str, origin: str = "") -> SourceSpec:
    """Return the function *name* as what a model was converted from."""
    return SourceSpec(name, name, origin=origin)


def referring(
    spec: ModelSpec,
    named: str | None,
    loader: str | None = None,
    trusted: tuple[str, ...] = (),
    origin: str = "--reference",
) -> ModelSpec:
    """Return *spec* with the reference that a command or a caller names; paths are relative to the working folder.

    Raises:
        ConfigError: *named* is nothing that a model can be compared with, or a loader does not belong to it.
    """
    if named is None:
        if loader:
            option = origin.replace("reference", "loader")
            raise ConfigError(f"{option} is given without {origin}", remedy="name the file that it builds for")
        return spec
    try:
        found = reference(named, Path.cwd())
    except ConfigError as error:
        raise error.about(origin) from None
    if found == GOLDEN:
        return replace(spec, reference=found)
    if registry.known(GROUP, found) or found.lower().endswith(".onnx"):
        return replace(spec, reference=found, source=None)
    if names_function(found):
        if loader:
            raise ConfigError(
                f"{loader!r} is given, but a loader does not apply to a function",
                subject=origin,
                remedy="leave the loader out",
            )
        return replace(spec, reference=found)
    return replace(spec, reference=None, source=SourceSpec(found, named, loader, trusted, origin))
