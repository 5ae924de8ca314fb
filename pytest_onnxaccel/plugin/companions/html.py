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

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_row(self, report: pytest.TestReport, cells: list[str]) -> None:
        if not self._is_there or not cells:
            return
        lines = "<br>".join(escape(row.text()) for row in rows(getattr(report, "user_properties", ())))
        cells.insert(_PLACE, f'<td class="col-onnx">{lines}</td>')
