"""What the user gave as text, paths, numbers, choices and pairs, whatever the option.

Each raises :class:`~pytest_onnxaccel.core.errors.ConfigError` for what is of another kind.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.lookup import registry
from pytest_onnxaccel.plugin.options.read import Given


def texts(answer: Given, strip: bool = True) -> list[str]:
    """Return the entries of an option that may hold several."""
    entries = answer.value if isinstance(answer.value, list) else [answer.value]
    return list(dict.fromkeys(scalar(entry, strip) for entry in entries))


def text_of(answer: Given) -> str:
    """Return the text of an option that holds one value."""
    if isinstance(answer.value, list):
        raise ConfigError(f"{answer.value!r} is a list", remedy="give one value")
    return scalar(answer.value)


def scalar(value: object, strip: bool = True) -> str:
    """Return the text of a string or number; refuse TOML's booleans, tables and dates."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ConfigError(f"{value!r} is a {type(value).__name__}", remedy="give text or a number")
    text = str(value)
    if not text.strip():
        raise ConfigError("the value is empty", remedy="give one, or leave the option out")
    return text.strip() if strip else text


def path_of(answer: Given) -> str:
    """Return the absolute path that is given."""
    return os.path.abspath(answer.base / os.path.expanduser(text_of(answer)))


def folder(answer: Given) -> str:
    """Return the absolute path of a folder that is there, or that nothing else is in the place of."""
    path = path_of(answer)
    if os.path.lexists(path) and not os.path.isdir(path):
        raise ConfigError(f"{text_of(answer)!r} is not a folder", remedy="name a folder; it need not exist yet")
    return path


def switch(answer: Given) -> bool:
    """Return the value of a switch."""
    if not isinstance(answer.value, bool):
        raise ConfigError(f"{answer.value!r} is not a boolean", remedy="write true or false")
    return answer.value


def whole(text: str, least: int) -> int:
    """Return the whole number *text*, *least* or more."""
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if value < least or value >= 2**63:
        raise ConfigError(
            f"{text!r} is not a whole number of at least {least}", remedy=f"write a number such as {least}"
        )
    return value


def choice(*choices: str) -> Callable[[Given], str]:
    """Return a parser that takes one of *choices*."""

    def parser(answer: Given) -> str:
        text = text_of(answer)
        if text not in choices:
            raise ConfigError(f"{text!r} is not one of {', '.join(choices)}", remedy=registry.nearest(text, choices))
        return text

    return parser


def pairs(answer: Given, form: str) -> dict[str, str]:
    """Return the entries ``KEY=VALUE`` of an option, each key once."""
    pairs: dict[str, str] = {}
    for text in texts(answer):
        key, equals, value = (part.strip() for part in text.partition("="))
        if not (key and equals and value):
            raise ConfigError(f"{text!r} is not of the form {form}", remedy=f"write {form}")
        if key in pairs:
            raise ConfigError(f"{key} is given twice, {pairs[key]!r} and {value!r}", remedy="keep one")
        pairs[key] = value
    return pairs
