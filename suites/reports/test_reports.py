"""Public bug reports, rebuilt: the right verdict, the right node, the right one accused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from pytest_onnxaccel.backends.protocol import GROUP
from pytest_onnxaccel.core import registry
from pytest_onnxaccel.core.results import CheckResult
from suites.localise.conftest import check  # noqa: F401
from suites.reports import engines, files
from suites.reports.making import REPORTS, Made, Report

assert engines, "it puts its reports on the list"
assert files, "and so does this"


@pytest.fixture
def run(check: Any) -> Iterator[Any]:  # noqa: F811
    with ExitStack() as stack:

        def one(report: Report, made: Made, crooked: bool) -> CheckResult:
            for name, made_by in (report.engines if crooked else {}).items():
                point = EntryPoint(name, f"{made_by.__module__}:{made_by.__name__}", GROUP)
                before = registry.replace(GROUP, name, point)
                stack.callback(registry.replace, GROUP, name, before)
            candidate, reference = made
            both = (report.backend, reference) if reference in ("ort-cpu", "reference") else (report.backend,)
            return check(candidate, reference, report.backend, tuple(dict.fromkeys(both)))

        yield one


def told(result: CheckResult) -> str:
    return "\n".join([result.message, *result.details])


@pytest.mark.parametrize("report", REPORTS.values(), ids=lambda report: report.name)
def test_the_verdict_the_node_and_who_is_accused(run: Any, report: Report) -> None:
    result = run(report, report.make(), crooked=True)
    text = told(result)
    assert (result.verdict.value.replace("_", " "), result.code) == (report.verdict, report.code), text
    for name in report.names:
        assert name in result.message, text
    for part in report.says:
        assert part in text, text
    for part in report.never:
        assert part not in text, text
    assert tuple(result.figures.get("blame", {}).get("wrong", ())) == report.wrong, text


@pytest.mark.parametrize("report", [r for r in REPORTS.values() if r.twin], ids=lambda report: report.name)
def test_without_the_fault_it_passes(run: Any, report: Report) -> None:
    assert report.twin is not None
    result = run(report, report.twin(), crooked=False)
    assert result.verdict.value == "passed", told(result)


def test_there_are_enough_of_them() -> None:
    assert len(REPORTS) >= 26
