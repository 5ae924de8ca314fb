"""The table of options: each is a command-line option and an ini key of the same name.

Imported on every pytest run, so it loads nothing: values are read and checked by
:mod:`~pytest_onnxaccel.plugin.settings`, which only a run with models imports.
"""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pytest

#: The manifest that is read when it lies in pytest's rootdir.
MANIFEST_NAME = "onnxaccel.toml"

#: What ``[tool.pytest]`` may hold for each kind of ini key, in words.
IniType = Literal["string", "linelist", "bool"]


class Option(NamedTuple):
    """One row of the table.

    Attributes:
        name: ``model`` for ``--onnx-model`` and the ini key ``onnx_model``.
        field: the attribute of ``Settings`` that holds the value.
        metavar: what stands for the value in ``--help``; empty for a switch.
        default: what holds when nothing is given, in words.
        help: one sentence for ``--help`` and docs/options.md.
        example: a value as written in ``[tool.pytest]`` of pyproject.toml.
        ini: type of the ini key.
        repeat: the option may be given several times.
        bare: the value of the option without one; empty where it must have one. With one it is written behind ``=``.
    """

    name: str
    field: str
    metavar: str
    default: str
    help: str
    example: str
    ini: IniType = "string"
    repeat: bool = False
    bare: str = ""

    @property
    def flag(self) -> str:
        return "--onnx-" + self.name

    @property
    def key(self) -> str:
        return "onnx_" + self.name.replace("-", "_")


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


OPTIONS: tuple[Option, ...] = (
    Option(
        "model",
        "models",
        "PATH",
        "none",
        "ONNX model to validate: a file, a glob, or a folder whose *.onnx files are taken; repeatable.",
        '["models/rfb.onnx", "export/*.onnx"]',
        "linelist",
        True,
    ),
    Option(
        "manifest",
        "manifest",
        "FILE",
        f"{MANIFEST_NAME} in the rootdir, where there is one",
        "Manifest that names models with their inputs, tolerances and budgets.",
        '"ci/onnxaccel.toml"',
    ),
    Option(
        "backend",
        "backends",
        "NAME",
        "every backend that runs here",
        "Backend to run the models on; repeatable or separated by commas.",
        '["ort-cpu", "onnx-tf"]',
        "linelist",
        True,
    ),
    Option(
        "reference",
        "reference",
        "NAME|PATH",
        "chosen from the backends that run",
        "What the models must agree with: a backend, another .onnx file that runs in the same backend, or the source "
        "that they were converted from (.pth, .pt, .pt2, .pb, .meta, .keras, .h5, .tflite, a SavedModel's folder).",
        '"weights/rfb.pth"',
    ),
    Option(
        "loader",
        "loader",
        "MODULE:CALLABLE",
        "none",
        "Builds the module of a source that holds only weights, for sources that name no loader themselves; called "
        "without arguments.",
        '"models.ulfd:build_rfb"',
    ),
    Option(
        "trust",
        "trusted",
        "NAME",
        "none",
        "Name that a pickled source may refer to beyond plain weights, such as models.net.Net or torch.nn.*; "
        "repeatable or separated by commas.",
        '["models.net.*"]',
        "linelist",
        True,
    ),
    Option(
        "batch",
        "batch",
        "SIZES",
        "sizes that the model's own batch size suggests",
        "Batch sizes to try, separated by commas.",
        "[1, 3, 10]",
        "linelist",
    ),
    Option(
        "require",
        "required",
        "NAME",
        "none",
        "Backend that must run: absent, it is a failure, not a skip; repeatable or separated by commas.",
        '["ort-cuda"]',
        "linelist",
        True,
    ),
    Option(
        "rtol",
        "rtol",
        "NUMBER",
        "by the output's dtype",
        "Relative tolerance of parity, for every model and output.",
        "1e-3",
    ),
    Option(
        "atol",
        "atol",
        "NUMBER",
        "by the output's dtype",
        "Absolute tolerance of parity, for every model and output.",
        "1e-5",
    ),
    Option(
        "lock",
        "lock",
        "use|write|ignore",
        "use",
        "Tolerances of onnxaccel.lock.toml beside the manifest or in the rootdir: the limits where the file exists; "
        "write measures them and writes the file.",
        '"ignore"',
    ),
    Option("seed", "seed", "INTEGER", "0", "Seed of the random inputs.", "7"),
    Option(
        "timeout",
        "timeout_s",
        "DURATION",
        "120s",
        "Time limit of each stage of a worker (load, run), such as 30s or 2min; a bare number is in seconds.",
        '"2min"',
    ),
    Option(
        "memory",
        "memory_bytes",
        "SIZE",
        "most of the machine's memory",
        "Memory limit of a worker, such as 8GB or 512MiB.",
        '"8GB"',
    ),
    Option(
        "report",
        "report",
        "FILE",
        "none",
        "Write the results to FILE; the format follows the extension (.json).",
        '"onnxaccel.json"',
    ),
    Option(
        "inconclusive",
        "inconclusive",
        "warn|fail|skip",
        "warn",
        "What a measurement that cannot decide does to the test: warn lets it pass with a warning.",
        '"fail"',
    ),
    Option(
        "hygiene",
        "hygiene",
        "warn|fail",
        "warn",
        "What findings of the hygiene check do to the test.",
        '"fail"',
    ),
    Option(
        "localise",
        "localise",
        "yes|no",
        "yes",
        "Whether a failed parity check names the node where the two sides part and the odd engine, and saves the case.",
        '"no"',
    ),
    Option(
        "budget",
        "budget",
        "KEY=VALUE",
        "none",
        "Latency budget of every model: p50, p95 or p99=DURATION, speedup_over=BACKEND:FACTOR, "
        "regression=PERCENT[ git:REVISION], scenario, threads=N, advise, inconclusive; repeatable.",
        '["p95=12ms", "threads=1"]',
        "linelist",
        True,
    ),
    Option(
        "advise",
        "advise",
        "DIR",
        "off",
        "Try what would make each model faster, and print what is certain to; with DIR, write the faster model there.",
        '"advice"',
        bare="true",
    ),
    Option(
        "python",
        "pythons",
        "NAME=PATH",
        "the environment that `python -m pytest_onnxaccel env NAME` built",
        "Interpreter of a backend's own environment, such as onnx-tf=/opt/onnx-tf/bin/python; repeatable.",
        '["onnx-tf=/opt/onnx-tf/bin/python"]',
        "linelist",
        True,
    ),
    Option(
        "fuzz-examples",
        "fuzz_examples",
        "NUMBER",
        "100",
        "Random images that each pair of preprocessing functions is compared on, after the fixed ones.",
        "500",
    ),
    Option(
        "fuzz-profile",
        "fuzz_profile",
        "ci|nightly",
        "ci",
        "Which random images: ci takes the same ones every time, nightly takes others.",
        '"nightly"',
    ),
    Option(
        "fuzz-corpus",
        "fuzz_corpus",
        "FOLDER",
        "none",
        "Folder of reduced images (.npz) of past failures: replayed first, and new ones are added.",
        '"tests/corpus"',
    ),
    Option(
        "in-process",
        "in_process",
        "",
        "off",
        "Run backends in the pytest process, for a debugger: no time or memory limit, a crash ends the run.",
        "true",
        "bool",
    ),
)

BY_NAME = {option.name: option for option in OPTIONS}


def add_options(parser: pytest.Parser) -> None:
    """Declare every option of the table and its ini twin; the body of ``pytest_addoption``."""
    group = parser.getgroup("onnxaccel", "ONNX model validation (pytest-onnxaccel)")
    for option in OPTIONS:
        text = f"{option.help} Default: {option.default}."
        if option.ini == "bool":
            group.addoption(option.flag, dest=option.key, action="store_true", default=None, help=text)
        else:
            group.addoption(
                option.flag,
                dest=option.key,
                action="append" if option.repeat else "store",
                default=None,
                metavar=option.metavar,
                help=text,
                **({"nargs": "?", "const": option.bare} if option.bare else {}),
            )
        parser.addini(option.key, option.help, type=option.ini, default=None)


def given(config: pytest.Config, option: Option) -> Given | None:
    """What the user gave for *option*, the command line first; None when nothing was given.

    Raises:
        pytest.UsageError: the ini value is of a type that pytest itself cannot read.
    """
    value = config.getoption(option.key, default=None)
    if value is not None:
        return Given(value, option.flag, config.invocation_params.dir)
    value = _ini(config, option)
    if value is None:
        return None
    overrides = config.getoption("override_ini", default=None) or ()
    if any(text.split("=", 1)[0] == option.key for text in overrides) or config.inipath is None:
        return Given(value, f"-o {option.key}", config.invocation_params.dir)
    return Given(value, f"{config.inipath.name}: {option.key}", config.inipath.parent)


def swallowed(config: pytest.Config, option: Option) -> str:
    """What *option*, which may stand without a value, took for its value although it stood alone; empty if nothing.

    argparse gives the word behind it to it, which is the path of a test more often than not.
    """
    words = [str(word) for word in config.invocation_params.args]
    pairs = pairwise(words)
    value = config.getoption(option.key, default=None)
    return next((word for flag, word in pairs if option.bare and flag == option.flag and word == value), "")


def is_active(config: pytest.Config) -> bool:
    """Whether the run has models: an option, an ini key or a manifest names some."""
    if any(given(config, BY_NAME[name]) is not None for name in ("model", "manifest")):
        return True
    return usual_manifest(config) is not None


def usual_manifest(config: pytest.Config) -> Path | None:
    """The manifest in pytest's rootdir, else in the folder that pytest was started in."""
    for folder in (config.rootpath, config.invocation_params.dir):
        if os.path.lexists(folder / MANIFEST_NAME):
            return folder / MANIFEST_NAME
    return None


def is_configured(config: pytest.Config) -> bool:
    """Whether the user gave anything at all, so that settings are to be read and wrong values reported."""
    return is_active(config) or any(given(config, option) is not None for option in OPTIONS)


def _ini(config: pytest.Config, option: Option) -> Any:
    """The ini value, also where TOML holds a number or a bare string that pytest's ini types refuse."""
    try:
        return config.getini(option.key)
    except (TypeError, ValueError, pytest.UsageError) as error:
        value = _native(config.inipath, option.key)
        if value is None:
            where = f"{config.inipath.name}: " if config.inipath else "-o "
            raise pytest.UsageError(f"{where}{option.key}: {error}") from None
        return value


def _native(inipath: Path | None, key: str) -> Any:
    """*key* as TOML types it: ``[tool.pytest]`` of pyproject.toml or ``[pytest]`` of pytest.toml."""
    if inipath is None or inipath.suffix != ".toml":
        return None
    import tomllib

    data: dict[str, Any] = tomllib.loads(inipath.read_text(encoding="utf-8"))
    table: dict[str, Any] = data.get("tool", {}).get("pytest") or data.get("pytest", {})
    return table.get(key)
