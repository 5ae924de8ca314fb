"""The speed table's figures: by hand, in spells, and of ways that are not here."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from pytest_onnxaccel.checks.latency.paired_ratio import Arm
from pytest_onnxaccel.checks.speed.table import ADVISED, ONNX_TF, SHIPPED, SOURCE, TWIN, SpeedTable, Way, control, rows
from pytest_onnxaccel.checks.speed.turns import REST, Turns
from suites.unit.checks.latency.machines import Machine, Timed

MS = 1e6
WAYS = (Way(SOURCE, "PyTorch 2"), Way(ONNX_TF, "onnx-tf", "is not built", "env onnx-tf"), Way(SHIPPED, "as shipped"))


def blocks(ms: float, count: int = 40, spread: float = 0.02, seed: int = 0) -> list[list[int]]:
    draw = random.Random(seed)
    return [[int(ms * MS * draw.uniform(1 - spread, 1 + spread)) for _ in range(3)] for _ in range(count)]


def test_each_row_is_set_beside_those_above_it() -> None:
    found = rows(
        (*WAYS, Way(ADVISED, "as advised")), {SOURCE: blocks(20), SHIPPED: blocks(8, seed=1), ADVISED: blocks(2)}
    )
    source, tensorflow, shipped, advised = found
    assert source.taken is not None
    assert source.taken.value == pytest.approx(20 * MS, rel=0.02)
    assert source.times == {}
    assert (tensorflow.taken, dict(tensorflow.times), tensorflow.to_json()["timed"]) == (None, {}, False)
    assert list(shipped.times) == [SOURCE]
    assert shipped.times[SOURCE].low < 2.5 < shipped.times[SOURCE].high
    assert shipped.times[SOURCE].high / shipped.times[SOURCE].low < 1.05
    assert list(advised.times) == [SOURCE, SHIPPED]
    assert advised.times[SHIPPED].ratio == pytest.approx(4, rel=0.02)
    told = advised.to_json()
    assert told["p50_ms"] == pytest.approx(2, rel=0.02)
    assert told["low_ms"] < told["p50_ms"] < told["high_ms"]
    assert told["calls"] == 120


def test_too_few_samples_have_no_bounds_and_say_so() -> None:
    (source, shipped) = rows((WAYS[0], WAYS[2]), {SOURCE: blocks(20, 2), SHIPPED: blocks(8, 2)})
    assert source.taken is not None
    assert str(shipped.times[SOURCE]).endswith("(no bounds: too few pairs in the time)")


@pytest.mark.parametrize(("twin_ms", "fit"), [(8, True), (8.2, True), (9, False), (7, False)])
def test_two_equal_sessions_say_whether_the_machine_is_fit(twin_ms: float, fit: bool) -> None:
    found = control({SHIPPED: blocks(8), TWIN: blocks(twin_ms, seed=2)})
    assert found is not None
    assert SpeedTable("m", (), found, 40, 1, 1.0).fit is fit
    assert control({SHIPPED: blocks(8)}) is None
    assert SpeedTable("m", (), None, 40, 1, 1.0).fit


def test_two_equal_sessions_that_are_equal_by_luck_are_not_enough() -> None:
    found = control({SHIPPED: blocks(8, 20, 0.6), TWIN: blocks(8, 20, 0.6, seed=2)})
    assert found is not None
    lucky = replace(found, ratio=1.0)
    assert lucky.high / lucky.low > 1.2
    assert not SpeedTable("m", (), lucky, 20, 1, 1.0).fit


def test_sessions_take_turns_so_that_neighbours_hit_all_alike() -> None:
    """Five times slower for half of the time: the ratio holds."""
    machine = Machine(slow=lambda n: 5.0 if n % 900 < 450 else 1.0)
    arms = {key: Arm(key, Timed(machine, cost), {}) for key, cost in ((SOURCE, 6), (SHIPPED, 3), (TWIN, 3))}
    turns, taken = Turns(arms, seed=1, rest=0), {key: list[tuple[int, ...]]() for key in arms}
    for _ in range(40):
        for key, found in turns.round().items():
            assert len(found) == 2
            taken[key] += found
    _, shipped = rows((WAYS[0], WAYS[2]), taken)
    assert shipped.times[SOURCE].ratio == pytest.approx(2, rel=0.03)
    assert control(taken).ratio == pytest.approx(1, rel=0.03)  # type: ignore[union-attr]


def test_threads_that_spin_for_the_last_call_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    rests: list[float] = []
    monkeypatch.setattr("pytest_onnxaccel.checks.speed.turns.time.sleep", rests.append)
    Turns({SHIPPED: Arm(SHIPPED, Timed(Machine(), 3), {}), TWIN: Arm(TWIN, Timed(Machine(), 3), {})}, seed=1).round()
    assert rests == [REST] * 4


def test_blocks_are_as_long_as_their_own_calls_need() -> None:
    """A slow source does not make the blocks of the fast runtime short."""
    arms = {key: Arm(key, Timed(Machine(), cost), {}) for key, cost in ((SOURCE, 200.0), (SHIPPED, 0.1))}
    turns = Turns(arms, seed=1, rest=0)
    assert {key: len(found[0]) for key, found in turns.round().items()} in (
        {SOURCE: 1, SHIPPED: count} for count in (20, 21)
    )
    assert turns.round_ns == pytest.approx(2 * (200 * 2 + 0.1 * 21) * MS, rel=0.05)
