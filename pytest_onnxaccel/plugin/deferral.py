"""A latency check that cannot decide is run once more at the end of the session: by then a neighbour may have left.

The first, undecided run of such a test is reported as *deferred*, neither a pass nor a failure; its second run,
with nothing after it, is the test's outcome. Under pytest-xdist each worker does so when its own tests are done.
"""

from __future__ import annotations

import pytest
from _pytest.runner import runtestprotocol

from pytest_onnxaccel.plugin import KEY, marker_table
from pytest_onnxaccel.plugin.collect import CheckItem
from pytest_onnxaccel.plugin.records import recorded
from pytest_onnxaccel.results import Verdict

#: Outcome of a report whose test is run again; pytest's own are passed, failed and skipped.
DEFERRED = "deferred"


class Deferral:
    """Which tests of this process are run again."""

    def __init__(self) -> None:
        self._waiting: list[pytest.Item] = []
        self._last = False

    def protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Run *item* where it may have to wait for the end; None leaves it to pytest."""
        if self._last or not _timed(item):
            return None
        properties = list(item.user_properties)
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        undecided = [report for report in reports if report.when == "call" and _undecided(report)]
        if undecided and all(report.when == "call" or report.passed for report in reports):
            # Nothing of this try may count: neither its outcome nor its figures
            report = undecided[0]
            report.outcome = DEFERRED  # type: ignore[assignment]
            report.user_properties = [pair for pair in report.user_properties if pair in properties]
            item.user_properties[:] = properties
            reports = undecided
            self._waiting.append(item)
        for report in reports:
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def finish(self, session: pytest.Session) -> None:
        """Run what waits, each once; called when everything else is done."""
        self._last = True
        while self._waiting and not (session.shouldfail or session.shouldstop):
            item = self._waiting.pop(0)
            following = self._waiting[0] if self._waiting else None
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)


def _timed(item: pytest.Item) -> bool:
    """A latency check, or a test with a latency budget."""
    if isinstance(item, CheckItem):
        return item.check_request.check == "latency"
    return item.get_closest_marker("latency_budget") is not None and marker_table.marked(item)


def _undecided(report: pytest.TestReport) -> bool:
    """No check of the test failed, and its latency check could not decide; a test that failed by itself has."""
    if not any(name == KEY for name, _ in report.user_properties):
        return False
    found = recorded(report)
    open_ = any(result.check == "latency" and result.verdict is Verdict.INCONCLUSIVE for result in found)
    return open_ and not any(result.verdict is Verdict.FAILED for result in found)
