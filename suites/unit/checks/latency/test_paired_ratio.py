"""Two sessions compared on machines whose truth is known: the ratio, which clock decides, and when nothing does."""

from __future__ import annotations

import json
import math

import pytest

from pytest_onnxaccel.checks.latency import paired_ratio as relative
from pytest_onnxaccel.checks.latency import relative_budget as ratios
from pytest_onnxaccel.checks.latency.paired_ratio import Arm, Interval, Ratio, compare
from pytest_onnxaccel.core.results import Verdict
from suites.unit.checks.latency.machines import Machine, Timed, bursts


def arms(machine: Machine, first: float, second: float, **more: object) -> tuple[Arm, Arm, Arm]:
    costs = (("first", first), ("second", second), ("twin", second))
    made = [Arm(name, Timed(machine, cost, **more), {}) for name, cost in costs]  # type: ignore[arg-type]
    return made[0], made[1], made[2]


def ratio(
    low: float, high: float, control: float | None = 1.0, clock: str = "cpu", noise: dict[str, float] | None = None
) -> Ratio:
    middle = Interval(math.sqrt(low * high), low, high)
    twin = None if control is None else Interval(control, control, control)
    return Ratio(middle, middle, clock, twin, 5.0, 5.0, 20, 3, 1.0, noise or {}, 0, 10**9)


# -- what is measured -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("truth", [1.0, 1.2, 3.0])
def test_a_quiet_machine_shows_the_truth_at_the_first_look(truth: float) -> None:
    found = compare(*arms(Machine(), 5 * truth, 5), against=1.1)
    assert found.pairs == relative.LOOKS[0]
    assert found.low <= truth <= found.high
    assert found.ratio == pytest.approx(truth, rel=0.02)
    assert found.above(1.1) is (truth > 1.1)
    assert found.below(1.1) is (truth < 1.1)
    assert (found.clock, found.fit) == ("cpu", True)


def test_neighbours_are_seen_by_wall_time_and_left_out_by_cpu_time() -> None:
    found = compare(*arms(Machine(waiting=bursts(20.0, 7, 3)), 5, 5), against=1.1)
    assert found.clock == "cpu"
    assert found.below(1.1)
    assert found.wall.high > 1.5


def test_a_slowing_machine_slows_both_sides() -> None:
    """Twice as slow halfway: two loops one after the other would read 2."""
    found = compare(*arms(Machine(slow=lambda n: 1.0 if n < 300 else 2.0), 5, 5), against=None, looks=(80,))
    assert found.ratio == pytest.approx(1.0, rel=0.02)


def test_several_threads_are_told_by_wall_time() -> None:
    """As much CPU time, but no longer side by side: a regression that CPU time does not show."""
    machine = Machine()
    serial = Arm("serial", Timed(machine, 10, {"provider": "CPUExecutionProvider", "threads": 2}), {})
    pair = [
        Arm(name, Timed(machine, 5, {"provider": "CPUExecutionProvider", "threads": 2}, side=2.0), {})
        for name in ("second", "twin")
    ]
    found = compare(serial, *pair, against=1.1)
    assert found.clock == "wall"
    assert found.above(1.1)
    assert found.cpu.ratio == pytest.approx(1.0, rel=0.02)


def test_a_device_is_told_by_wall_time() -> None:
    facts = {"provider": "CUDAExecutionProvider", "threads": 1}
    assert compare(*arms(Machine(), 5, 5, facts=facts), against=1.1).clock == "wall"


def test_the_control_tells_that_the_machine_is_not_fit() -> None:
    machine = Machine()
    first, second, _ = arms(machine, 5, 5)
    found = compare(first, second, Arm("twin", Timed(machine, 5.3), {}), against=1.1)
    assert not found.fit
    assert not found.below(1.1)
    assert found.pairs == relative.LOOKS[-1]


def test_what_is_close_takes_every_look_and_stays_open() -> None:
    found = compare(*arms(Machine(jitter=0.2), 5.5, 5), against=1.1)
    assert found.pairs == relative.LOOKS[-1]
    assert not found.above(1.1)
    assert not found.below(1.1)


def test_every_arm_has_equal_use() -> None:
    machine = Machine()
    found = arms(machine, 5, 5)
    compare(*found, against=1.1)
    plans = [arm.session.plans for arm in found]  # type: ignore[attr-defined]
    assert plans[0] == plans[1] == plans[2]
    assert len(plans[0]) == 1 + relative.LOOKS[0]
    # A block drops its first call, and is not a place for a warm-up of its own
    assert {(p.warmup, p.steady, p.samples == p.least) for p in plans[0][1:]} == {(1, False, True)}


def test_fast_calls_fill_a_block_and_slow_ones_are_one() -> None:
    assert relative._calls(1e4) == relative.CALLS[1]
    assert relative._calls(5e6) == relative.CALLS[0]
    assert relative._calls(2e8) == 1


def test_out_of_time_it_says_what_it_has() -> None:
    found = compare(*arms(Machine(), 5, 5), against=1.1, seconds=0)
    assert found.pairs == 2
    assert found.decisive.high == math.inf
    assert "unbounded" in str(found.decisive)


def test_without_a_twin_there_is_no_control() -> None:
    first, second, _ = arms(Machine(), 10, 5)
    found = compare(first, second, against=1.5)
    assert (found.control, found.fit, found.above(1.5)) == (None, True, True)
    assert json.loads(json.dumps(found.to_json()))["control"] is None


# -- what is made of it -----------------------------------------------------------------------------------------


def test_speed_up() -> None:
    passed = ratios.speedup(ratio(3.1, 3.4), "onnx-tf", 3)
    assert passed.judged.verdict is Verdict.PASSED
    assert passed.judged.text.startswith(
        "3.25 (3.1 to 3.4) times as fast as onnx-tf, asked for 3; by CPU time, by wall"
    )
    assert passed.figures()["speedup"] == pytest.approx(3.2466, rel=1e-3)
    assert passed.figures()["speedup_over"] == "onnx-tf"
    assert ratios.speedup(ratio(2.5, 2.9), "onnx-tf", 3).judged.verdict is Verdict.FAILED
    assert ratios.speedup(ratio(2.9, 3.1), "onnx-tf", 3).judged.verdict is Verdict.INCONCLUSIVE


def test_a_baseline_that_did_not_run() -> None:
    found = ratios.speedup(None, "onnx-tf", 3)
    assert found.judged.verdict is Verdict.INCONCLUSIVE
    assert found.judged.text == "onnx-tf did not run, so there is nothing to be 3 times faster than"
    assert found.figures() == {"speedup": None, "speedup_over": "onnx-tf"}


def test_regression() -> None:
    assert ratios.regression(ratio(0.97, 1.04), "main.onnx", 0.1).judged.verdict is Verdict.PASSED
    failed = ratios.regression(ratio(1.15, 1.25), "main.onnx", 0.1)
    assert failed.judged.verdict is Verdict.FAILED
    assert failed.judged.text.startswith("+19.9% (+15.0% to +25.0%) in time against main.onnx, allowed +10%; by CPU")
    assert failed.figures()["regression"] == pytest.approx(0.199, rel=1e-2)
    assert failed.figures()["regression_bounds"] == pytest.approx([0.15, 0.25])
    open_ = ratios.regression(ratio(1.05, 1.15, noise={"queued_ns": 4e8, "switches": 30.0}), "main.onnx", 0.1)
    assert open_.judged.verdict is Verdict.INCONCLUSIVE
    assert open_.judged.text.endswith("; run queue 40%, 30 involuntary switches")
    assert "to unbounded)" in ratios.regression(ratio(0.5, math.inf), "main.onnx", 0.1).judged.text


@pytest.mark.parametrize("bounds", [(0.97, 1.04), (1.15, 1.25)])
def test_an_unfit_machine_neither_passes_nor_fails(bounds: tuple[float, float]) -> None:
    found = ratios.regression(ratio(*bounds, control=1.05), "main.onnx", 0.1)
    assert found.judged.verdict is Verdict.INCONCLUSIVE
    assert found.judged.text.startswith(
        "the machine is too noisy to decide: two sessions of the same model differ by +5.0%, more than 3%"
    )


def test_the_deciding_clock_is_named_first() -> None:
    assert "; by wall time, by CPU time 1 (" in ratios.regression(ratio(0.99, 1.01, clock="wall"), "m", 0.1).judged.text
