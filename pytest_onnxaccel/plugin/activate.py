"""Makes a run ours: settings are read once, and the hooks that only such a run needs are registered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.isolation.staging.run_folder import Staging
from pytest_onnxaccel.plugin.options.read_settings import read_settings
from pytest_onnxaccel.plugin.state import STATE, State

if TYPE_CHECKING:
    from pytest_onnxaccel.plugin.hooks import Hooks

_HOOKS = "onnxaccel-hooks"


def activate(config: pytest.Config, staging: Staging | None = None) -> State:
    """Return the state of this run, made at the first call.

    Args:
        config: that of the run.
        staging: where a worker was started ahead.

    Raises:
        pytest.UsageError: a setting that cannot be used.
    """
    if STATE not in config.stash:
        from pytest_onnxaccel.plugin.companions.html import HtmlColumn
        from pytest_onnxaccel.plugin.hooks import Hooks
        from pytest_onnxaccel.plugin.interruption.signals import Signals
        from pytest_onnxaccel.plugin.interruption.unfinished import Unfinished
        from pytest_onnxaccel.plugin.items.by_model import ByModel
        from pytest_onnxaccel.plugin.live import Live

        config.stash[STATE] = state = State(config, read_settings(config), staging)
        config.pluginmanager.register(Hooks(state), _HOOKS)
        config.pluginmanager.register(HtmlColumn())
        config.pluginmanager.register(ByModel(state))
        config.pluginmanager.register(Unfinished(state))
        config.pluginmanager.register(Live(state))
        config.pluginmanager.register(Signals(config))
        if state.settings.baseline and not hasattr(config, "workerinput"):
            from pytest_onnxaccel.report.run_report import read_report

            try:
                state.baseline = read_report(state.settings.baseline)
            except ConfigError as error:
                raise pytest.UsageError(str(error)) from None
    return config.stash[STATE]


def activate_by(config: pytest.Config, report: pytest.TestReport) -> None:
    """Make a run ours that proves to be by *report*, which carries a result.

    Raises:
        pytest.UsageError: a setting that cannot be used.
    """
    if STATE not in config.stash:
        activate(config)
        # Hooks that are registered while a hook is called are not called by it
        hooks: Hooks | None = config.pluginmanager.get_plugin(_HOOKS)
        assert hooks is not None
        hooks.take_in(report)
