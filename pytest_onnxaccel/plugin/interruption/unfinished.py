"""Tests that began and never ended, because the run was interrupted: they have no result, in no report."""

from __future__ import annotations

import pytest

from pytest_onnxaccel.plugin.items.rerun import DEFERRED
from pytest_onnxaccel.plugin.state import State


class Unfinished:
    """Knows which tests are set up and not done, also those of xdist workers, and tells *state* at the end."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._begun: dict[str, None] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "setup" and report.passed:
            self._begun[report.nodeid] = None
        elif report.when not in ("teardown", DEFERRED) and report.outcome != DEFERRED:
            # A try that is deferred is not an end; the death of an xdist worker, a phase of its own, is one
            self._begun.pop(report.nodeid, None)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self._state.unfinished = tuple(self._begun)
        if self._begun:
            drop_cases_without_end(session.config)


def drop_cases_without_end(config: pytest.Config) -> None:
    """Take out of the JUnit file what pytest began for tests that never ended.

    Such a case has neither name nor result, and readers count it as passed.
    """
    for plugin in config.pluginmanager.get_plugins():
        cases = getattr(plugin, "node_reporters_ordered", None)
        if isinstance(cases, list):
            cases[:] = [case for case in cases if getattr(case, "attrs", True)]
