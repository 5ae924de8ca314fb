"""Findings are warnings, or failures where the user asks for it."""

from __future__ import annotations

from pytest_onnxaccel.checks.hygiene import hygiene
from pytest_onnxaccel.core.results import Verdict

FOUND = [
    {"kind": "float64", "count": 4, "message": "4 values are float64 (x, y, w and 1 more)"},
    {"kind": "training-mode", "count": 1, "message": "1 Dropout nodes drop values at random (d)"},
]


def test_nothing_to_mend() -> None:
    result = hygiene("m", [], [], fail=True)
    assert (result.verdict, result.message) == (Verdict.PASSED, "nothing to fix")
    assert result.figures == {"findings": 0, "by_kind": {}}


def test_findings_are_warnings() -> None:
    result = hygiene("m", FOUND, [], fail=False)
    assert (result.verdict, result.code) == (Verdict.PASSED, "OK")
    assert result.message == "2 findings: float64, training-mode"
    assert result.warnings[0] == "float64: 4 values are float64 (x, y, w and 1 more)"
    assert result.figures == {"findings": 2, "by_kind": {"float64": 4, "training-mode": 1}}


def test_findings_fail_when_asked() -> None:
    result = hygiene("m", FOUND, [], fail=True)
    assert (result.verdict, result.code) == (Verdict.FAILED, "V_HYGIENE")
    assert len(result.details) == 2
    assert result.warnings == ()


def test_what_the_runtime_says_is_one_finding() -> None:
    result = hygiene("m", [], ["unused w", "unused v", "unused u"], fail=False)
    assert result.message == "1 finding: load-warning"
    assert result.warnings == ("load-warning: the runtime says: unused w (and 2 more)",)
    assert result.figures["by_kind"] == {"load-warning": 3}
    assert hygiene("m", [], ["unused w"], False).warnings == ("load-warning: the runtime says: unused w",)


def test_two_findings_of_a_kind_are_added_up() -> None:
    twice = [{"kind": "training-mode", "count": n, "message": "x"} for n in (2, 3)]
    assert hygiene("m", twice, [], False).figures == {"findings": 2, "by_kind": {"training-mode": 5}}
