"""Entry-point groups to names without importing; an object is loaded when it is used."""

from __future__ import annotations

import difflib
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from pytest_onnxaccel.core.errors import ConfigError

#: Entry-point group under which backends are registered.
BACKENDS = "pytest_onnxaccel.backends"
#: Entry-point group under which checks of other distributions are registered.
CHECKS = "pytest_onnxaccel.checks"


@cache
def _group(group: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=group)}


def names(group: str) -> tuple[str, ...]:
    """Return registered names in *group*, sorted."""
    return tuple(sorted(_group(group)))


def nearest(word: str, known: tuple[str, ...] | list[str]) -> str:
    """Return a clause ``; did you mean 'x'?`` for the nearest of *known*, or the list of them."""
    close = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"


def reference(group: str, name: str) -> str:
    """Return where the object registered as *name* is, as ``module:name``; nothing is imported.

    Raises:
        ConfigError: nothing has that name; the nearest one is named.
    """
    point = _group(group).get(name)
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
    return _group(group)[name].load()


def replace(group: str, name: str, point: EntryPoint | None) -> EntryPoint | None:
    """Put *point* under *name* for this process, or nothing; returns what was there.

    For the conformance kit, which tests backends that need not be registered.
    """
    registered = _group(group)
    before = registered.pop(name, None)
    if point is not None:
        registered[name] = point
    return before
