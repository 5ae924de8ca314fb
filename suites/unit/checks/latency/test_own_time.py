"""What requests take by themselves, on machines whose truth is known: nothing that waits for a CPU counts."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_onnxaccel.checks.latency.clocks import by_cpu, side_by_side
from pytest_onnxaccel.checks.latency.load_scenarios import server
from pytest_onnxaccel.checks.latency.own_time import OwnTime, own_time
from pytest_onnxaccel.core.results import Verdict
from pytest_onnxaccel.core.specs import Scenario, Timing
from pytest_onnxaccel.numerics.queueing.arrivals import Paced, PacePlan, pace
from pytest_onnxaccel.numerics.queueing.load_test import certain_share
from pytest_onnxaccel.numerics.timing import perf_counters as counters
from suites.unit.checks.latency.machines import MS, ONE_THREAD, block

CPU = {"provider": "CPUExecutionProvider"}
TWO = {**CPU, "threads": "default", "affinity": [0, 1]}
FIELDS = ("response_ns", "wait_ns", "cpu_ns", "found_idle", "queued_ns")
AT_100 = Scenario("server", rate_per_s=100)


def run(wall_ms: float, cpu_ms: float, queued_ms: float | None = None, count: int = 300) -> Paced:
    """Requests that all find the server idle."""
    queued = () if queued_ms is None else (int(queued_ms * MS),) * count
    each = ((int(wall_ms * MS),), (0,), (int(cpu_ms * MS),), (True,))
    return Paced(*(kind * count for kind in each), queued)  # type: ignore[arg-type]


def row(wall_ms: float, cpu_ms: float, queued_ms: float, other_ms: float) -> list[Any]:
    """Blocks of ten calls and one that was dropped; the rest is a call's."""
    noise = {"queued_ns": 11 * queued_ms * MS, counters.OWN: 11 * (cpu_ms - other_ms) * MS}
    return [block(wall_ms, cpu_ms, noise={**noise, counters.OTHERS: 11 * other_ms * MS}) for _ in range(20)]


def starved() -> tuple[list[Any], Paced, Timing]:
    """A model of 3 ms on two threads that spin for each other, while neighbours have both CPUs most of the time.

    One thread waits for a CPU, the other spins: 67 ms of CPU time in 67 ms, though 6 are what it costs.
    """
    blocks = row(67, 67, 66, 33)
    taken = tuple(int(67 * MS) for _ in range(100))
    return blocks, run(67, 67, 66), Timing(taken, taken, 10, taken[0])


def test_a_starved_machine_is_not_the_models_fault() -> None:
    blocks, requests, calls = starved()
    for paced in (requests, None):
        own = own_time(blocks, paced, TWO)
        assert own.basis == "queue"
        found = server(AT_100, calls, paced, {"p99": 50 * MS}, own=own)
        assert found.verdict is Verdict.INCONCLUSIVE
        assert found.line.startswith("cannot serve 100/s: that would keep it busy for 670% of the time, but by the ")
        assert "its threads together waited 9" in found.line
        assert found.line.endswith("measure on a quieter machine")


def test_what_waits_fails_by_its_own_percentiles_all_the_same() -> None:
    """4 ms on one thread, 100 a second: its own p99 is some 14 ms, on whatever machine."""
    blocks, requests, calls = [block(30, 4) for _ in range(20)], run(30, 4, 26), Timing((30 * 10**6,) * 100, (1,), 1, 1)
    own = own_time(blocks, requests, ONE_THREAD)
    found = server(AT_100, calls, requests, {"p99": 8 * MS}, own=own)
    assert found.verdict is Verdict.FAILED
    assert found.judged[0].startswith("p99 is over the limit of 8 ms: by the model itself it is at least 1")
    assert found.line.startswith("cannot serve 100/s: that would keep it busy for 300% of the time, but by the model")
    assert server(AT_100, calls, requests, {"p99": 20 * MS}, own=own).verdict is Verdict.INCONCLUSIVE


def test_several_threads_are_told_by_the_requests_that_waited_least() -> None:
    """Three of four wait for a CPU all the time, and one takes its 15 ms."""
    blocks = row(15, 30, 0, 15)
    one, crowded = run(15, 30, 0, count=150), run(90, 90, 180, count=450)
    mixed = Paced(*(getattr(crowded, field) + getattr(one, field) for field in FIELDS))
    own = own_time(blocks, mixed, TWO)
    assert set(own.taken_ns) == {15 * MS}
    assert own.waited is not None
    assert own.waited > 1.5
    calls = Timing((90 * 10**6,) * 100, (1,), 1, 1)
    assert server(AT_100, calls, mixed, {"p99": 1e9}, own=own).verdict is Verdict.FAILED
    assert (
        server(Scenario("server", rate_per_s=50), calls, mixed, {"p99": 1e9}, own=own).verdict is Verdict.INCONCLUSIVE
    )


def test_the_same_on_two_threads_that_wait_for_nobody_fails() -> None:
    blocks = row(15, 30, 0, 15)
    requests, taken = run(15, 30, 0), (int(15 * MS),) * 100
    calls = Timing(taken, tuple(2 * ns for ns in taken), 10, taken[0])
    for paced in (requests, None):
        found = server(AT_100, calls, paced, {"p99": 50 * MS}, own=own_time(blocks, paced, TWO))
        assert found.verdict is Verdict.FAILED
        assert found.line.endswith("150% of the time, at least 150% by the model itself")


def test_two_threads_on_one_cpu_are_not_one_thread() -> None:
    """As much CPU time as wall time, and half of it the other thread's."""
    assert not by_cpu(row(67, 67, 66, 33), TWO)
    assert by_cpu(row(67, 67, 0, 0), TWO)
    assert by_cpu(row(67, 67, 66, 33), ONE_THREAD)  # pinned


def test_where_the_run_queue_is_not_told_threads_share_the_cpu_time() -> None:
    blocks = [block(67, 67, noise={counters.OWN: 1.0, counters.OTHERS: 1.0}) for _ in range(20)]
    own = own_time(blocks, run(67, 67), TWO)
    assert (own.basis, own.taken_ns[0], own.waited) == ("cpu", pytest.approx(33.5 * MS), None)
    assert side_by_side(blocks, {**CPU, "threads": 4}) == 4


def test_a_device_is_told_by_wall_time_alone_and_says_so() -> None:
    blocks = [block(12, 1, noise={counters.OWN: 1.0, counters.OTHERS: 0.0}) for _ in range(20)]
    facts = {"provider": "CUDAExecutionProvider"}
    taken = (int(12 * MS),) * 100
    found = server(
        AT_100, Timing(taken, taken, 10, 1), run(12, 1), {"p99": 1e9}, own=own_time(blocks, run(12, 1), facts)
    )
    assert found.verdict is Verdict.FAILED
    assert found.line.endswith("by the model itself (wall time alone)")


def test_a_slow_probe_is_taken_off() -> None:
    quick, slow = ([block(4, 4, probe_ns=ns) for _ in range(10)] for ns in (20_000, 40_000))
    assert own_time([*quick, *slow, *slow], run(4, 4), ONE_THREAD).taken_ns[0] == pytest.approx(2 * MS)


def test_what_is_certain_of_a_mean() -> None:
    assert certain_share([4.0] * 100) == pytest.approx(1)
    spells = [1.0] * 50 + [7.0] * 50
    assert 0.5 < certain_share(spells) < 0.8
    assert certain_share([4.0] * 19) == 0
    own = own_time(row(4, 4, 0, 0), run(4, 4, 0, count=200), TWO)
    assert (own.load(100), own.lower(0.5)) == (pytest.approx(0.4), pytest.approx(4 * MS))
    assert own.told() == ""
    assert isinstance(own, OwnTime)


def test_the_wait_for_a_cpu_is_counted_beside_each_request(monkeypatch: pytest.MonkeyPatch) -> None:
    total = iter(range(0, 10**6, 1000))
    monkeypatch.setattr(counters, "queued", lambda: float(next(total)))
    plan = PacePlan("pause", 1e5, 30, warmup=2, counted=True)
    found = pace(lambda: None, plan)
    assert found.queued_ns == (1000,) * 30
    assert Paced.from_json(found.to_json()) == found
    assert pace(lambda: None, PacePlan("pause", 1e5, 3)).queued_ns == ()
    busy = pace(lambda: None, PacePlan("poisson", 1.0, 30, counted=True))
    assert min(busy.queued_ns) > 1000  # reading it kept the next one waiting
    monkeypatch.setattr(counters, "queued", lambda: None)
    assert pace(lambda: None, plan).queued_ns == ()
