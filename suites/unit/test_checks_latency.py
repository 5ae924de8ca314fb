"""Budgets against samples whose percentiles are known: three verdicts, and a reason with each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from pytest_onnxaccel.checks.latency import described, figures, latency, plan_for
from pytest_onnxaccel.results import CheckResult, Verdict
from pytest_onnxaccel.spec import LatencyBudget, Timing
from suites.unit.fakes import FakeSession, doubling, inputs_of, tensor, timing

INPUTS = inputs_of(tensor("x", "N", 4), batch="N")
MS = 1e6


def around(ms: float, samples: int = 100, spread: float = 0.02) -> list[float]:
    """Times of a quiet machine."""
    return np.random.default_rng(0).uniform(ms * (1 - spread), ms * (1 + spread), samples).tolist()


def judged(taken: Timing, budget: LatencyBudget | None = None, **more: Any) -> CheckResult:
    facts = {"load_ms": 3.0, "provider": "CPU", "onnxruntime": "1", "secret": "no", "memory_before_mb": 50.0}
    session = FakeSession(doubling, taken=taken, facts=facts)
    return latency("m", "ort-cpu", session, INPUTS, budget or LatencyBudget(), **more)


def budget(**limits: Any) -> LatencyBudget:
    return LatencyBudget(origin="onnxaccel.toml", **limits)


# -- figures ----------------------------------------------------------------------------------------------------


def test_without_a_budget_it_measures_and_judges_nothing() -> None:
    result = judged(timing(around(5)))
    assert (result.verdict, result.code, result.batch) == (Verdict.PASSED, "OK", 1)
    assert result.message.startswith("measured, no budget declared: p50 5")
    assert "budget" not in result.figures


def test_figures_are_those_of_the_samples() -> None:
    wall = [float(n) for n in range(1, 101)]
    taken = Timing(tuple(int(v * MS) for v in wall), tuple(int(v * MS / 2) for v in wall), 10, int(500 * MS))
    found = figures(taken, FakeSession(doubling, facts={"load_ms": 7.0}), batch=4)
    assert found["samples"] == 100
    assert found["first_call_ms"] == 500
    for share in (50, 90, 95, 99):
        assert found[f"p{share}_ms"] == pytest.approx(float(np.percentile(wall, share)))
    assert (found["max_ms"], found["mean_ms"]) == (100, 50.5)
    assert found["throughput_per_s"] == pytest.approx(4 * 1000 / 50.5)
    assert found["cpu_wall_ratio"] == pytest.approx(0.5)
    assert found["peak_memory_mb"] is None
    assert found["load_ms"] == 7


def test_memory_is_what_the_model_added() -> None:
    session = FakeSession(doubling, facts={"memory_before_mb": 50.0})
    session.peak_memory_mb = 80.0  # type: ignore[attr-defined]
    assert figures(timing([1.0]), session, 1)["peak_memory_mb"] == 30


def test_facts_are_chosen_not_copied() -> None:
    result = judged(timing(around(5)))
    assert result.figures["versions"] == {"onnxruntime": "1"}
    assert "secret" not in result.figures


# -- percentiles ------------------------------------------------------------------------------------------------


def test_inside_the_budget() -> None:
    result = judged(timing(around(5)), budget(p50_ns=6 * MS, p95_ns=8 * MS))
    assert (result.verdict, result.code) == (Verdict.PASSED, "OK")
    assert result.message.startswith("inside its budget (p50 of 5")
    assert "limit 8 ms" in result.message
    assert result.figures["budget"] == {"p50_ms": 6, "p95_ms": 8}


def test_over_the_budget_by_its_own_computing() -> None:
    result = judged(timing(around(5)), budget(p95_ns=4 * MS))
    assert (result.verdict, result.code) == (Verdict.FAILED, "V_LATENCY")
    assert "is over the limit of 4 ms, and the model itself computes for " in result.message
    assert result.details[1] == "budget from onnxaccel.toml"


def test_over_the_budget_while_waiting_for_a_cpu_is_inconclusive() -> None:
    result = judged(timing(around(20), around(3)), budget(p95_ns=10 * MS))
    assert (result.verdict, result.code) == (Verdict.INCONCLUSIVE, "V_LATENCY")
    assert "not by the model's own computing alone: measure on a quieter machine" in result.message


def test_a_percentile_near_its_limit_is_inconclusive() -> None:
    """The point estimate is inside, and the bound is not."""
    wall = around(5, spread=0.5)
    limit = float(np.percentile(wall, 95)) * 1.001
    assert judged(timing(wall), budget(p95_ns=limit * MS)).verdict is Verdict.INCONCLUSIVE


def test_threads_side_by_side_are_not_counted_as_waiting_or_as_slowness() -> None:
    """Four threads of 5 ms each are 20 ms of CPU in 5 ms of wall."""
    taken = timing(around(5), around(20))
    assert judged(taken, budget(p95_ns=8 * MS)).verdict is Verdict.PASSED
    assert judged(taken, budget(p95_ns=4 * MS)).verdict is Verdict.FAILED


@pytest.mark.parametrize(("key", "least"), [("p50", 5), ("p95", 59), ("p99", 299)])
def test_a_percentile_that_the_samples_cannot_bound_is_refused(key: str, least: int) -> None:
    limits = budget(**{f"{key}_ns": 1000 * MS})
    result = judged(timing(around(5, least - 1)), limits)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.message == f"{least - 1} samples cannot bound {key}, which needs {least}"
    assert judged(timing(around(5, least)), limits).verdict is Verdict.PASSED


def test_the_plan_takes_enough_samples() -> None:
    assert plan_for(LatencyBudget()).samples == 100
    assert plan_for(budget(p95_ns=1.0)).samples == 100
    assert plan_for(budget(p99_ns=1.0)).samples >= 299


def test_a_limit_of_nothing_is_a_limit() -> None:
    assert judged(timing(around(5)), budget(p50_ns=0.0)).verdict is Verdict.FAILED


def test_the_worst_limit_decides_and_the_others_are_not_told() -> None:
    result = judged(timing(around(5)), budget(p50_ns=1 * MS, p95_ns=100 * MS, p99_ns=100 * MS))
    assert result.verdict is Verdict.FAILED
    assert "p50" in result.message
    assert "p99" not in result.message


# -- speed-up ---------------------------------------------------------------------------------------------------


def compared(ours: Sequence[float], theirs: Sequence[float] | None, factor: float) -> CheckResult:
    baseline = None if theirs is None else ("onnx-tf", timing(theirs))
    return judged(timing(ours), budget(speedup_over=("onnx-tf", factor)), baseline=baseline)


def test_fast_enough() -> None:
    result = compared(around(5), around(20), 3)
    assert result.verdict is Verdict.PASSED
    assert result.figures["speedup"] == pytest.approx(4, rel=0.05)
    assert result.figures["speedup_over"] == "onnx-tf"
    assert result.figures["budget"] == {"speedup_over": "onnx-tf:3"}


def test_not_fast_enough() -> None:
    result = compared(around(5), around(10), 3)
    assert (result.verdict, result.code) == (Verdict.FAILED, "V_LATENCY")
    assert "times as fast as onnx-tf (" in result.message
    assert result.message.endswith("asked for 3")


def test_between_the_bounds_is_inconclusive() -> None:
    result = compared(around(5, spread=0.9), around(15.0, spread=0.9), 3)
    assert result.verdict is Verdict.INCONCLUSIVE


def test_a_baseline_that_did_not_run() -> None:
    result = compared(around(5), None, 3)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.message == "onnx-tf did not run, so there is nothing to be 3 times faster than"
    assert result.figures["speedup"] is None


def test_too_few_samples_to_compare() -> None:
    result = compared(around(5, 4), around(20, 4), 3)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.message == "too few samples to compare with onnx-tf"


# -- what is asked of the session -------------------------------------------------------------------------------


def test_the_session_is_fed_the_batch_and_the_plan() -> None:
    session = FakeSession(doubling, taken=timing(around(5)))
    result = latency("m", "ort-cpu", session, INPUTS, LatencyBudget(), batch=8)
    assert result.batch == 8
    assert result.figures["throughput_per_s"] == pytest.approx(8 * 200, rel=0.05)
    assert session.plans == [plan_for(LatencyBudget())]


def test_budgets_are_described_in_the_units_of_reports() -> None:
    assert described(budget(p95_ns=12 * MS, speedup_over=("onnx-tf", 2.5))) == {
        "p95_ms": 12, "speedup_over": "onnx-tf:2.5",
    }  # fmt: skip
