"""What a request would have taken as another kind, where that is known because a simulation made it so."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from pytest_onnxaccel.numerics.queueing.counterfactual import FEWEST, as_kinds, regimes

#: How much longer a request of each kind takes, and requests of a run.
EFFECTS, COUNT = (1.3, 1.0), 20_000


def served(
    seed: int, effects: tuple[float, float] = EFFECTS, stalls: tuple[int, ...] = ()
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What requests took and which waited, and the machine's speed at each, which the others do not show by itself.

    A request waits when it comes in before the last one is done: the slower the machine, the more of them.
    """
    draw = random.Random(seed)
    mood, last = 0.0, 0.0
    found = []
    for number in range(COUNT):
        mood = 0.95 * mood + 0.08 * draw.gauss(0, 1)
        waits = draw.expovariate(1) * 2 < last
        last = effects[int(waits)] * math.exp(mood) * draw.lognormvariate(0, 0.05) * (10 if number in stalls else 1)
        found.append((last, waits, math.exp(mood)))
    taken, waited, speed = np.asarray(found).T
    return taken, waited.astype(bool), speed


def test_kinds_differ_by_what_they_are_alone() -> None:
    taken, waited, _ = served(1)
    as_met = taken[~waited].mean() / taken[waited].mean()
    assert as_met < 1.22  # those that wait are those of slow moments
    alone, waiting = as_kinds(taken, (~waited, waited))
    assert alone is not None
    assert waiting is not None
    assert alone.mean() / waiting.mean() == pytest.approx(1.3, rel=0.01)


def test_kinds_that_make_no_difference_come_out_alike() -> None:
    taken, waited, speed = served(2, (1.0, 1.0))
    assert taken[waited].mean() > 1.08 * taken[~waited].mean()
    alone, waiting = as_kinds(taken, (~waited, waited))
    assert alone is not None
    assert waiting is not None
    assert waiting.mean() == pytest.approx(alone.mean(), rel=0.01)
    for share in (0.05, 0.5, 0.95):
        assert np.quantile(waiting, share) == pytest.approx(np.quantile(speed, share), rel=0.03)


def test_a_request_is_what_it_was_among_its_own() -> None:
    taken, waited, _ = served(3)
    alone, waiting = as_kinds(taken, (~waited, waited))
    assert alone is not None
    assert waiting is not None
    assert (alone[~waited] == taken[~waited]).all()
    assert (waiting[waited] == taken[waited]).all()


def test_a_slow_moment_is_one_for_each_kind() -> None:
    taken, waited, speed = served(4)
    for other in as_kinds(taken, (~waited, waited)):
        assert other is not None
        assert np.corrcoef(np.log(other), np.log(speed))[0, 1] > 0.9


def test_chance_of_one_kind_alone_stays_with_that_kind() -> None:
    """Waking up takes a random while; those that wait have none of it, however long the ones before them took."""
    draw = np.random.default_rng(5)
    wakes = draw.random(5000) < 0.5
    taken = 7 + np.where(wakes, draw.exponential(3, 5000), 0.0) + draw.normal(0, 0.05, 5000)
    woken, warm = as_kinds(taken, (wakes, ~wakes))
    assert woken is not None
    assert warm is not None
    assert np.quantile(woken, (0.05, 0.5, 0.95)) == pytest.approx(
        np.quantile(taken[wakes], (0.05, 0.5, 0.95)), rel=0.02
    )
    assert np.quantile(warm, (0.05, 0.5, 0.95)) == pytest.approx((6.92, 7, 7.08), rel=0.02)


def test_few_requests_have_no_mood() -> None:
    rising = np.arange(1.0, FEWEST)
    even = np.arange(FEWEST - 1) % 2 == 0
    assert (regimes(rising, (even, ~even)) == 1).all()
    longer = np.arange(1.0, FEWEST * 4)
    even = np.arange(FEWEST * 4 - 1) % 2 == 0
    assert regimes(longer, (even, ~even)).std() > 0.1


def test_a_kind_without_members_has_no_times() -> None:
    taken = np.asarray([1.0, 2.0])
    every = np.asarray([True, True])
    found, none = as_kinds(taken, (every, ~every))
    assert none is None
    assert found is not None
    assert found.tolist() == [1, 2]


def test_a_clock_that_reads_nothing_is_borne() -> None:
    """CPU clocks that tick seldom read 0 most of the time."""
    draw = random.Random(6)
    taken = np.asarray([draw.choice((0.0, 0.0, 15.6e6)) for _ in range(400)])
    waited = np.asarray([draw.random() < 0.5 for _ in range(400)])
    for kind in as_kinds(taken, (~waited, waited)):
        assert kind is not None
        assert np.isfinite(kind).all()
        assert kind.mean() == pytest.approx(taken.mean(), rel=0.4)
    assert [kind.tolist() for kind in as_kinds(np.zeros(100), (waited[:100], ~waited[:100])) if kind is not None] == [
        [0.0] * 100
    ] * 2


def test_a_stall_does_not_slow_what_follows_it() -> None:
    """One request in two hundred takes ten times as long, on a machine whose speed wanders besides."""
    stalls = tuple(range(200, COUNT - 1, 200))
    taken, waited, speed = served(7, EFFECTS, stalls)
    after = np.asarray(stalls) + 1
    for kind, effect in zip(as_kinds(taken, (~waited, waited)), EFFECTS, strict=True):
        assert kind is not None
        assert np.median(kind[after] / speed[after]) == pytest.approx(effect, rel=0.05)
