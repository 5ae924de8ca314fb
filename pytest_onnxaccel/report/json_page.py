"""The JSON report of a run, as the other formats are made: from a report as an object."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_onnxaccel.report.json_report import text_of

if TYPE_CHECKING:
    from pytest_onnxaccel.report.run_report import RunReport


def render(report: RunReport) -> str:
    """Return the JSON file of *report*."""
    return text_of(report.to_json())
