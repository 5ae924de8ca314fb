"""Reads what the user gave: the command line first, then the ini file.

Imported on every pytest run, so it loads nothing: values are read and checked by
:mod:`~pytest_onnxaccel.plugin.options.read_settings`, which only a run with models imports.
"""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pytest_onnxaccel.plugin.options.declared.groups import grouped
from pytest_onnxaccel.plugin.options.declared.table import BY_NAME as BY_NAME
from pytest_onnxaccel.plugin.options.declared.table import MANIFEST_NAME as MANIFEST_NAME
from pytest_onnxaccel.plugin.options.declared.table import OPTIONS as OPTIONS
from pytest_onnxaccel.plugin.options.declared.table import Option as Option


class Given(NamedTuple):
    """A value as the user gave it.

    Attributes:
        value: a string, a list of strings, or what TOML held (number, bool, list).
        origin: where it was given: ``--onnx-rtol``, ``-o onnx_rtol`` or ``pyproject.toml: onnx_rtol``.
        base: folder that relative paths in it are relative to.
    """

    value: Any
    origin: str
    base: Path


def add_options(parser: pytest.Parser) -> None:
    """Declare every option of the table and its ini twin; the body of ``pytest_addoption``."""
    for title, options in grouped(OPTIONS):
        group = parser.getgroup(f"onnxaccel {title}", f"ONNX model validation (pytest-onnxaccel): {title}")
        for option in options:
            _add(group, option)
    for option in OPTIONS:  # its help is that of the option, which stands in the same output
        parser.addini(option.key, f"as {option.flag}", type=option.ini, default=None)


def _add(group: Any, option: Option) -> None:
    """Declare *option* in *group*, a group of pytest's parser."""
    text = f"{option.help} Default: {option.default}."
    if option.ini == "bool":
        group.addoption(option.flag, dest=option.key, action="store_true", default=None, help=text)
        return
    group.addoption(
        option.flag,
        dest=option.key,
        action="append" if option.repeat else "store",
        default=None,
        metavar=option.metavar,
        help=text,
        **({"nargs": "?", "const": option.bare} if option.bare else {}),
    )


def given(config: pytest.Config, option: Option) -> Given | None:
    """Return what the user gave for *option*, the command line first; None when nothing was given.

    Raises:
        pytest.UsageError: the ini value is of a type that pytest itself cannot read.
    """
    value = config.getoption(option.key, default=None)
    if value is not None:
        return Given(_arrived(config, value), option.flag, config.invocation_params.dir)
    value = _arrived(config, _ini(config, option))
    if value is None:
        return None
    overrides = config.getoption("override_ini", default=None) or ()
    if any(text.split("=", 1)[0] == option.key for text in overrides) or config.inipath is None:
        return Given(value, f"-o {option.key}", config.invocation_params.dir)
    return Given(value, f"{config.inipath.name}: {option.key}", config.inipath.parent)


def may_be_mistaken(config: pytest.Config) -> bool:
    """Return whether something is to be looked at by :mod:`~pytest_onnxaccel.plugin.options.mistakes`."""
    manifests = sum(str(word).startswith(BY_NAME["manifest"].flag) for word in config.invocation_params.args)
    odd = manifests > 1 or any(".onnx" in str(word) for word in config.args)
    return odd or any("onnx_" in text for text in ini_texts(config))


def ini_texts(config: pytest.Config) -> list[str]:
    """Return the text of the ini file, empty where it cannot be read, and what ``-o`` gives."""
    overrides = config.getoption("override_ini", default=None) or ()
    try:
        text = "" if config.inipath is None else config.inipath.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        text = ""
    return [text, *map(str, overrides)]


def _arrived(config: pytest.Config, value: Any) -> Any:
    """Return *value* as it was given to the controlling process, where this is a worker of pytest-xdist."""
    if value is None or not hasattr(config, "workerinput"):
        return value
    from pytest_onnxaccel.plugin.options.arguments_as_text import unpacked

    return unpacked(value)


def swallowed(config: pytest.Config, option: Option) -> str:
    """Return what *option*, which may have no value, took for its value by mistake; empty if nothing.

    argparse gives the word behind it to it, which is the path of a test more often than not.
    """
    words = [str(word) for word in config.invocation_params.args]
    pairs = pairwise(words)
    value = config.getoption(option.key, default=None)
    return next((word for flag, word in pairs if option.bare and flag == option.flag and word == value), "")


def model_arguments(config: pytest.Config) -> list[Path]:
    """Files of models that are arguments of pytest itself, with or without the ``::`` of a check."""
    words = [str(argument).partition("::")[0] for argument in config.args]
    given = [word for word in words if word.lower().endswith(".onnx")]
    folder = config.invocation_params.dir
    files = [Path(os.path.abspath(folder / word)) for word in given]
    return list(dict.fromkeys(file for file in files if os.path.lexists(file) and not file.is_dir()))


def is_active(config: pytest.Config) -> bool:
    """Whether the run has models: an argument, an option, an ini key or a manifest names some."""
    if model_arguments(config):
        return True
    if given(config, BY_NAME["model"]) is not None:
        return True
    manifest = given(config, BY_NAME["manifest"])
    return manifest.value != "none" if manifest is not None else usual_manifest(config) is not None


def usual_manifest(config: pytest.Config) -> Path | None:
    """Return the manifest in pytest's rootdir, else in the folder that pytest was started in."""
    for folder in (config.rootpath, config.invocation_params.dir):
        if os.path.lexists(folder / MANIFEST_NAME):
            return folder / MANIFEST_NAME
    return None


def is_configured(config: pytest.Config) -> bool:
    """Return whether the user gave anything at all, so that settings are to be read and wrong values reported."""
    return is_active(config) or any(given(config, option) is not None for option in OPTIONS)


def _ini(config: pytest.Config, option: Option) -> Any:
    """Return the ini value, also where TOML holds a number or a bare string that pytest's ini types refuse."""
    try:
        return config.getini(option.key)
    except (TypeError, ValueError, pytest.UsageError) as error:
        value = _native(config.inipath, option.key)
        if value is None:
            from pytest_onnxaccel.core.printing import printable

            where = f"{config.inipath.name}: " if config.inipath else "-o "
            raise pytest.UsageError(printable(f"{where}{option.key}: {error}")) from None
        return value


def _native(inipath: Path | None, key: str) -> Any:
    """Return *key* as TOML types it: ``[tool.pytest]`` of pyproject.toml or ``[pytest]`` of pytest.toml."""
    if inipath is None or inipath.suffix != ".toml":
        return None
    import tomllib

    data: dict[str, Any] = tomllib.loads(inipath.read_text(encoding="utf-8"))
    table: dict[str, Any] = data.get("tool", {}).get("pytest") or data.get("pytest", {})
    return table.get(key)
