"""The death of a whole xdist worker in one of our checks: pytest-xdist's report of it becomes a result, too."""

from __future__ import annotations

import pytest

from pytest_onnxaccel.core.errors import BackendCrashed
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.plugin import KEY
from pytest_onnxaccel.plugin.items.collect import item_name
from pytest_onnxaccel.plugin.items.rerun import DEFERRED
from pytest_onnxaccel.plugin.state import State
from pytest_onnxaccel.report.junit import properties


def is_crash(report: pytest.TestReport) -> bool:
    """Return whether the report belongs to no phase of a test, but says that its process died."""
    return report.failed and report.when not in ("setup", "call", "teardown", DEFERRED)


def tell_crash(report: pytest.TestReport, state: State) -> None:
    """Give *report* the result of the built-in check that it is about; nothing where it is about another test."""
    for spec in state.settings.models:
        if not report.nodeid.startswith(f"{spec.name}::"):
            continue
        for request in state.plan(spec.name).requests():
            if report.nodeid == f"{spec.name}::{item_name(request)}":
                error = BackendCrashed(
                    "the pytest-xdist worker that ran this check died",
                    subject=spec.name,
                    remedy="run it without -n, and look for what ends processes here",
                )
                result = CheckResult(
                    spec.name,
                    request.check,
                    Verdict.FAILED,
                    error.code,
                    str(error),
                    request.backend,
                    request.reference.rpartition("/")[2],
                    request.batch,
                    nodeid=report.nodeid,
                )
                report.user_properties += [(KEY, result.dumps()), *properties(result)]
                return


def end_of(report: pytest.TestReport) -> pytest.TestReport:
    """Report the end of a test whose process died: pytest's JUnit file takes properties at the end."""
    made = pytest.TestReport(
        report.nodeid, report.location, {}, "passed", None, "teardown", user_properties=report.user_properties
    )
    made.node = getattr(report, "node", None)  # type: ignore[attr-defined] # as pytest-xdist has it
    return made
