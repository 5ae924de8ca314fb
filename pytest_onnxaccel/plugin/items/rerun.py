"""A latency check that cannot decide is run once more at the end of the session: by then a neighbour may have left.

The first, undecided run of such a test is reported as *deferred*, neither a pass nor a failure; its second run,
with nothing after it, is the test's outcome. Under pytest-xdist each worker does so when its own tests are done.
"""

from __future__ import annotations

import pytest

from pytest_onnxaccel.core.results import Verdict
from pytest_onnxaccel.plugin import KEY
from pytest_onnxaccel.plugin.items.collect import CheckItem
from pytest_onnxaccel.plugin.items.results import recorded
from pytest_onnxaccel.plugin.markers import table as marker_table
from pytest_onnxaccel.runner.check_table import exclusive

#: Outcome of a report whose test is run again; pytest's own are passed, failed and skipped.
DEFERRED = "deferred"


class Deferral:
    """Which tests of this process are run again; of a deferred try neither outcome nor figures count."""

    def __init__(self) -> None:
        self._waiting: list[pytest.Item] = []
        self._last = False
        #: Properties that the test had before it ran
        self._before: list[tuple[str, object]] = []

    def begin(self, item: pytest.Item) -> None:
        """Begin *item*."""
        self._before = list(item.user_properties)

    def judge(self, item: pytest.Item, report: pytest.TestReport) -> None:
        """Change the *report* of a try that cannot decide, and have *item* wait for its second one."""
        if self._last or not _timed(item):
            return
        if report.when == "call" and _undecided(report):
            report.outcome = DEFERRED  # type: ignore[assignment]
            self._waiting.append(item)
        if self._waits(item):
            report.user_properties = list(self._before)
            if report.when == "teardown" and report.passed:
                report.when = DEFERRED  # type: ignore[assignment] # with its teardown JUnit would close the test

    def end(self, item: pytest.Item) -> None:
        """End *item* after it was run."""
        if self._waits(item):
            item.user_properties[:] = self._before

    def waits_for(self, item: pytest.Item) -> bool:
        """Return whether *item* will be run once more."""
        return item in self._waiting

    def _waits(self, item: pytest.Item) -> bool:
        return bool(self._waiting) and self._waiting[-1] is item

    def finish(self, session: pytest.Session) -> None:
        """Run what waits, each once; called when everything else is done."""
        self._last = True
        while self._waiting and not (session.shouldfail or session.shouldstop):
            item = self._waiting.pop(0)
            following = self._waiting[0] if self._waiting else None
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)


def _timed(item: pytest.Item) -> bool:
    """Return whether *item* is a latency check, or a test with a latency budget."""
    if isinstance(item, CheckItem):
        return exclusive(item.check_request.check)
    return item.get_closest_marker("latency_budget") is not None and marker_table.marked(item)


def _undecided(report: pytest.TestReport) -> bool:
    """Return whether no check of the test failed, and its latency check could not decide."""
    if not any(name == KEY for name, _ in report.user_properties):
        return False
    found = recorded(report)
    # What no second measurement can decide (sizes that nobody gave) says so by "settled"
    waits = [result for result in found if exclusive(result.check) and not result.figures.get("settled")]
    open_ = any(result.verdict is Verdict.INCONCLUSIVE for result in waits)
    return open_ and not any(result.verdict is Verdict.FAILED for result in found)
