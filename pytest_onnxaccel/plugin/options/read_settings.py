"""Reads the settings of a run: every option once, checked, with the manifest and the lock file."""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_onnxaccel.config import lockfile
from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.pair_specs import FoldSpec, PreprocessingSpec
from pytest_onnxaccel.core.specs import ModelSpec
from pytest_onnxaccel.plugin.options import parsers as values
from pytest_onnxaccel.plugin.options.model_paths import expand
from pytest_onnxaccel.plugin.options.read import OPTIONS, Given, given, model_arguments, swallowed, usual_manifest
from pytest_onnxaccel.plugin.options.rootdir import ignored_config
from pytest_onnxaccel.plugin.options.settings import DEFAULT, Settings
from pytest_onnxaccel.plugin.options.with_options import checked, with_options


def read_settings(config: pytest.Config) -> Settings:
    """Return every option, the command line before the ini file, checked.

    Raises:
        pytest.UsageError: one line for the first value that cannot be used.
    """
    try:
        settings = _read(config)
    except ConfigError as error:
        raise pytest.UsageError(str(error)) from None
    if ignored := ignored_config(config):
        config.issue_config_time_warning(pytest.PytestConfigWarning(ignored), stacklevel=2)
    return settings


def _read(config: pytest.Config) -> Settings:
    found = {option.field: answer for option in OPTIONS if (answer := given(config, option)) is not None}
    for option in OPTIONS:
        if word := swallowed(config, option):
            remedy = f"write {option.flag}={word} if that is meant, else put {option.flag} last"
            raise ConfigError(f"{option.flag} took {word!r} for its value", remedy=remedy)
    origins = {option.field: DEFAULT for option in OPTIONS}
    origins |= {name: answer.origin for name, answer in found.items()}
    parsed = {name: values.parse(name, answer) for name, answer in found.items() if name != "models"}
    usual = usual_manifest(config)
    if "manifest" not in parsed and usual is not None:
        parsed["manifest"] = str(usual)
        origins["manifest"] = "found there"
    settings = _with_lock(Settings(**parsed, origins=origins), config.rootpath)
    if settings.sandbox == "require":
        from pytest_onnxaccel.isolation.confinement.level import insist

        insist(settings.sandbox, settings.in_process, settings.origin("sandbox"))
    pairs: Sequence[PreprocessingSpec] = ()
    folds: Sequence[FoldSpec] = ()
    if settings.manifest:
        from pytest_onnxaccel.config.manifest import (  # with tomllib, which runs without one need not wait for
            read_backends,
            read_folds,
            read_preprocessing,
        )

        pairs = read_preprocessing(settings.manifest)
        folds = read_folds(settings.manifest)
        if tables := read_backends(settings.manifest):
            from pytest_onnxaccel.plugin.options.provider_options import declared, merged

            own = declared(tables, Path(settings.manifest).name)
            settings = replace(settings, providers=merged(own, dict(settings.providers)))
    if "reference" in found:
        settings = replace(settings, reference_shown=str(found["reference"].value))
    if "baseline" in found:
        settings = replace(settings, baseline_shown=str(found["baseline"].value))
    settings = _strict(settings)
    files = model_arguments(config)
    settings = replace(settings, arguments=frozenset(map(str, files)))
    models = _models(settings, found, [str(file) for file in files])
    if settings.origin("providers").startswith("--"):
        from pytest_onnxaccel.plugin.options.provider_options import refuse_idle

        try:
            refuse_idle(list(parsed["providers"]), settings, models)
        except ConfigError as error:
            raise error.about(settings.origin("providers")) from None
    named = _named(models, found)
    return replace(settings, models=models, preprocessing=tuple(pairs), folds=tuple(folds), named=named)


def _strict(settings: Settings) -> Settings:
    """Return *settings* with what ``--onnx-strict`` stands for, where no option says otherwise."""
    if not settings.strict:
        return settings
    inconclusive = settings.inconclusive if settings.origin("inconclusive") != DEFAULT else "fail"
    hygiene = settings.hygiene if settings.origin("hygiene") != DEFAULT else "fail"
    required = tuple(dict.fromkeys((*settings.required, *settings.backends)))
    return replace(settings, inconclusive=inconclusive, hygiene=hygiene, required=required)


def _named(models: Sequence[ModelSpec], found: Mapping[str, Given]) -> frozenset[str]:
    asked = found.get("models")
    if asked is None:
        return frozenset()
    paths = {spec.path for spec in expand(values.models(asked), asked.base, asked.origin)}
    return frozenset(spec.name for spec in models if spec.path in paths)


def _with_lock(settings: Settings, root: Path) -> Settings:
    """Return *settings* with the lock file's place, and its content where that is to be used or kept."""
    folder = Path(settings.manifest).parent if settings.manifest else root
    file = folder / lockfile.LOCK_NAME
    used = settings.lock != "ignore" and file.exists()
    return replace(settings, lock_file=str(file), locked=lockfile.read(file) if used else {})


def _models(settings: Settings, found: Mapping[str, Given], files: Sequence[str]) -> tuple[ModelSpec, ...]:
    """Return the manifest's models and those asked for, with what the options say in them."""
    declared: list[ModelSpec] = []
    if settings.manifest:
        from pytest_onnxaccel.config.manifest import read

        declared = [checked(spec) for spec in read(Path(settings.manifest))]
    specs: tuple[ModelSpec, ...] = tuple(declared)
    asked = found.get("models")
    if asked is not None:
        specs = expand(values.models(asked), asked.base, asked.origin, declared)
    if files:
        specs = expand([glob.escape(file) for file in files], Path(), "argument", specs)
    return tuple(with_options(spec, settings) for spec in specs)
