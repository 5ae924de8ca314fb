"""Faults that the user accepts: expected while they are there, a failure when they are gone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pytest_onnxaccel.core.comparisons import KnownFault
from pytest_onnxaccel.core.results import CheckResult, Results, Verdict
from pytest_onnxaccel.core.specs import ModelSpec
from pytest_onnxaccel.runner.faults.known_faults import at_fault, check_id, with_known
from pytest_onnxaccel.runner.request import Request

REQUEST = Request("m", "parity", "ort-cpu", "/some/where/original.onnx", batch=3)
ID = "parity[ort-cpu~original.onnx-b3]"
FAILED = CheckResult("m", "parity", Verdict.FAILED, "V_PARITY", "it differs")


def judged(result: CheckResult, **known: Any) -> CheckResult:
    fault = KnownFault(
        **{"check": ID, "code": "V_PARITY", "reason": "bug 12", "origin": "m.toml [models.m.known]", **known}
    )
    return with_known(result, REQUEST, ModelSpec("m", "", "", known_faults=(fault,)))


def test_ids_are_those_of_tests() -> None:
    assert check_id(REQUEST) == ID
    assert check_id(Request("m", "structure")) == "structure"


def test_a_known_fault_is_expected_and_shown() -> None:
    found = judged(FAILED)
    assert (found.verdict, found.code, found.message) == (Verdict.FAILED, "V_PARITY", "it differs")
    assert found.xfail == "bug 12"
    assert found.expected
    assert found.notes == ("known fault, accepted: bug 12",)
    assert not FAILED.expected


def test_a_model_whose_only_failure_is_known_is_sound() -> None:
    passed = CheckResult("m", "contract", Verdict.PASSED)
    assert Results([passed, judged(FAILED)]).ok
    assert "xfailed" in str(Results([passed, judged(FAILED)]))
    assert not Results([passed, FAILED]).ok
    assert not Results([judged(FAILED)]).ok


@pytest.mark.parametrize(
    ("result", "known"),
    [
        (replace(FAILED, code="V_CONTRACT"), {}),
        (FAILED, {"check": "parity[ort-cpu~original.onnx]"}),
        (FAILED, {"outputs": ("y",)}),
        (replace(FAILED, figures={"outputs": {"y": {"bad_share": 0.1}, "z": {"bad_share": 0.2}}}), {"outputs": ("y",)}),
    ],
    ids=["another code", "another check", "nobody knows which output", "another output as well"],
)
def test_another_fault_is_not_hidden(result: CheckResult, known: dict[str, Any]) -> None:
    assert judged(result, **known) is result


def test_the_outputs_at_fault_are_those_that_differ_or_break_the_contract() -> None:
    outputs = {"y": {"bad_share": 0.1}, "z": {"bad_share": 0.0}}
    assert at_fault(replace(FAILED, figures={"outputs": outputs})) == {"y"}
    assert at_fault(replace(FAILED, figures={"breach_outputs": ["z"]})) == {"z"}
    assert at_fault(replace(FAILED, figures={"outputs": {"y": ["float32", [3]]}})) == {""}
    assert judged(replace(FAILED, figures={"outputs": outputs}), outputs=("y",)).expected


def test_a_fault_that_is_gone_is_a_failure() -> None:
    found = judged(CheckResult("m", "parity", Verdict.PASSED, message="agrees"))
    assert (found.verdict, found.code) == (Verdict.FAILED, "V_KNOWN")
    assert "the known fault V_PARITY is gone (bug 12): remove" in found.message
    for verdict in (Verdict.NOT_APPLICABLE, Verdict.INCONCLUSIVE):
        open_ = CheckResult("m", "parity", verdict)
        assert judged(open_) is open_
