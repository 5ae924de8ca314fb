"""Entry-point groups to names without importing; an object is loaded when it is used."""

from __future__ import annotations

import difflib
import os
import re
import sys
from functools import cache
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from typing import Any

from pytest_onnxaccel.core.errors import ConfigError

#: Entry-point group under which backends are registered.
BACKENDS = "pytest_onnxaccel.backends"
#: Entry-point group under which checks of other distributions are registered.
CHECKS = "pytest_onnxaccel.checks"
#: Entry-point group of rows of execution providers of ONNX Runtime: one called ``acme`` is the backend ``ort-acme``.
PROVIDERS = "pytest_onnxaccel.providers"
#: What the distributions of providers are called that ONNX Runtime registers at run time.
PLUGIN_PREFIX = "onnxruntime-ep-"

_PLUGIN_ROW = "pytest_onnxaccel.backends.onnxruntime.providers.plugins:plugin_row"
#: Backend of a plugin, by what its distribution is called behind the prefix.
_PLUGIN = re.compile(r"ort-ep-[a-z0-9]+(-[a-z0-9]+)*")
_DEVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.,:-]*")


@cache
def _points() -> EntryPoints:
    found: Any = entry_points()
    every: EntryPoints = found
    return every


@cache
def _group(group: str) -> dict[str, EntryPoint]:
    found = {point.name: point for point in _points().select(group=group)}
    if group == BACKENDS:
        for point in _points().select(group=PROVIDERS):
            found.setdefault(f"ort-{point.name}", point)
        for name in _plugins():
            found.setdefault(f"ort-ep-{name}", _plugin(f"ort-ep-{name}"))
    return found


def _plugin(name: str) -> EntryPoint:
    return EntryPoint(name, _PLUGIN_ROW, PLUGIN_PREFIX)


def _found(group: str, name: str) -> EntryPoint | None:
    """Return what is registered as *name*; a plugin that is not installed is a backend that does not run here."""
    plugin = group == BACKENDS and _PLUGIN.fullmatch(name) is not None
    return _group(group).get(name) or (_plugin(name) if plugin else None)


def _plugins() -> list[str]:
    """Return what the installed distributions ``onnxruntime-ep-NAME`` are called behind that."""
    found = []
    for folder in filter(None, dict.fromkeys(sys.path)):  # a worker imports nothing from its working folder
        try:
            entries = os.listdir(folder)
        except OSError:
            continue
        for entry in entries:
            name, _, ending = entry.partition("-")
            name = name.replace("_", "-")
            if ending.endswith(".dist-info") and name.startswith(PLUGIN_PREFIX):
                found.append(name.removeprefix(PLUGIN_PREFIX))
    return sorted(set(found))


def names(group: str) -> tuple[str, ...]:
    """Return registered names in *group*, sorted."""
    return tuple(sorted(_group(group)))


def nearest(word: str, known: tuple[str, ...] | list[str]) -> str:
    """Return a clause ``; did you mean 'x'?`` for the nearest of *known*, or the list of them."""
    close = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"


def split_device(name: str) -> tuple[str, str]:
    """Return the backend and the device of ``ort-cuda:1``; no device for every other name."""
    base, colon, device = name.partition(":")
    point = _found(BACKENDS, base) if colon else None
    provider = point is not None and point.group in (PROVIDERS, PLUGIN_PREFIX)
    return (base, device) if provider and _DEVICE.fullmatch(device) else (name, "")


def known(group: str, name: str) -> bool:
    """Return whether something is registered as *name*, or a backend as *name* without its device."""
    base = split_device(name)[0] if group == BACKENDS else name
    return _found(group, base) is not None


def point(group: str, name: str) -> EntryPoint | None:
    """Return what is registered as *name*; None where nothing is."""
    return _found(group, name)


def reference(group: str, name: str) -> str:
    """Return where the object registered as *name* is, as ``module:name``; nothing is imported.

    Raises:
        ConfigError: nothing has that name; the nearest one is named.
    """
    point = _found(group, name)
    if point is None:
        raise ConfigError(
            f"no {group.rpartition('.')[2].removesuffix('s')} is named {name!r}", remedy=nearest(name, names(group))
        )
    return point.value


def load(group: str, name: str) -> Any:
    """Return the object registered as *name* in *group*.

    Raises:
        ConfigError: as :func:`reference`.
    """
    reference(group, name)
    found = _found(group, name)
    assert found is not None
    return found.load()


def replace(group: str, name: str, point: EntryPoint | None) -> EntryPoint | None:
    """Put *point* under *name* for this process, or nothing; returns what was there.

    For the conformance kit, which tests backends that need not be registered.
    """
    registered = _group(group)
    before = registered.pop(name, None)
    if point is not None:
        registered[name] = point
    return before
