"""The column of pytest-html: nothing of a model's is written as it is. The whole page is tried in suites/companions."""

from __future__ import annotations

import pytest

from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.plugin.companions.html import HtmlColumn
from pytest_onnxaccel.report.junit import properties

HOSTILE = "<img src=x onerror=alert(1)>"


def row(nodeid: str, when: str = "call", begun: bool = True) -> list[str]:
    column = HtmlColumn()
    if begun:
        heads = ["<th>Test</th>", "<th>Links</th>"]
        column.pytest_html_results_table_header(heads)
        assert heads == ["<th>Test</th>", "<th>ONNX checks</th>", "<th>Links</th>"]
    result = CheckResult("net", "parity", Verdict.FAILED, "V_PARITY", f"output {HOSTILE!r} is off")
    report = pytest.TestReport(nodeid, ("a", 0, "a"), {}, "failed", None, when, user_properties=properties(result))
    shown = nodeid + ("" if when == "call" else f"::{when}")
    cells = [f'<td class="col-testId">{shown}</td>', "<td></td>"]
    column.pytest_html_results_table_row(report, cells)
    return cells


@pytest.mark.parametrize("when", ["call", "setup"])
def test_names_and_messages_of_a_model_are_escaped(when: str) -> None:
    test, checks, _ = row(f"{HOSTILE}.onnx::parity", when)
    assert "<img" not in test + checks
    assert "&lt;img src=x onerror=alert(1)&gt;.onnx::parity" in test
    assert "failed (V_PARITY); output" in checks


def test_a_plain_id_stays() -> None:
    assert row("net.onnx::parity[ort-cpu]")[0] == '<td class="col-testId">net.onnx::parity[ort-cpu]</td>'


def test_a_table_that_was_begun_without_the_column_gets_no_cell() -> None:
    assert len(row("net.onnx::parity", begun=False)) == 2
