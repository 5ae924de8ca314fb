"""A column of pytest-html's table: what the checks of a row's test found."""

from __future__ import annotations

from html import escape

import pytest

from pytest_onnxaccel.report.row_text import rows

#: The new column stands before the last one, the links.
_PLACE = -1


class HtmlColumn:
    """Hooks of pytest-html, where it is installed; figures and messages come from a model, so they are escaped."""

    def __init__(self) -> None:
        # A run that becomes ours after the table was begun has no column
        self._is_there = False

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_header(self, cells: list[str]) -> None:
        self._is_there = True
        cells.insert(_PLACE, "<th>ONNX checks</th>")

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_html_results_table_row(self, report: pytest.TestReport, cells: list[str]) -> None:
        # pytest-html writes an id as it is, and the name of a model's file is part of ours
        shown = report.nodeid + ("" if report.when == "call" else f"::{report.when}")
        raw = f'<td class="col-testId">{shown}</td>'
        cells[:] = [cell if cell != raw else f'<td class="col-testId">{escape(shown)}</td>' for cell in cells]
        if not self._is_there or not cells:
            return
        lines = "<br>".join(escape(row.text()) for row in rows(getattr(report, "user_properties", ())))
        cells.insert(_PLACE, f'<td class="col-onnx">{lines}</td>')
