"""Scenarios judged: limits kept, limits past by the model's own computing, and what only a busy machine explains."""

from __future__ import annotations

import random
from typing import Any

import pytest

from pytest_onnxaccel.checks.latency.absolute_budget import judge
from pytest_onnxaccel.checks.latency.load_scenarios import (
    Served,
    confirmed,
    idle_gap,
    limits,
    max_sustainable_rate,
    offline,
    server,
)
from pytest_onnxaccel.checks.latency.own_time import own_time
from pytest_onnxaccel.core.results import Verdict
from pytest_onnxaccel.core.specs import LatencyBudget, Scenario, Timing
from pytest_onnxaccel.numerics.queueing.arrivals import Paced
from pytest_onnxaccel.numerics.queueing.load_test import throughput
from suites.unit.checks.latency.machines import ONE_THREAD, block
from suites.unit.fakes import timing

MS = 1e6
PASSED, FAILED, INCONCLUSIVE = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE


def paced(wall_ms: float, cpu_ms: float | None = None, count: int = 200) -> Paced:
    wall = int(wall_ms * MS)
    return Paced(
        (wall,) * count, (0,) * count, (int((wall_ms if cpu_ms is None else cpu_ms) * MS),) * count, (True,) * count
    )


def requests(wall_ms: float, cpu_ms: float | None = None, waking_ms: float = 0, count: int = 200) -> Paced:
    """Requests at random, of which each third found the server idle, and was kept waiting by sleeping threads."""
    call, computing = int(wall_ms * MS), int((wall_ms if cpu_ms is None else cpu_ms) * MS)
    waits = [int(waking_ms * MS) if i % 3 == 0 else int(2 * MS) for i in range(count)]
    idle = tuple(i % 3 == 0 for i in range(count))
    return Paced(tuple(call + wait for wait in waits), tuple(waits), (computing,) * count, idle)


def calls(wall_ms: float, cpu_ms: float | None = None, count: int = 400) -> Timing:
    return timing([wall_ms] * count, None if cpu_ms is None else [cpu_ms] * count)


def own(row: Timing, run: Paced | None) -> Any:
    """What the calls of *row* and *run* take by themselves, on one thread."""
    blocks = [block(wall / MS, cpu / MS, calls=1) for wall, cpu in zip(row.wall_ns, row.cpu_ns, strict=True)]
    return own_time(blocks, run, ONE_THREAD)


AT_100 = Scenario("server", rate_per_s=100)


def test_limits_of_a_budget() -> None:
    assert limits(LatencyBudget(p50_ns=1.0, p99_ns=3.0)) == {"p50": 1.0, "p99": 3.0}


# -- server


@pytest.mark.parametrize(
    ("run", "load", "limit_ms", "verdict"),
    [
        (requests(4), 0.4, 30, PASSED),
        (requests(4), 0.4, 5, FAILED),  # the queue alone makes it longer, whatever the machine does
        (requests(4, 1), 0.4, 5, INCONCLUSIVE),  # the calls wait for a CPU: alone they would keep it
        (requests(4, 4, 12), 0.802, 20, INCONCLUSIVE),  # waking up takes long
    ],
)
def test_p99_of_requests_that_queue(run: Paced, load: float, limit_ms: float, verdict: Verdict) -> None:
    found = server(AT_100, calls(3), run, {"p99": limit_ms * MS}, own=own(calls(3), run))
    assert found.verdict is verdict
    if verdict is FAILED:
        assert "p99 is over the limit of 5 ms: by the model itself it is at least " in found.judged[0]
        assert server(AT_100, calls(3), run, {"p99": limit_ms * MS}).verdict is INCONCLUSIVE  # without evidence
    assert found.figures["utilisation"] == pytest.approx(load)
    assert f"at 100/s (busy for {load:.0%} of the time)" in found.line
    assert "p99" in found.judged[0]


def test_without_a_limit_a_rate_is_measured() -> None:
    found = server(AT_100, calls(4), requests(4), {})
    assert (found.verdict, found.judged) == (PASSED, ())
    assert 4 < found.figures["p95_ms"] < found.figures["p99_ms"] < found.figures["p99_upper_ms"]


@pytest.mark.parametrize(
    ("row", "run", "asked", "verdict"),
    [
        (calls(12), None, {"p99": 1e9}, FAILED),
        (calls(12, 5), None, {"p99": 1e9}, INCONCLUSIVE),  # by CPU time it would be busy for half of the time
        (calls(12), None, {}, PASSED),
        # Calls in a row would do, those of the run do not
        (calls(9), requests(12), {"p99": 1e9}, FAILED),
        (calls(9), requests(12, 5), {"p99": 1e9}, INCONCLUSIVE),
        (calls(9), requests(12), {}, PASSED),
    ],
)
def test_a_rate_that_cannot_be_served(
    row: Timing, run: Paced | None, asked: dict[str, float], verdict: Verdict
) -> None:
    found = server(AT_100, row, run, asked, own=own(row, run))
    assert found.verdict is verdict
    assert (
        found.line
        == "cannot serve 100/s: that would keep it busy for 120% of the time"
        + {
            PASSED: "",
            FAILED: ", at least 120% by the model itself",
            INCONCLUSIVE: ", but by the model itself for no more than 50% for certain: measure on a quieter machine",
        }[verdict]
    )
    assert server(AT_100, row, run, asked).verdict is (INCONCLUSIVE if asked else PASSED)  # without evidence


def test_a_live_run_that_breaks_the_limit_is_not_overruled() -> None:
    kept = server(AT_100, calls(4), requests(4), {"p99": 30 * MS}, live=paced(6))
    assert kept.verdict is PASSED
    assert kept.figures["live_p99_ms"] == pytest.approx(6)
    broken = server(AT_100, calls(4), requests(4), {"p99": 30 * MS}, live=paced(31))
    assert broken.verdict is INCONCLUSIVE
    assert broken.judged == ("p99 of the live run is 31 ms, limit 30 ms",)


def test_two_threads_are_not_taken_for_twice_the_work() -> None:
    found = server(AT_100, calls(4, 8), requests(4, 8), {"p99": 30 * MS})
    assert found.verdict is PASSED


# -- the rate that a target bears


def test_the_highest_bearable_rate() -> None:
    found = max_sustainable_rate(Scenario("server", target_ns=30 * MS), calls(4), requests(4))
    rate = found.figures["bearable_per_s"]
    assert found.verdict is PASSED
    assert server(Scenario("server", rate_per_s=rate), calls(4), requests(4), {"p99": 30 * MS}).verdict is PASSED
    more = Scenario("server", rate_per_s=rate + 0.03 * 250)
    assert server(more, calls(4), requests(4), {"p99": 30 * MS}).verdict is not PASSED


def test_a_long_target_bears_almost_all() -> None:
    found = max_sustainable_rate(Scenario("server", target_ns=60e9), calls(4), requests(4))
    assert found.figures["bearable_per_s"] == pytest.approx(250, rel=0.03)


@pytest.mark.parametrize(("cpu_ms", "verdict"), [(4.0, FAILED), (0.5, INCONCLUSIVE)])
def test_no_rate_bears_less_than_one_call(cpu_ms: float, verdict: Verdict) -> None:
    found = max_sustainable_rate(
        Scenario("server", target_ns=1 * MS), calls(4, cpu_ms), requests(4, cpu_ms),
        own=own(calls(4, cpu_ms), requests(4, cpu_ms)),
    )  # fmt: skip
    assert found.verdict is verdict
    assert found.line.startswith("sustains no rate with p99 within 1 ms: a single request takes 4 ms")
    assert ("measure on a quieter machine" in found.line) is (verdict is INCONCLUSIVE)


# -- limits that even the fastest call is far past, on a machine that leaves nothing certain


def crowded(run: Paced | None) -> Any:
    """What is told of two threads of which each waited longer than the calls took."""
    blocks = [block(4, 5.3, noise={"queued_ns": 600 * MS}) for _ in range(20)]
    if run is not None:
        run = Paced(run.response_ns, run.wait_ns, run.cpu_ns, run.found_idle, tuple(2 * ns for ns in run.response_ns))
    return own_time(blocks, run, {"provider": "CPUExecutionProvider", "threads": 2})


@pytest.mark.parametrize(("limit_ms", "verdict"), [(1e-6, FAILED), (1.0, INCONCLUSIVE)])
@pytest.mark.parametrize("rate", [100, 10_000])
def test_far_past_a_limit_of_requests(limit_ms: float, verdict: Verdict, rate: float) -> None:
    scenario = Scenario("server", rate_per_s=rate)
    run = requests(4) if rate == 100 else None
    found = server(scenario, calls(4), run, {"p99": limit_ms * MS}, own=crowded(run))
    assert found.verdict is verdict, found.message
    assert ("the fastest of 400 calls took 4 ms, 4,000,000 times as much" in found.message) is (verdict is FAILED)


@pytest.mark.parametrize(("limit_ms", "verdict"), [(1e-6, FAILED), (1.0, INCONCLUSIVE)])
def test_far_past_a_limit_after_pauses_and_of_a_rate(limit_ms: float, verdict: Verdict) -> None:
    run = paced(6)
    after = idle_gap(Scenario("idle-gap", pause_ns=50 * MS), run, calls(4), {"p95": limit_ms * MS}, crowded(run))
    assert after.verdict is verdict, after.message
    sought = max_sustainable_rate(Scenario("server", target_ns=limit_ms * MS), calls(4), run, own=crowded(run))
    assert sought.verdict is verdict, sought.message


# -- pauses


@pytest.mark.parametrize(
    ("after", "limit_ms", "verdict"),
    [
        (paced(6), 7, PASSED),
        (paced(6), 5, FAILED),
        (paced(6, 3), 5, INCONCLUSIVE),
        (paced(6, count=20), 7, INCONCLUSIVE),
        (paced(6, count=20), 1500, PASSED),  # 250 times the slowest call
    ],
)
def test_calls_after_a_pause(after: Paced, limit_ms: float, verdict: Verdict) -> None:
    found = idle_gap(
        Scenario("idle-gap", pause_ns=50 * MS), after, calls(4), {"p95": limit_ms * MS}, own(calls(4), after)
    )
    assert found.verdict is verdict
    assert found.figures["over_no_pause"] == pytest.approx(1.5)
    assert found.line.startswith("after pauses of 50 ms: p50 6 ms, p95 6 ms")


# -- samples per second


def sized(batch: int, call_ms: float, cpu_ms: float | None = None, **wanted_ms: float) -> tuple:
    blocks = [block(call_ms, cpu_ms) for _ in range(20)]
    found = judge(blocks, ONE_THREAD, {key: limit * MS for key, limit in wanted_ms.items()})
    return throughput([call_ms * MS] * 200, batch), tuple(found.judged.values())


OFFLINE = Scenario("offline")


def test_the_best_size_by_what_is_certain() -> None:
    draw = random.Random(1)
    shaky = timing([draw.choice((1.0, 30.0)) for _ in range(40)])
    found = offline(OFFLINE, [sized(1, 4), sized(8, 16), (throughput(shaky.wall_ns, 8), ())], {16: "too large"})
    assert (found.verdict, found.figures["batch"]) == (PASSED, 8)
    assert found.figures["throughput_lower_per_s"] == pytest.approx(500)
    assert found.figures["left_out"] == {"16": "too large"}
    assert found.line.startswith("500 samples/s at batch 8, certainly 500/s")


def test_only_sizes_inside_the_limits_count() -> None:
    assert offline(OFFLINE, [sized(1, 4, p95=10), sized(8, 16, p95=10)], {}).figures["batch"] == 1
    none = offline(OFFLINE, [sized(1, 4, p95=2), sized(8, 16, p95=2)], {})
    assert none.verdict is FAILED
    assert none.line.startswith("no batch size of 1, 8 keeps its limits: p95 of 4 ms is over the limit of 2 ms")
    busy = offline(OFFLINE, [sized(1, 4, 1, p95=2), sized(8, 16, p95=2)], {})
    assert busy.verdict is INCONCLUSIVE


# -- a second try


def test_a_failure_is_confirmed_or_inconclusive() -> None:
    failed, passed = Served(FAILED, "slow", {}, ("p99 is over",)), Served(PASSED, "fast", {})
    assert confirmed(failed, failed).judged == ("p99 is over", "confirmed in a fresh process")
    again = confirmed(failed, passed)
    assert again.verdict is INCONCLUSIVE
    assert "at first p99 is over; slow; then fast" in again.message
