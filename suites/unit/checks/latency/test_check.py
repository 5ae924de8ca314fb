"""The latency check as a whole: its figures, which limit decides, and what is said of the others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pytest_onnxaccel.checks.latency import absolute_budget as absolute
from pytest_onnxaccel.checks.latency import relative_budget as ratios
from pytest_onnxaccel.checks.latency.check import Measured, described, figures, latency, measure
from pytest_onnxaccel.checks.latency.relative_budget import Compared
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import LatencyBudget, Timing, TimingPlan
from pytest_onnxaccel.numerics.timing import perf_counters as counters
from suites.unit.checks.latency.machines import ONE_THREAD, Machine, Timed, block
from suites.unit.checks.latency.test_paired_ratio import ratio
from suites.unit.fakes import FakeSession, doubling, inputs_of, tensor, timing

INPUTS = inputs_of(tensor("x", "N", 4), batch="N")
MS = 1e6


def around(ms: float, samples: int = 100, spread: float = 0.02) -> list[float]:
    """Times of a quiet machine."""
    return np.random.default_rng(0).uniform(ms * (1 - spread), ms * (1 + spread), samples).tolist()


def judged(taken: Timing, budget: LatencyBudget | None = None, *compared: Compared, **more: Any) -> CheckResult:
    """The verdict on a session of which *taken* was timed, in blocks where the budget limits percentiles."""
    facts = {**ONE_THREAD, "load_ms": 3.0, "onnxruntime": "1", "secret": "no", "memory_before_mb": 50.0}
    session = FakeSession(doubling, taken=taken, facts=facts)
    wanted = absolute.limits(budget or LatencyBudget())
    blocks = [
        block(wall / MS, cpu / MS, calls=1, start_ns=i * 10**7, end_ns=(i + 1) * 10**7, **more)
        for i, (wall, cpu) in enumerate(zip(taken.wall_ns, taken.cpu_ns, strict=True))
    ]
    sampled = absolute.judge(blocks, facts, wanted) if wanted else None
    return latency("m", "ort-cpu", session, Measured(taken, sampled), budget or LatencyBudget(), compared, 1)


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
    taken = replace(taken, start_ns=int(3e9), end_ns=int(5e9))
    found = figures(taken, FakeSession(doubling, facts={"load_ms": 7.0}), batch=4)
    assert (found["timed_from_s"], found["timed_until_s"]) == (3, 5)
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


# -- limits -----------------------------------------------------------------------------------------------------


def test_inside_the_budget() -> None:
    result = judged(timing(around(5)), budget(p50_ns=6 * MS, p95_ns=8 * MS))
    assert (result.verdict, result.code) == (Verdict.PASSED, "OK")
    assert result.message.startswith("inside its budget (p50 of 5")
    assert "limit 8 ms" in result.message
    assert result.figures["budget"] == {"p50_ms": 6, "p95_ms": 8}


def test_over_the_budget() -> None:
    result = judged(timing(around(5)), budget(p95_ns=4 * MS))
    assert (result.verdict, result.code) == (Verdict.FAILED, "V_LATENCY")
    assert "is over the limit of 4 ms, and the model itself computes for " in result.message
    assert result.details[-1] == "budget from onnxaccel.toml"


def test_the_worst_limit_decides_and_the_others_are_details() -> None:
    limits = budget(p50_ns=1 * MS, p95_ns=100 * MS, speedup_over=("onnx-tf", 3.0))
    result = judged(timing(around(5)), limits, ratios.speedup(ratio(2.9, 3.1), "onnx-tf", 3))
    assert result.verdict is Verdict.FAILED
    assert result.message.startswith("p50 of ")
    assert "p95" not in result.message
    assert [line.partition(":")[0] for line in result.details] == [
        "measured", "passed", "inconclusive", "budget from onnxaccel.toml",
    ]  # fmt: skip


def test_an_undecided_limit_beside_a_passed_one_leaves_the_check_undecided() -> None:
    limits = budget(p95_ns=100 * MS, regression=(0.1, ""))
    result = judged(timing(around(5)), limits, ratios.regression(ratio(1.05, 1.2), "main.onnx", 0.1))
    assert (result.verdict, result.code) == (Verdict.INCONCLUSIVE, "V_LATENCY")
    assert result.figures["regression_from"] == "main.onnx"


def test_relative_limits_alone() -> None:
    limits = budget(speedup_over=("onnx-tf", 3.0), regression=(0.1, "git:main"))
    compared = (ratios.speedup(ratio(4, 5), "onnx-tf", 3), ratios.regression(ratio(0.9, 1.0), "m at main", 0.1))
    result = judged(timing(around(5)), limits, *compared)
    assert result.verdict is Verdict.PASSED
    assert result.figures["speedup"] == pytest.approx(20**0.5)
    assert result.figures["budget"] == {"speedup_over": "onnx-tf:3", "regression": "10% git:main"}


def test_wall_time_alone_is_said() -> None:
    taken = timing(around(5))
    facts = {"provider": "CUDAExecutionProvider"}
    sampled = absolute.judge([block(5, 1, calls=100)], facts, {"p95": 8 * MS})
    session = FakeSession(doubling, taken=taken, facts=facts)
    result = latency("m", "ort-cuda", session, Measured(taken, sampled), budget(p95_ns=8 * MS))
    assert result.notes == (absolute.WALL_ALONE,)


def test_spinning_on_a_shared_machine_is_warned_about() -> None:
    taken = timing(around(5))
    facts = {**ONE_THREAD, "threads": "default", "spinning": True}
    blocks = [block(5, calls=100, start_ns=0, end_ns=5 * 10**8, noise={"queued_ns": 5e7})]
    sampled = absolute.judge(blocks, facts, {"p95": 8 * MS})
    session = FakeSession(doubling, taken=taken, facts=facts)
    result = latency("m", "ort-cpu", session, Measured(taken, sampled), budget(p95_ns=8 * MS))
    assert "together they waited 10% of the time for a CPU that others use too: pin threads=1" in result.warnings[0]
    session.facts["spinning"] = False
    assert latency("m", "ort-cpu", session, Measured(taken, sampled), budget(p95_ns=8 * MS)).warnings == ()


# -- what is asked of the session -------------------------------------------------------------------------------


def test_without_a_limit_a_hundred_samples_are_taken() -> None:
    session = FakeSession(doubling, taken=timing(around(5)))
    found = measure(session, INPUTS, budget(speedup_over=("onnx-tf", 3.0)), batch=8)
    assert session.plans == [TimingPlan(samples=100, resident=True)]
    assert found.sampled is None
    assert latency("m", "b", session, found, LatencyBudget(), batch=8).figures["throughput_per_s"] == pytest.approx(
        8 * 200, rel=0.05
    )


def test_figures_are_made_of_the_samples_that_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_onnxaccel.numerics.timing.machine_speed_probe.run", lambda: 20_000)
    monkeypatch.setattr(counters, "read", lambda: {"switches": 3.0})
    session = Timed(Machine(), 5)
    found = measure(session, INPUTS, budget(p95_ns=8 * MS))
    result = latency("m", "ort-cpu", session, found, budget(p95_ns=8 * MS))
    assert found.sampled is not None
    assert result.verdict is Verdict.PASSED
    assert result.figures["samples"] == absolute.BLOCKS * absolute.CALLS
    assert result.figures["timed_from_s"] == found.sampled.blocks[0].start_ns / 1e9
    assert result.figures["timed_until_s"] == found.sampled.blocks[-1].end_ns / 1e9
    assert result.figures["noise"] == {"switches": 0.0}


def test_budgets_are_described_in_the_units_of_reports() -> None:
    assert described(budget(p95_ns=12 * MS, speedup_over=("onnx-tf", 2.5))) == {
        "p95_ms": 12, "speedup_over": "onnx-tf:2.5",
    }  # fmt: skip
