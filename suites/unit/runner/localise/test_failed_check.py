"""Which failed parity checks are looked into, and on which sample."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.numerics.sampling.input_sets import Inputs
from pytest_onnxaccel.runner.localise.failed_check import FailedCheck
from pytest_onnxaccel.runner.request import Request, RunOptions
from pytest_onnxaccel.runner.sessions.workers.engines import Engines
from suites.unit.fakes import tensor

WORST = {"worst_output": "y", "outputs": {"y": {"sample": 3}, "z": {"sample": 1}}}


def failed(code: str = "V_PARITY", verdict: Verdict = Verdict.FAILED, **figures: Any) -> FailedCheck:
    result = CheckResult("m", "parity", verdict, code, figures=figures)
    inputs = Inputs((tensor("x", 1, 4),), 1, axes={"x": 0})
    return FailedCheck(result, Request("m", "parity"), inputs, Engines(RunOptions()))


@pytest.mark.parametrize("breach", ["nan", "inf", "shape", "rank"])
def test_breaches_of_values_are_looked_into(breach: str) -> None:
    assert failed().by_value
    assert failed("V_CONTRACT", breach=breach).by_value


@pytest.mark.parametrize("verdict", [Verdict.PASSED, Verdict.INCONCLUSIVE])
def test_names_types_and_what_did_not_fail_are_not(verdict: Verdict) -> None:
    assert not failed("V_CONTRACT", breach="dtype").by_value
    assert not failed("V_CONTRACT").by_value
    assert not failed(verdict=verdict).by_value


def test_the_sample_is_that_of_the_worst_output_or_of_the_breach() -> None:
    assert failed(**WORST).sample == 3
    assert failed("V_CONTRACT", **WORST, breach="nan", breach_sample=2).sample == 2
    assert failed().sample == 0


def test_its_feeds_are_those_of_that_sample() -> None:
    check = failed(**WORST)
    assert (check.feeds()["x"] == check.inputs.feeds(3)["x"]).all()
    assert not (check.feeds()["x"] == check.inputs.feeds(0)["x"]).any()
