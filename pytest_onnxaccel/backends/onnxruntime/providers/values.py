"""Provider options as users write them: known keys have a type, others are the provider's own to judge."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_onnxaccel.backends.onnxruntime.providers.row import Pairs, ProviderRow
from pytest_onnxaccel.core.errors import ConfigError

_TRUE, _FALSE = ("1", "true", "True"), ("0", "false", "False")
_EXAMPLES = {"bool": "1 or 0", "int": "a whole number", "number": "a number"}


def checked(row: ProviderRow, options: Mapping[str, object]) -> Pairs:
    """Return *options* as texts for the provider of *row*; see :func:`fitting`."""
    return fitting(row.backend, row.options, options)


def fitting(backend: str, kinds: Mapping[str, str], options: Mapping[str, object]) -> Pairs:
    """Return *options* as texts; the values of keys whose kind is known fit it.

    Args:
        backend: name of the backend.
        kinds: kind of value by key, as in :attr:`ProviderRow.options`.
        options: texts, numbers and booleans by key.

    Raises:
        ConfigError: a value does not fit.
    """
    return tuple((key, _value(backend, kinds, key, value)) for key, value in options.items())


def _value(backend: str, kinds: Mapping[str, str], key: str, value: object) -> str:
    text = str(value)  # True and False are what every provider takes
    kind = kinds.get(key, "text")
    if _fits(kind, text):
        return text
    wanted = _EXAMPLES.get(kind) or ", ".join(kind.split("|"))
    raise ConfigError(f"{text!r} does not fit the option {key} of {backend}", remedy=f"write {wanted}")


def _fits(kind: str, text: str) -> bool:
    if kind == "bool":
        return text in (*_TRUE, *_FALSE)
    if kind == "int":
        return text.removeprefix("-").isdecimal() and text.isascii()
    if kind == "number":
        return text.replace(".", "", 1).isdecimal()
    return kind == "text" or text in kind.split("|")


def same(asked: str, answered: str) -> bool:
    """Return whether a provider's answer is what was asked: ``True`` and ``1`` are, and ``0x1`` is not ``1``."""
    for words in (_TRUE, _FALSE):
        if asked in words and answered in words:
            return True
    return asked == answered


def unlike(asked: Pairs, answered: Mapping[str, str]) -> list[str]:
    """Return in words where the provider's own answer is not what was asked; keys that it does not tell are left out.

    Args:
        asked: as given to the provider.
        answered: ``get_provider_options()`` of the session.
    """
    return [
        f"{key}={value} was asked for, and the provider has {answered[key]}"
        for key, value in asked
        if key in answered and not same(value, str(answered[key]))
    ]
