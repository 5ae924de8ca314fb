"""Figures and message of a check in its row of the page that pytest-html writes."""

from __future__ import annotations

from html import escape

import pytest

from pytest_onnxaccel.report.junit import PREFIX


def figures_table(report: pytest.TestReport) -> str:
    """Return an HTML table of what *report* says of a check; empty where it is of none.

    Args:
        report: with the properties that JUnit gets too.
    """
    found = [(name.removeprefix(PREFIX), str(value)) for name, value in report.user_properties if _ours(name)]
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in found)
    return f"<table>{rows}</table>" if rows else ""


def _ours(name: object) -> bool:
    return isinstance(name, str) and name.startswith(PREFIX)
