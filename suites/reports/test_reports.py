"""Public bug reports, rebuilt: the right verdict, the right node, the right one accused."""

from __future__ import annotations

from pathlib import Path

import pytest

from suites.reports.making import Report
from suites.reports.run import REPORTS, by_others, complaints, judged


@pytest.mark.parametrize("report", REPORTS.values(), ids=lambda report: report.name)
def test_the_verdict_the_node_and_who_is_accused(report: Report, tmp_path: Path) -> None:
    result = judged(report, report.make(), True, tmp_path)
    assert complaints(report, result) == [], "\n".join([result.message, *result.details])


@pytest.mark.parametrize("report", [r for r in REPORTS.values() if r.twin], ids=lambda report: report.name)
def test_without_the_fault_it_passes(report: Report, tmp_path: Path) -> None:
    assert report.twin is not None
    result = judged(report, report.twin(), False, tmp_path)
    assert result.verdict.value == "passed", "\n".join([result.message, *result.details])


def test_there_are_enough_of_them() -> None:
    assert len(REPORTS) >= 26


def test_complaints_are_made(tmp_path: Path) -> None:
    """A right result of one report is a wrong one of another."""
    report = REPORTS["padding counted by one runtime"]
    assert report.twin is not None
    result = judged(report, report.twin(), False, tmp_path)
    assert len(complaints(report, result)) == 4


def test_others_get_the_same_files(tmp_path: Path) -> None:
    report = REPORTS["padding counted by one runtime"]
    assert set(by_others(report, report.make(), True, tmp_path).values()) <= {False}
    assert report.twin is not None
    assert set(by_others(report, report.twin(), False, tmp_path).values()) <= {True}
