"""What the functions of the Python API are given, refused in one line where it is of another kind."""

from __future__ import annotations

import os
from collections.abc import Iterable

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.runner.request import RunOptions


def several(name: str, value: object, what: str = "names") -> None:
    """Refuse what is not several values; a text is not, for its letters would be taken one by one.

    Args:
        name: of the argument.
        value: of the argument.
        what: its values are, in the plural.

    Raises:
        ConfigError: *value* is a text, or nothing that can be gone through.
    """
    if isinstance(value, (str, bytes)):
        raise ConfigError(f"{name} is the text {value!r}", remedy=f"give a list of {what}: {name}=[{value!r}]")
    if not isinstance(value, Iterable):
        raise ConfigError(f"{name} is {value!r}", remedy=f"give a list of {what}: {name}=[...]")


def texts(name: str, value: Iterable[object], what: str = "names") -> tuple[str, ...]:
    """Return the texts in *value*.

    Args:
        name: of the argument.
        value: of the argument.
        what: its values are, in the plural.

    Raises:
        ConfigError: *value* is not a list, or holds something that is not a text.
    """
    several(name, value, what)
    found = tuple(value)
    for one in found:
        if not isinstance(one, str):
            raise ConfigError(f"{name} holds {one!r}", remedy=f"give a list of {what}, each a text")
    return tuple(map(str, found))


def text(name: str, value: object, what: str) -> None:
    """Refuse what is neither a text nor None.

    Args:
        name: of the argument.
        value: of the argument.
        what: it names.

    Raises:
        ConfigError: *value* is something else.
    """
    if value is not None and not isinstance(value, str):
        raise ConfigError(f"{name} is {value!r}, not a text", remedy=f"give {what}")


def path(name: str, value: object) -> str:
    """Return the path that *value* is.

    Args:
        name: of the argument.
        value: of the argument.

    Raises:
        ConfigError: *value* is not a path.
    """
    if isinstance(value, (str, os.PathLike)):
        found = os.fspath(value)
        if isinstance(found, str) and found:
            return found
    raise ConfigError(f"{name} is {value!r}, not a path", remedy="give the path of a file, as a text or a pathlib.Path")


def run_options(value: object) -> RunOptions:
    """Return the options that *value* is, or the usual ones for None.

    Args:
        value: of the argument ``options``.

    Raises:
        ConfigError: *value* is something else.
    """
    if value is None:
        return RunOptions()
    if not isinstance(value, RunOptions):
        cause = f"options is a {type(value).__name__}, not a RunOptions"
        raise ConfigError(cause, remedy="give options=RunOptions(seed=1), or any of its fields")
    return value
