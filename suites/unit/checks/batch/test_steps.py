"""A fused decoder takes several samples at once by one step each: that is its batch, where the graph says so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from pytest_onnxaccel.checks.batch.check import BatchCase, batch
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import Tolerance
from suites.unit.fakes import Arrays, FakeSession, inputs_of, tensor


def judged(*others: dict[str, int], leak: bool = False) -> CheckResult:
    def function(feeds: Arrays) -> Arrays:
        x = feeds["x"]
        if x.shape[0] > 1 and x.shape[1] > 1:
            raise ModelError("batch_size must be 1 when sequence_length > 1", code="E_RUN")
        return {"y": x - x.mean(0, keepdims=True) if leak and len(x) > 1 else x * 2}

    session = FakeSession(function)

    def batch_sessions(size: int) -> Iterator[tuple[str, Any]]:
        yield "dynamic", session

    inputs = replace(inputs_of(tensor("x", "N", "time"), batch="N"), sizes={"time": 8}, others=others)
    return batch(BatchCase("m", "ort-cpu", session, inputs, batch_sessions, (), Tolerance()))


def test_one_step_of_each_sample_is_proven_and_said() -> None:
    result = judged({"time": 13}, {"time": 1})
    assert (result.verdict, result.figures["sizes"]) == (Verdict.PASSED, [1, 2, 3])
    assert any("run where 'time' is 1" in note for note in result.notes)


@pytest.mark.parametrize("others", [(), ({"time": 13},)])
def test_without_such_a_length_the_batch_is_refuted(others: tuple[dict[str, int], ...]) -> None:
    result = judged(*others)
    assert (result.verdict, result.code) == (Verdict.FAILED, "V_BATCH")
    assert "batch 2 does not run" in result.message


def test_samples_that_leak_by_one_step_are_refuted() -> None:
    assert judged({"time": 1}, leak=True).code == "V_BATCH"
