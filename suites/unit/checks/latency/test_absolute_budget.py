"""Budgets in milliseconds on machines whose truth is known: each verdict, for its own reason."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_onnxaccel.checks.latency import absolute_budget as absolute
from pytest_onnxaccel.checks.latency.absolute_budget import Sampled, judge, limits, on_processor, sample, slowness
from pytest_onnxaccel.core.results import Verdict
from pytest_onnxaccel.core.specs import LatencyBudget
from pytest_onnxaccel.numerics.timing import perf_counters as counters
from suites.unit.checks.latency.machines import MS, ONE_THREAD, Machine, Timed, block, bursts


@pytest.fixture(autouse=True)
def steady_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of this machine nothing may come in."""
    monkeypatch.setattr("pytest_onnxaccel.numerics.timing.machine_speed_probe.run", lambda: 20_000)
    monkeypatch.setattr(counters, "read", lambda: {"queued_ns": 0.0, "switches": 0.0})


def sampled(machine: Machine, cost_ms: float, seconds: float = 20.0, **wanted_ms: float) -> Sampled:
    wanted = {key: value * MS for key, value in wanted_ms.items()}
    return sample(Timed(machine, cost_ms), {}, wanted, cost_ms * MS, seconds)


def test_inside_the_limit_is_decided_at_the_first_look() -> None:
    found = sampled(Machine(), 5, p95=8)
    assert found.judged["p95"].verdict is Verdict.PASSED
    assert found.judged["p95"].text.startswith("p95 of 5.0")
    assert found.judged["p95"].text.endswith("ms, limit 8 ms")
    assert sum(len(b.wall_ns) for b in found.blocks) == absolute.BLOCKS * absolute.CALLS
    assert found.basis == "cpu"


def test_over_by_its_own_computing_fails() -> None:
    found = sampled(Machine(), 6.5, p95=5).judged["p95"]
    assert found.verdict is Verdict.FAILED
    assert "is over the limit of 5 ms, and the model itself computes for 6.5" in found.text


def test_over_by_computing_while_neighbours_work_fails_too() -> None:
    assert sampled(Machine(waiting=bursts(20.0)), 6.5, p95=5).judged["p95"].verdict is Verdict.FAILED


def test_over_by_waiting_is_inconclusive_and_the_waiting_is_told() -> None:
    found = sampled(Machine(waiting=bursts(9.0)), 5, p95=8).judged["p95"]
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.text.startswith("p95 over by 6.0")
    assert "of which 6.0" in found.text
    assert "waiting for a CPU" in found.text
    assert "measure on a quieter machine" in found.text


def test_a_wait_that_the_percentile_leaves_out_does_not_matter() -> None:
    """One call in a hundred, not in spells."""
    assert sampled(Machine(waiting=lambda n: 50.0 if n % 100 == 0 else 0.0), 5, p50=8).judged["p50"].verdict is (
        Verdict.PASSED
    )


def test_close_to_the_limit_the_samples_are_extended_and_the_bound_is_told() -> None:
    machine = Machine(jitter=0.5)
    found = sampled(machine, 5, p95=7.26)
    assert sum(len(b.wall_ns) for b in found.blocks) == 4 * absolute.BLOCKS * absolute.CALLS
    assert found.judged["p95"].verdict is Verdict.INCONCLUSIVE


def test_inside_but_in_spells_is_not_yet_decided() -> None:
    """4 % of calls are past the limit, all in one spell: as few independent samples, no bound."""
    blocks = [block(5) for _ in range(19)] + [block(9, 5)]
    found = judge(blocks, ONE_THREAD, {"p95": 8 * MS}).judged["p95"]
    assert found.verdict is Verdict.INCONCLUSIVE


def test_what_cannot_be_bounded_is_refused() -> None:
    found = judge([block(5) for _ in range(5)], ONE_THREAD, {"p95": 80 * MS}).judged["p95"]
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.text == "50 samples cannot bound p95, which needs 59"
    assert judge([block(5, calls=59)], ONE_THREAD, {"p95": 8 * MS}).judged["p95"].verdict is Verdict.PASSED
    assert judge([block(5, calls=298)], ONE_THREAD, {"p99": 8 * MS}).judged["p99"].text == (
        "298 samples cannot bound p99, which needs 299"
    )
    assert judge([block(5, calls=299)], ONE_THREAD, {"p99": 8 * MS}).judged["p99"].verdict is Verdict.PASSED


@pytest.mark.parametrize(("calls", "limit_ms", "verdict"), [(2, 1250, "passed"), (50, 1250, "passed"), (50, 80, "")])
def test_a_limit_far_above_the_slowest_call_needs_no_number_of_samples(
    calls: int, limit_ms: float, verdict: str
) -> None:
    found = judge([block(4, calls=calls - 1), block(5, calls=1)], ONE_THREAD, {"p95": limit_ms * MS}).judged["p95"]
    assert found.verdict is (Verdict.PASSED if verdict else Verdict.INCONCLUSIVE)
    assert not verdict or found.text == (
        f"{calls} samples cannot bound p95, but the slowest took 5 ms, of which the limit of 1.25e+03 ms is 250 times"
    )


def test_spells_do_not_make_a_limit_far_above_undecided() -> None:
    """Slow calls in one spell are worth too few samples, and none is anywhere near the limit."""
    blocks = [block(3) for _ in range(10)] + [block(4) for _ in range(10)]
    assert judge(blocks, ONE_THREAD, {"p99": 1000 * MS}).judged["p99"].verdict is Verdict.PASSED


@pytest.mark.parametrize(("limit_ms", "verdict"), [(0.001, Verdict.FAILED), (0.1, Verdict.INCONCLUSIVE)])
def test_a_limit_far_below_the_fastest_call_fails_however_long_threads_waited(
    limit_ms: float, verdict: Verdict
) -> None:
    """Two threads that both wait all the time: nothing is known of what they compute."""
    crowded = [block(30, 40, noise={"queued_ns": 600 * MS}) for _ in range(20)]
    facts = {"provider": "CPUExecutionProvider", "threads": 2}
    found = judge(crowded, facts, {"p95": limit_ms * MS}).judged["p95"]
    assert found.verdict is verdict, found.text
    assert verdict is Verdict.INCONCLUSIVE or found.text == (
        "p95 is over the limit of 0.001 ms: the fastest of 200 calls took 30 ms, 30,000 times as much"
    )


def test_one_call_that_was_left_alone_is_enough_for_doubt() -> None:
    crowded = [block(30, 40, noise={"queued_ns": 600 * MS}) for _ in range(20)]
    facts = {"provider": "CPUExecutionProvider", "threads": 2}
    found = judge([*crowded, block(0.5, 40, calls=1, noise={"queued_ns": 600 * MS})], facts, {"p95": 0.001 * MS})
    assert found.judged["p95"].verdict is Verdict.INCONCLUSIVE


def test_a_limit_far_below_the_fastest_call_needs_no_number_of_samples() -> None:
    found = judge([block(5, calls=2)], ONE_THREAD, {"p99": 0.001 * MS}).judged["p99"]
    assert (found.verdict, found.text.endswith("5,000 times as much")) == (Verdict.FAILED, True)


def test_out_of_time_it_is_refused() -> None:
    found = sampled(Machine(), 5, seconds=0, p99=8).judged["p99"]
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "cannot bound p99" in found.text


def test_each_limit_is_judged_by_itself() -> None:
    found = sampled(Machine(), 5, p50=2, p95=8)
    assert {key: one.verdict for key, one in found.judged.items()} == {"p50": Verdict.FAILED, "p95": Verdict.PASSED}


# -- what the model computes by itself --------------------------------------------------------------------------


def basis(blocks: list[Any], **facts: Any) -> tuple[list[float], str]:
    own, told_by = on_processor(blocks, facts)
    return [values[0] / MS for values in own], told_by


def test_one_thread_is_told_by_its_cpu_time() -> None:
    assert basis([block(9, 5)], **ONE_THREAD) == ([5.0], "cpu")


def test_several_threads_are_told_by_the_run_queue() -> None:
    """11 calls of 9 ms, of which the threads waited 33 ms: a third."""
    waited = block(9, 16, noise={"queued_ns": 33 * MS})
    own, told_by = basis([waited], provider="CPUExecutionProvider", threads=2)
    assert own == [pytest.approx(6.0)]
    assert told_by == "queue"


def test_several_threads_are_told_by_the_blocks_that_waited_least() -> None:
    """Two threads that both wait all the time say nothing of what they compute."""
    crowded = [block(30, 40, noise={"queued_ns": 600 * MS}) for _ in range(15)]
    quiet = [block(9, 16, noise={"queued_ns": 0.0}) for _ in range(5)]
    facts = {"provider": "CPUExecutionProvider", "threads": 2}
    own, _ = basis([*crowded[:7], *quiet, *crowded[7:]], **facts)
    assert own == [9.0] * 5
    assert judge([*crowded, *quiet], facts, {"p50": 8 * MS}).judged["p50"].verdict is Verdict.FAILED
    assert judge([*crowded, *quiet], facts, {"p50": 10 * MS}).judged["p50"].verdict is Verdict.INCONCLUSIVE


def test_several_threads_without_a_run_queue_are_told_by_cpu_time_side_by_side() -> None:
    quiet = [block(5, 10) for _ in range(9)]
    own, told_by = basis([*quiet, block(15, 10)], provider="CPUExecutionProvider", threads=2)
    assert told_by == "cpu"
    assert own[-1] == pytest.approx(5.0)


def test_a_device_without_a_run_queue_is_told_by_wall_time_alone() -> None:
    assert basis([block(9, 1)], provider="CUDAExecutionProvider") == ([9.0], "wall")
    found = judge([block(9, 1, calls=100)], {"provider": "CUDAExecutionProvider"}, {"p95": 8 * MS})
    assert found.judged["p95"].verdict is Verdict.FAILED
    assert found.judged["p95"].text.endswith("(wall time alone)")


def test_an_unknown_provider_is_told_by_what_it_does() -> None:
    assert basis([block(9, 9)])[1] == "cpu"
    assert basis([block(9, 2)])[1] == "wall"


def test_a_slow_probe_takes_the_slowness_off_the_model() -> None:
    """A neighbour on the sibling thread makes CPU time longer, and that of the speed probe with it."""
    quiet = [block(5, probe_ns=20_000) for _ in range(10)]
    slow = [block(8, probe_ns=32_000) for _ in range(10)]
    assert slowness([*quiet, *slow])[-1] == pytest.approx(1.6)
    found = judge([*quiet, *slow], ONE_THREAD, {"p50": 4.9 * MS, "p95": 6 * MS}).judged
    assert found["p50"].verdict is Verdict.FAILED
    assert found["p95"].verdict is Verdict.INCONCLUSIVE
    assert slowness([block(5)]) == [1.0]


def test_noise_is_told_where_it_is_more_than_nothing() -> None:
    found = {"queued_ns": 2e8, "steal_ns": 1e6, "throttled_ns": 5e8, "switches": 12.0}
    assert absolute.noise_text(found, 1e9) == "; run queue 20%, throttling 50%, 12 involuntary switches"
    assert absolute.noise_text({}, 1e9) == ""


def test_limits_are_those_that_are_set() -> None:
    assert limits(LatencyBudget(p95_ns=1.0, p99_ns=0.0)) == {"p95": 1.0, "p99": 0.0}
