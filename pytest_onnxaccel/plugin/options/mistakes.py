"""What pytest would pass over, or refuse without a way out: misspelt ini keys of ours, models with odd names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import pairwise

import pytest

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.lookup.registry import nearest
from pytest_onnxaccel.plugin.options.declared.table import BY_NAME
from pytest_onnxaccel.plugin.options.read import ini_texts


def refuse_mistakes(config: pytest.Config) -> None:
    """Refuse what cannot have been meant.

    Raises:
        pytest.UsageError: a line for each mistake.
    """
    wrong = [str(error) for error in (*_unknown_keys(config), *_odd_names(config), *_several_manifests(config))]
    if wrong:
        raise pytest.UsageError(*wrong)


def _unknown_keys(config: pytest.Config) -> Iterator[ConfigError]:
    """Yield an error for each ini key that begins as ours do and that nobody declared; pytest warns at most."""
    known = [option.key for option in BY_NAME.values()]
    text, *given = ini_texts(config)
    overrides = [word.split("=", 1)[0] for word in given]
    where = f"{config.inipath.name}: " if config.inipath is not None else ""
    for key in dict.fromkeys((*_keys(text, where.endswith(".toml: ")), *overrides)):
        if not key.startswith("onnx_") or key in known:
            continue
        try:
            config.getini(key)
        except (ValueError, KeyError):
            subject = f"-o {key}" if key in overrides else where + key
            yield ConfigError("no setting has this name", subject=subject, remedy=nearest(key, known))


def _odd_names(config: pytest.Config) -> Iterator[ConfigError]:
    """Yield an error for each model among pytest's arguments whose name pytest would take for the id of a test."""
    for word in dict.fromkeys(map(str, config.args)):
        odd = word.lower().endswith(".onnx") and ("[" in word or "::" in word)
        if odd and os.path.isfile(os.path.join(config.invocation_params.dir, word)):
            cause = "pytest takes what is behind '[' or '::' for a part of the id of a test"
            yield ConfigError(cause, subject=word, remedy=f"give it by --onnx-model='{word}'")


def _several_manifests(config: pytest.Config) -> Iterator[ConfigError]:
    """Yield an error where the command line names two manifests: only the last one would be read."""
    words, flag = [str(word) for word in config.invocation_params.args], BY_NAME["manifest"].flag
    given = [word.partition("=")[2] for word in words if word.startswith(flag + "=")]
    given += [value for word, value in pairwise(words) if word == flag]
    if len(set(given)) > 1:
        yield ConfigError(f"{flag} is given {len(given)} times: {', '.join(given)}", remedy="run pytest once for each")


def _keys(text: str, toml: bool) -> list[str]:
    """Return the keys of pytest's tables in the *text* of an ini file; none where only pytest can read it."""
    if "onnx_" not in text:
        return []
    if toml:
        import tomllib

        try:
            data = tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            return []
        own, tool = data.get("pytest", {}), data.get("tool", {}).get("pytest", {})
        tables = [own, tool, tool.get("ini_options", {}) if isinstance(tool, dict) else {}]
        return [key for table in tables if isinstance(table, dict) for key in table]
    from configparser import Error, RawConfigParser

    parser = RawConfigParser(strict=False, allow_no_value=True)
    try:
        parser.read_string(text)
    except Error:
        return []
    return [key for name in ("pytest", "tool:pytest") if parser.has_section(name) for key in parser.options(name)]
