"""Starts the first worker before anything else of ours is even imported, where the run will want one."""

from __future__ import annotations

import contextlib
import sys

import pytest

from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.isolation.staging.run_folder import Staging
from pytest_onnxaccel.plugin.options import read as options

#: Arguments that make a run one that only looks, or that leaves the checks to other processes.
_LOOKS = ("--collect-only", "--co", "-h", "--help", "--version", "-V", "-n", "--fixtures", "--markers")

_SANDBOX = options.BY_NAME["sandbox"].flag
#: Under this key an xdist worker is told the folder of the run's leases and lifeline.
LEASES = "onnxaccel_leases"

#: What was started on the word of the command line, until the configured run takes it over.
_hinted: list[Staging] = []


def start_at_a_hint() -> None:
    """Start a worker when the command line names a model: pytest itself needs a while until it has read it."""
    given = [argument.partition("=")[0] for argument in sys.argv[1:]]
    if "--onnx-model" in given and not any(argument in _LOOKS for argument in given):
        _hinted.extend(filter(None, [_started(None, f"{_SANDBOX}=off" not in sys.argv)]))


def prestart(config: pytest.Config) -> Staging | None:
    """Return the run's private folder with a worker that is starting; None where no check will run in this process."""
    only_looks = config.option.collectonly or getattr(config.option, "help", False)
    controls = config.getoption("dist", "no") != "no" and not hasattr(config, "workerinput")
    local = options.given(config, options.BY_NAME["in-process"]) is not None
    if only_looks or controls or local or not options.is_active(config):
        drop_hinted()
        return None
    confined = _confined(config)
    if _hinted and not _hinted[0].suits(confined):
        drop_hinted()
    return _hinted.pop() if _hinted else _started(shared_folder(config), confined)


def _confined(config: pytest.Config) -> bool:
    answer = options.given(config, options.BY_NAME["sandbox"])
    return answer is None or answer.value != "off"


def shared_folder(config: pytest.Config) -> str | None:
    """Return the folder that an xdist worker shares with its run; None in a process that is alone."""
    folder = getattr(config, "workerinput", {}).get(LEASES)
    return None if folder is None else str(folder)


def process_number(config: pytest.Config) -> int | None:
    """Return the number of an xdist worker, 0 for ``gw0``; None in a process that is alone."""
    number = str(getattr(config, "workerinput", {}).get("workerid", "")).removeprefix("gw")
    return int(number) if number.isdecimal() else None


def drop_hinted() -> None:
    """End what was started in vain."""
    while _hinted:
        _hinted.pop().close()


def _started(controller: str | None, confined: bool) -> Staging | None:
    """Start the worker; return None where that fails (a full disk, no process left): the first check says why."""
    try:
        staging = Staging(controller)
    except (OSError, OnnxAccelError):
        return None
    with contextlib.suppress(OnnxAccelError):
        staging.prestart(confined)
    return staging
