"""Known failures of a conformance class: which of its checks are expected to fail, and why."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.lookup.registry import nearest


def expected(known: Mapping[str, str], check: str) -> tuple[str, str] | None:
    """Return the entry of *known* by which *check* may fail, as (name or pattern, reason); None without one.

    Args:
        known: reason by name or pattern.
        check: name of the test, with its parameter: ``test_computes[add]``.
    """
    return next(((name, reason) for name, reason in known.items() if _matches(name, check)), None)


def _matches(pattern: str, check: str) -> bool:
    """Return whether *pattern* is the name, with or without its parameter; ``*`` stands for any text."""
    wanted = ".*".join(map(re.escape, pattern.split("*")))
    return any(re.fullmatch(wanted, name, re.DOTALL) for name in (check, check.partition("[")[0]))


def validate(cls: type, known: object) -> None:
    """Check what *cls* declares as its known failures.

    Args:
        cls: a conformance class.
        known: its ``known_failures``.

    Raises:
        ConfigError: it is not a mapping of texts, a reason is missing, or a name stands for no check of *cls*.
    """
    place = f"known_failures of {cls.__name__}"
    remedy = 'write known_failures = {"test_computes[add]": "why it fails"}'
    if not isinstance(known, Mapping):
        raise ConfigError(f"{place} is {known!r}, not a dictionary", remedy=remedy)
    checks = [check for name in dir(cls) if name.startswith("test") for check in _ids(cls, name)] if known else []
    for name, reason in known.items():
        if not isinstance(name, str):
            raise ConfigError(f"{place}: {name!r} is not the name of a check", remedy=remedy)
        if not isinstance(reason, str) or not reason.strip():
            raise ConfigError(f"{place}: {name!r} has no reason, but {reason!r}", remedy=remedy)
        if not any(_matches(name, check) for check in checks):
            raise ConfigError(f"{place}: no check is called {name!r}", remedy=nearest(name, _near(name, checks)))


def _near(name: str, checks: list[str]) -> list[str]:
    """Return what a misspelt *name* may mean: names without parameters, unless it has one."""
    return checks if "[" in name else sorted({check.partition("[")[0] for check in checks})


def _ids(cls: type, name: str) -> Iterator[str]:
    """Yield the names that pytest gives to the test function *name* of *cls*, as far as its markers tell them."""
    marks = [mark for mark in getattr(getattr(cls, name), "pytestmark", ()) if mark.name == "parametrize"]
    if not marks:
        yield name
        return
    # pytest goes through the markers from the function outwards
    for parts in itertools.product(*(_parameters(mark) for mark in marks)):
        yield f"{name}[{'-'.join(parts)}]"


def _parameters(mark: pytest.Mark) -> list[str]:
    """Return the id of each set of parameters of *mark*, as pytest makes it."""
    given: dict[str, Any] = {**dict(zip(("argnames", "argvalues"), mark.args, strict=False)), **mark.kwargs}
    names = given["argnames"]
    names = [part.strip() for part in names.split(",")] if isinstance(names, str) else list(names)
    return [_id(names, value, mark.kwargs.get("ids"), place) for place, value in enumerate(given["argvalues"])]


def _id(names: Sequence[str], value: Any, ids: Any, place: int) -> str:
    if isinstance(value, type(pytest.param())):
        if value.id:
            return str(value.id)
        values = value.values
    else:
        values = (value,) if len(names) == 1 else tuple(value)
    if isinstance(ids, (list, tuple)) and ids[place] is not None:
        return str(ids[place])
    own = ids if callable(ids) else lambda one: None
    return "-".join(_part(own(one), name, one, place) for name, one in zip(names, values, strict=False))


def _part(own: object, name: str, value: Any, place: int) -> str:
    if own is not None:
        return str(own)
    if value is None or isinstance(value, (str, int, float, bool)):
        return str(value)
    return str(getattr(value, "__name__", f"{name}{place}"))
