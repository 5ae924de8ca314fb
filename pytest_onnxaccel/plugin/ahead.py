"""Starts the first worker before anything else of ours is even imported, where the run will want one."""

from __future__ import annotations

import pytest

from pytest_onnxaccel.isolation.staging import Staging
from pytest_onnxaccel.plugin import options


def start_ahead(config: pytest.Config) -> Staging | None:
    """The run's private folder with a worker that is starting; None where no check will run in this process."""
    only_looks = config.option.collectonly or getattr(config.option, "help", False)
    controls = config.getoption("dist", "no") != "no" and not hasattr(config, "workerinput")
    local = options.given(config, options.BY_NAME["in-process"]) is not None
    if only_looks or controls or local or not options.is_active(config):
        return None
    staging = Staging()
    staging.start_ahead()
    return staging
