"""What is measured for a ``server`` scenario, in which order, and what is left out."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_onnxaccel.backends.protocol import SessionInfo
from pytest_onnxaccel.core.results import Verdict
from pytest_onnxaccel.core.specs import Scenario, Timing, TimingPlan
from pytest_onnxaccel.numerics.queueing.arrivals import Paced, PacePlan, gaps
from pytest_onnxaccel.numerics.timing import perf_counters as counters
from pytest_onnxaccel.runner.latency.load_scenarios import RUN, WARMUP, _server
from suites.unit.checks.latency.machines import ONE_THREAD
from suites.unit.fakes import timing
from suites.unit.queueing import lindley

MS = 1e6


@pytest.fixture(autouse=True)
def steady_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of this machine nothing may come in: the calls are made up, and the speed probe beside them is real."""
    monkeypatch.setattr("pytest_onnxaccel.numerics.timing.machine_speed_probe.run", lambda: 20_000)
    monkeypatch.setattr(counters, "read", lambda: {"queued_ns": 0.0, "switches": 0.0})


class Session:
    """Calls of one length in a row, and of another among requests; notes what it was asked for."""

    def __init__(self, row_ms: float, run_ms: float) -> None:
        self.row_ms, self.run_ms = row_ms, run_ms
        self.paced: list[PacePlan] = []
        self.info = SessionInfo((), (), facts=ONE_THREAD)

    def time(self, feeds: Any, plan: TimingPlan) -> Timing:
        return timing([self.row_ms] * plan.samples)

    def pace(self, feeds: Any, plan: PacePlan) -> Paced:
        self.paced.append(plan)
        call = int(self.run_ms * MS)
        waits = [int(ns) for ns in lindley(gaps(plan), [call] * (plan.warmup + plan.calls))][plan.warmup :]
        idle = tuple(wait == 0 for wait in waits)
        return Paced(tuple(call + wait for wait in waits), tuple(waits), (call,) * plan.calls, idle)


def served(session: Any, scenario: Scenario, limit_ms: float = 1000) -> Any:
    return _server(session, {}, scenario, {"p99": limit_ms * MS}, seed=3)


def test_services_are_measured_at_the_rate() -> None:
    session = Session(4, 5)
    found = served(session, Scenario("server", rate_per_s=100))
    assert found.verdict is Verdict.PASSED
    assert found.figures["utilisation"] == pytest.approx(0.5)  # those of the run, not the calls in a row
    assert [(p.kind, p.gap_ns, p.calls, p.warmup) for p in session.paced] == [("poisson", 10 * MS, RUN, WARMUP)]


def test_a_rate_past_calls_in_a_row_is_not_tried() -> None:
    session = Session(12, 12)
    found = served(session, Scenario("server", rate_per_s=100, live=True))
    assert (found.verdict, session.paced) == (Verdict.FAILED, [])
    assert found.line.startswith("cannot serve 100/s: that would keep it busy for 120% of the time, at least 1")


def test_a_rate_past_the_calls_of_its_run_is_not_tried_twice() -> None:
    session = Session(8, 11)
    found = served(session, Scenario("server", rate_per_s=100, live=True))
    # Once more with what threads wait counted, and not live
    assert (found.verdict, [p.counted for p in session.paced]) == (Verdict.FAILED, [False, True])
    assert found.line.startswith("cannot serve 100/s: that would keep it busy for 110% of the time, at least 1")


def test_a_live_run_has_arrivals_of_its_own() -> None:
    session = Session(4, 5)
    found = served(session, Scenario("server", rate_per_s=100, live=True))
    assert found.figures["live_samples"] == 1500
    assert gaps(session.paced[0])[:5] != gaps(session.paced[1])[:5]


def test_a_rate_is_searched_from_half_of_the_load() -> None:
    session = Session(4, 5)
    found = served(session, Scenario("server", target_ns=60e9))
    assert [p.gap_ns for p in session.paced] == [8 * MS]
    assert found.figures["capacity_per_s"] == pytest.approx(200)
    assert found.figures["bearable_per_s"] == pytest.approx(200, rel=0.03)
