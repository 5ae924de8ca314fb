"""A result on its way: into a test item's ``user_properties``, which pytest-xdist carries, and out of its report."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import pytest

from pytest_onnxaccel.core.printing import breakable, printable
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.plugin import KEY
from pytest_onnxaccel.plugin.companions import allure
from pytest_onnxaccel.plugin.failed import fail
from pytest_onnxaccel.plugin.faults import shows_tracebacks
from pytest_onnxaccel.runner.check_table import exclusive

#: Where a skip of ours seems to come from.
_PACKAGE = str(Path(__file__).parents[2])
#: Of an item: when its latency check cannot decide, it is run once more.
AGAIN = pytest.StashKey[bool]()


class OnnxAccelWarning(pytest.PytestWarning):
    """A finding that does not fail a test: hygiene, or a measurement that cannot decide."""


def record(item: pytest.Item, result: CheckResult) -> CheckResult:
    """Attach *result* to *item*: once as JSON, and as flat properties for JUnit."""
    from pytest_onnxaccel.report.junit import properties

    result = result.with_(nodeid=item.nodeid)
    item.user_properties.append((KEY, result.dumps()))
    item.user_properties.extend(properties(result))
    allure.tell(item, result)
    if result.traceback and shows_tracebacks(item.config):
        item.add_report_section("call", f"traceback of {result.check}", "\n".join(result.traceback))
    return result


def recorded(report: pytest.TestReport) -> list[CheckResult]:
    """Return the results that *report* carries."""
    return [CheckResult.loads(text) for text in texts(report)]


def texts(report: pytest.TestReport) -> list[str]:
    """Return the results that *report* carries, each in JSON."""
    return [str(value) for name, value in report.user_properties if name == KEY]


def expected(report: pytest.TestReport) -> None:
    """Let the failed results of *report* say that pytest expects them, where it does."""
    reason = getattr(report, "wasxfail", None)
    if reason is None or report.outcome != "skipped":
        return
    report.user_properties = [
        (name, _xfailed(str(value), str(reason)) if name == KEY else value) for name, value in report.user_properties
    ]


def _xfailed(text: str, reason: str) -> str:
    result = CheckResult.loads(text)
    said = reason.removeprefix("reason: ") or "xfail"
    # A known fault of the manifest says itself why it is accepted
    return result.with_(xfail=said).dumps() if result.verdict is Verdict.FAILED and not result.xfail else text


def placed(item: pytest.Item, report: pytest.TestReport) -> None:
    """Let a skip of ours name the test's file, not the line of ours that raised it."""
    where = report.longrepr
    if report.skipped and isinstance(where, tuple) and len(where) == 3 and str(where[0]).startswith(_PACKAGE):
        report.longrepr = (str(item.reportinfo()[0]), None, where[2])  # type: ignore[assignment]


def forget(item: pytest.Item) -> None:
    """Take away what *item* recorded: a test that is run again has one result for each check.

    At its end as well: its report has it, and items stay in memory as long as the run.
    """
    from pytest_onnxaccel.report.junit import PREFIX

    if item.user_properties:
        item.user_properties[:] = [
            pair for pair in item.user_properties if pair[0] != KEY and not pair[0].startswith(PREFIX)
        ]


def flat(report: pytest.TestReport) -> None:
    """Leave the flat properties alone in *report*, for JUnit and whatever else prints them."""
    from pytest_onnxaccel.report.junit import PREFIX, shared

    report.user_properties = [
        shared(*pair) if pair[0].startswith(PREFIX) else pair for pair in report.user_properties if pair[0] != KEY
    ]


def shorten(report: pytest.TestReport) -> None:
    """Leave the first line of a failure of ours in the attribute that JUnit gives it; all of it stands in its text."""
    crash = getattr(report.longrepr, "reprcrash", None)
    if report.failed and crash is not None and any(name == KEY for name, _ in report.user_properties):
        crash.message = printable(crash.message.partition("\n")[0])


def is_open(results: Sequence[CheckResult]) -> bool:
    """Return a second measurement may decide: no check of the test failed, and its latency check could not tell."""
    # What no second measurement can decide (sizes that nobody gave) says so by "settled"
    waits = [result for result in results if exclusive(result.check) and not result.figures.get("settled")]
    undecided = any(result.verdict is Verdict.INCONCLUSIVE for result in waits)
    return undecided and not any(result.verdict is Verdict.FAILED for result in results)


def conclude(
    results: list[CheckResult], inconclusive: str, latency: str | None = None, item: pytest.Item | None = None
) -> None:
    """End a test by its results.

    A failure fails it; a known fault that the user accepts is an expected failure; an inconclusive check does what the
    user chose; a test whose checks are all not applicable is skipped.

    Args:
        results: all of the test.
        inconclusive: ``warn``, ``fail`` or ``skip``.
        latency: the same for a latency check whose budget says so.
        item: the test. One that is run once more says nothing yet: a warning would outlive what it is about.
    """
    __tracebackhide__ = True
    if item is not None and item.stash.get(AGAIN, False) and is_open(results):
        return
    from pytest_onnxaccel.report.failure_text import failure_lines

    for result in results:
        for warning in result.warnings:
            _warn(result, warning)
    failed = [r for r in results if r.verdict is Verdict.FAILED and not r.expected]
    known = [f"known fault: {r.xfail} ({r.code} {r.message})" for r in results if r.expected]
    undecided = [r for r in results if r.verdict is Verdict.INCONCLUSIVE]
    policies = [(r, (latency if exclusive(r.check) else None) or inconclusive) for r in undecided]
    failed += [r for r, policy in policies if policy == "fail"]
    if failed:
        fail(failed, [line for r in failed for line in failure_lines(r)])
    if known:
        pytest.xfail(breakable("; ".join(known)))
    if skipped := [r.message for r, policy in policies if policy == "skip"]:
        pytest.skip(breakable(_of(item, results) + "inconclusive: " + "; ".join(skipped)))
    for result in undecided:
        _warn(result, f"inconclusive: {result.message}")
    if results and all(r.verdict is Verdict.NOT_APPLICABLE for r in results):
        pytest.skip(breakable(_of(item, results) + "not applicable: " + "; ".join(r.message for r in results)))


def _of(item: pytest.Item | None, results: Sequence[CheckResult]) -> str:
    """Return the model that *results* are of, where pytest does not print its file: that of a test is printed."""
    return f"{results[0].model}: " if isinstance(item, pytest.Function) else ""


def _warn(result: CheckResult, text: str) -> None:
    """Warn with the model's name instead of a line of this file."""
    message = OnnxAccelWarning(f"{result.check}: {text}")
    warnings.warn_explicit(message, OnnxAccelWarning, filename=result.model, lineno=0)
