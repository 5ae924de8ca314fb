"""A failure is confirmed in fresh processes and never retried into a pass."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import LatencyBudget
from pytest_onnxaccel.runner.latency import check as latency
from pytest_onnxaccel.runner.latency.check import Course, check, confirmed
from suites.unit.fakes import inputs_of, tensor


def result(verdict: Verdict, message: str) -> CheckResult:
    return CheckResult("m", "latency", verdict, "V_LATENCY", message, figures={"p95_ms": 5.0})


class FakeBench:
    """A bench that only remembers whether it was a fresh one."""

    def __init__(self, fresh: bool) -> None:
        self.fresh = fresh

    def __enter__(self) -> FakeBench:
        return self

    def __exit__(self, *_: object) -> None: ...


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> Any:
    """``tried(first, second)``: the outcome of a check whose attempts end so, with the benches that were used."""

    def run(*outcomes: Verdict) -> tuple[CheckResult, list[bool]]:
        made: list[bool] = []

        def attempt(course: Course, bench: Any) -> CheckResult:
            made.append(bench.fresh)
            return result(outcomes[len(made) - 1], f"attempt {len(made)}")

        monkeypatch.setattr(latency, "attempt", attempt)
        course = Course("m", "ort-cpu", None, inputs_of(tensor("x", 1)), None, LatencyBudget())
        return check(course, FakeBench), made  # type: ignore[arg-type]

    return run


@pytest.mark.parametrize("verdict", [Verdict.PASSED, Verdict.INCONCLUSIVE])
def test_what_does_not_fail_is_tried_once(tried: Any, verdict: Verdict) -> None:
    found, benches = tried(verdict)
    assert (found.verdict, benches) == (verdict, [False])
    assert "confirmed" not in found.figures


def test_a_failure_is_confirmed_in_a_fresh_process(tried: Any) -> None:
    found, benches = tried(Verdict.FAILED, Verdict.FAILED)
    assert (found.verdict, benches) == (Verdict.FAILED, [False, True])
    assert found.message == "attempt 2"
    assert found.details[-1] == "confirmed in a fresh process; at first: attempt 1"
    assert found.figures["confirmed"] is True


@pytest.mark.parametrize("second", [Verdict.PASSED, Verdict.INCONCLUSIVE])
def test_a_failure_that_does_not_come_again_is_no_pass(tried: Any, second: Verdict) -> None:
    found, _ = tried(Verdict.FAILED, second)
    assert (found.verdict, found.code) == (Verdict.INCONCLUSIVE, "V_LATENCY")
    assert found.message == "failed, and not again in a fresh process: at first attempt 1; then attempt 2"
    assert found.figures["confirmed"] is False


def test_no_outcome_of_a_second_try_is_a_pass() -> None:
    for second in Verdict:
        assert confirmed(result(Verdict.FAILED, "a"), result(second, "b")).verdict is not Verdict.PASSED
