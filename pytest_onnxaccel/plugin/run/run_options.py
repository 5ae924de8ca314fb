"""Settings of a run as its runner takes them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pytest_onnxaccel.config.validators import is_function
from pytest_onnxaccel.core.files.failure_folder import FOLDER
from pytest_onnxaccel.core.specs import ModelSpec
from pytest_onnxaccel.isolation.limits import Limits
from pytest_onnxaccel.plugin.options.settings import Settings
from pytest_onnxaccel.plugin.prestart import process_number
from pytest_onnxaccel.runner.request import RunOptions

#: A person's Ctrl-C, and how pytest ends a test or the run: no faults of a check.
LET_THROUGH = (KeyboardInterrupt, pytest.fail.Exception, pytest.skip.Exception, pytest.exit.Exception)


def import_paths(config: pytest.Config) -> tuple[str, ...]:
    """Return folders that loaders are imported from: the rootdir, and pytest's ``pythonpath``."""
    try:
        more = config.getini("pythonpath")
    except (ValueError, KeyError):  # the plugin that reads it is switched off
        more = []
    return tuple(dict.fromkeys(map(str, (config.rootpath, *more))))


def library_places(models: Sequence[ModelSpec], modules: tuple[str, ...]) -> tuple[str, ...]:
    """Return what workers read for libraries of custom operators: the files, or the modules that name them."""
    named = dict.fromkeys(library for spec in models for library in spec.libraries)
    files = [library for library in named if not is_function(library)]
    return (*files, *(modules if len(files) < len(named) else ()))


def run_options(settings: Settings, config: pytest.Config) -> RunOptions:
    """Return what holds for every check of a run with *settings*."""
    memory = settings.memory_bytes
    paths = import_paths(config)
    return RunOptions(
        seed=settings.seed,
        limits=Limits(settings.timeout_s, Limits.default().memory if memory is None else memory),
        pythons=settings.pythons,
        providers=settings.providers,
        cpu_nodes=settings.cpu_nodes,
        required=frozenset(settings.required),
        fail_on_hygiene=settings.hygiene == "fail",
        in_process=settings.in_process,
        locked=settings.locked,
        write_lock=settings.lock == "write",
        root=str(config.rootpath),
        localise=settings.localise == "yes",
        failures=str(config.rootpath / FOLDER),
        advise=settings.advise,
        import_paths=paths,
        sandbox=settings.sandbox,
        readable=(*settings.readable, *library_places(settings.models, paths)),
        env=settings.env,
        let_through=LET_THROUGH,
        process=process_number(config),
    )
