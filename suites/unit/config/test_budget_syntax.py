"""The grammar of budgets: what is taken, and one line for what is not."""

from __future__ import annotations

import pytest

from pytest_onnxaccel.config import budget_syntax as budgets
from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.specs import LatencyBudget, Scenario


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("10%", (0.1, "")),
        (" 2.5% ", (0.025, "")),
        ("10% git:origin/main", (0.1, "git:origin/main")),
        ("10%  git:v1.2.0", (0.1, "git:v1.2.0")),
        ("10% git:HEAD~3", (0.1, "git:HEAD~3")),
        ("10% git:@{u}", (0.1, "git:@{u}")),
    ],
)
def test_regression(text: str, found: tuple[float, str]) -> None:
    fraction, baseline = budgets.regression(text)
    assert (pytest.approx(fraction), baseline) == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("10", "has no percent sign"),
        ("10ms", "is not a percentage"),
        ("0%", "is not above zero: equal models never measure equal"),
        ("ten%", "is not a percentage"),
        ("10% main.onnx", "is not a git:REVISION"),
        ("10% git:", "is not a revision"),
        ("10% git:--output=x", "is not a revision"),
        ("10% git:main:other.onnx", "is not a revision"),
        ("10% git:a b", "is not a revision"),
        (0.1, "is not a regression"),
    ],
)
def test_no_regression(text: object, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        budgets.regression(text)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("single-stream", Scenario("single-stream")),
        ("offline", Scenario("offline")),
        ("server:100/s", Scenario("server", rate_per_s=100.0)),
        ("server: 90 / min", Scenario("server", rate_per_s=1.5)),
        ("server:20ms", Scenario("server", target_ns=20e6)),
        ("idle-gap:50ms", Scenario("idle-gap", pause_ns=50e6)),
    ],
)
def test_scenario(text: str, found: Scenario) -> None:
    assert budgets.scenario(text) == found
    assert budgets.scenario(str(found)) == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sever:1ms", "'sever' is not a scenario - did you mean 'server'?"),
        ("offline:3", "offline takes no value, '3' is given"),
        ("server", "'server' names no rate"),
        ("idle-gap:", "'idle-gap:' names no pause"),
        ("server:100", "is a bare number"),
        ("server:0/s", "is not above zero"),
        ("idle-gap:5", "is a bare number"),
        (3, "is not a scenario"),
    ],
)
def test_no_scenario(text: object, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        budgets.scenario(text)
    assert said in str(caught.value)


def test_advise_is_a_boolean() -> None:
    assert [budgets.advise(v) for v in (True, False, "true", " False ")] == [True, False, True, False]
    for wrong in ("yes", 1, None):
        with pytest.raises(ConfigError, match="neither true nor false"):
            budgets.advise(wrong)


def test_a_budget_is_written_as_it_is_read() -> None:
    budget = LatencyBudget(
        p95_ns=12e6, speedup_over=("onnx-tf", 3.0), regression=(0.1, "git:main"), scenario=Scenario("offline"),
        threads=1, advise=True, inconclusive="skip",
    )  # fmt: skip
    assert budgets.written(budget) == {
        "p95": "12ms", "speedup_over": "onnx-tf:3", "regression": "10% git:main", "scenario": "offline",
        "threads": "1", "advise": "true", "inconclusive": "skip",
    }  # fmt: skip
    assert set(budgets.written(budget)) <= set(budgets.FIELDS)


def test_limits_make_a_budget() -> None:
    assert not LatencyBudget(scenario=Scenario("offline"), advise=True, threads=1, inconclusive="fail")
    assert LatencyBudget(regression=(0.1, ""))
