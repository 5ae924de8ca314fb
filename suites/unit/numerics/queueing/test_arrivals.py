"""Calls at a client's pace, by a clock that the test turns."""

from __future__ import annotations

import json
import statistics
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pytest_onnxaccel.numerics.queueing import arrivals as pacing
from pytest_onnxaccel.numerics.queueing.arrivals import Paced, PacePlan, caller, pace
from suites.unit.queueing import lindley

MS = 1_000_000


class Clock:
    """Time that only passes while somebody sleeps, works or looks."""

    def __init__(self) -> None:
        self.now = 0
        self.worked = 0

    def perf_counter_ns(self) -> int:
        self.now += 1000
        return self.now

    def process_time_ns(self) -> int:
        return self.worked

    def sleep(self, seconds: float) -> None:
        self.now += int(seconds * 1e9)

    def work(self, ns: int) -> None:
        self.now += ns
        self.worked += ns


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(pacing, "time", made)
    return made


def test_a_pause_before_each_call(clock: Clock) -> None:
    begun: list[int] = []

    def call() -> None:
        begun.append(clock.now)
        clock.work(2 * MS)

    found = pace(call, PacePlan("pause", gap_ns=5 * MS, calls=4, warmup=2))
    assert len(found.response_ns) == 4
    assert len(begun) == 1 + 2 + 4  # the first call of all is not counted either
    gaps = [b - a - 2 * MS for a, b in pairwise(begun)]
    assert all(gap == pytest.approx(5 * MS, rel=0.01) for gap in gaps)
    assert all(ns == pytest.approx(2 * MS, rel=0.01) for ns in found.response_ns)
    assert max(found.wait_ns) < 0.01 * MS
    assert found.cpu_ns == (2 * MS,) * 4


def test_idle_pauses_are_exponential(clock: Clock) -> None:
    begun: list[int] = []

    def call() -> None:
        begun.append(clock.now)
        clock.work(MS)

    pace(call, PacePlan("idle", gap_ns=10 * MS, calls=2000, warmup=0, seconds=1e6))
    gaps = [(b - a) / MS - 1 for a, b in pairwise(begun)]
    assert statistics.mean(gaps) == pytest.approx(10, rel=0.1)
    assert statistics.pstdev(gaps) == pytest.approx(10, rel=0.1)


def test_requests_come_in_while_the_last_one_is_served(clock: Clock) -> None:
    plan = PacePlan("poisson", gap_ns=3 * MS, calls=500, warmup=0, seconds=1e6)
    found = pace(lambda: clock.work(2 * MS), plan)
    expected = lindley(pacing.gaps(plan), [2 * MS] * 500)
    assert max(expected) > 2 * MS  # there was a queue
    for wait, want in zip(found.wait_ns, expected, strict=True):
        assert wait == pytest.approx(want, abs=0.05 * MS + 0.02 * want)
    for idle, want in zip(found.found_idle, expected, strict=True):
        assert not idle or want == 0
    assert 0.2 < sum(found.found_idle) / 500 < 0.5
    assert all(ns == pytest.approx(2 * MS, rel=0.01) for ns in found.service_ns)


def test_a_request_that_waits_is_replayed_exactly(clock: Clock) -> None:
    """What lies between two calls belongs to the service: Lindley's recursion over the run gives the run."""
    plan = PacePlan("poisson", gap_ns=0.02 * MS, calls=300, warmup=0, seconds=1e6)
    found = pace(lambda: clock.work(5000), plan)
    left = 0.0
    for gap, idle, occupied, response in zip(
        pacing.gaps(plan), found.found_idle, found.occupied_ns, found.response_ns, strict=True
    ):
        wait = max(0.0, left - gap)
        left = wait + occupied
        assert idle == (wait == 0)
        assert response == pytest.approx(left, abs=2)
        left = response
    assert 30 < sum(found.found_idle) < 270


def test_waking_up_is_part_of_what_a_request_occupies() -> None:
    found = Paced((9, 12), (2, 5), (6, 6), (True, False))
    assert found.service_ns == (7, 7)
    assert found.occupied_ns == (9, 7)


def test_after_pauses_everybody_finds_the_server_idle(clock: Clock) -> None:
    assert all(pace(lambda: clock.work(MS), PacePlan("pause", gap_ns=5 * MS, calls=5, warmup=0)).found_idle)


def test_the_time_limit_ends_the_loop(clock: Clock) -> None:
    found = pace(lambda: clock.work(100 * MS), PacePlan("pause", gap_ns=0, calls=1000, warmup=3, seconds=1))
    assert 5 < len(found.response_ns) < 15


def test_what_is_called() -> None:
    feeds = {"x": np.zeros(1)}
    plain = SimpleNamespace(run=lambda given: ("run", given))
    timed = SimpleNamespace(run=lambda given: None, timer=lambda given: lambda: ("timed", given))
    assert caller(plain, feeds)() == ("run", feeds)
    assert caller(timed, feeds)() == ("timed", feeds)


def test_plan_and_result_travel_as_json() -> None:
    plan = PacePlan("poisson", 1.5, 3, 2, 1.0, 9)
    assert PacePlan(**plan.to_json()) == plan
    found = Paced((1, 2), (0, 1), (1, 1), (True, False))
    data: dict[str, Any] = json.loads(json.dumps({"ok": True, **found.to_json()}))
    assert Paced.from_json(data) == found
