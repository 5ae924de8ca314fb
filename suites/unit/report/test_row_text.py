"""A test's results in a few words, from their flat properties."""

from __future__ import annotations

from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.report.junit import properties
from pytest_onnxaccel.report.row_text import rows

FAILED = CheckResult(
    "net", "parity", Verdict.FAILED, "V_PARITY", "output 'y' is off", "ort-cpu", "torch", 3, figures={"max_abs": 1.5}
)
PASSED = CheckResult("net", "latency", Verdict.PASSED, backend="ort-cpu", figures={"p95_ms": 1.25, "threads": 1})


def test_each_result_of_a_test_is_a_row() -> None:
    found = rows([("other", "x"), *properties(FAILED), *properties(PASSED)])
    assert [row.text() for row in found] == [
        "parity[ort-cpu~torch-b3]: failed (V_PARITY); output 'y' is off; max abs error 1.5",
        "latency[ort-cpu]: passed; p95 1.25 ms, threads 1",
    ]


def test_a_test_of_no_model_has_none() -> None:
    assert rows([("other", "x"), ("onnxaccelerated", "y")]) == []


def test_what_a_model_says_is_harmless() -> None:
    (row,) = rows(properties(FAILED.with_(message="a\x1b[31m\n<b>" + "x" * 5000)))
    assert "\x1b" not in row.text()
    assert "\n" not in row.text()
    assert len(row.text()) < 600
