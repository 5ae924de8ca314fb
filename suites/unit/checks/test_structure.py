"""What onnx's checker and shape inference said, as a verdict."""

from __future__ import annotations

from typing import Any

from pytest_onnxaccel.checks.structure import structure
from pytest_onnxaccel.core.results import Verdict
from suites.unit.fakes import info_of

OK = {"ok": True, "error": "", "code": "OK"}
INFO = info_of([], [])


def bad(error: str, code: str) -> dict[str, Any]:
    return {"ok": False, "error": error, "code": code}


def test_valid() -> None:
    result = structure("m", INFO, {"checker": OK, "shape_inference": OK})
    assert (result.verdict, result.code) == (Verdict.PASSED, "OK")
    assert result.message == "valid: opset 17, IR 10, 1 nodes"
    assert result.figures["checker_ok"] is True


def test_refused_by_the_checker() -> None:
    result = structure("m", INFO, {"checker": bad("no such operator", "E_SCHEMA"), "shape_inference": OK})
    assert (result.verdict, result.code) == (Verdict.FAILED, "E_SCHEMA")
    assert result.message == "onnx's checker refuses it: no such operator"
    assert (result.figures["checker_ok"], result.figures["shape_inference_ok"]) == (False, True)
    assert "contract check" in result.details[0]


def test_refused_by_shape_inference_alone() -> None:
    result = structure("m", INFO, {"checker": OK, "shape_inference": bad("types differ", "E_GRAPH")})
    assert (result.code, result.message) == ("E_GRAPH", "onnx's shape inference refuses it: types differ")


def test_refused_by_both_tells_both_and_takes_the_checkers_code() -> None:
    report = {"checker": bad("a", "E_SCHEMA"), "shape_inference": bad("b", "E_GRAPH")}
    result = structure("m", INFO, report)
    assert result.code == "E_SCHEMA"
    assert result.message == "onnx's checker refuses it: a"
    assert result.details[0] == "onnx's shape inference refuses it: b"
