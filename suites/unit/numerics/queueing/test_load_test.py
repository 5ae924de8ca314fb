"""Queues against their closed forms, throughput against plain division."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from pytest_onnxaccel.numerics.queueing.load_test import (
    Throughput,
    after_pauses,
    best,
    replay,
    responses,
    throughput,
    utilisation,
)
from pytest_onnxaccel.numerics.queueing.service_times import Services
from suites.unit.queueing import lindley

MS = 1e6


def test_lindleys_recursion_by_hand() -> None:
    # Arrivals at 0, 1, 2, 10; each is served in 2: the second waits 1, the third 2, the last finds nobody
    assert lindley([0, 1, 1, 8], [2, 2, 2, 2]) == [0, 1, 2, 0]


@pytest.mark.parametrize("load", [0.3, 0.5, 0.8])
def test_a_constant_service_waits_as_md1_says(load: float) -> None:
    """M/D/1: a request finds the server idle with 1 - rho, and the response's percentiles follow from Erlang's sum."""
    found = replay(Services.of([1 * MS]), load * 1000, seeds=400)
    assert found.utilisation == pytest.approx(load)
    for share, value in ((0.5, found.p50_ns), (0.95, found.p95_ns), (0.99, found.p99_ns)):
        assert md1_waiting(value / MS - 1, load) == pytest.approx(share, abs=0.012) or (
            # The distribution has a step of 1 - rho where nobody waits
            value == pytest.approx(1 * MS) and share <= 1 - load + 0.012
        )


def md1_waiting(wait: float, load: float) -> float:
    """P(W <= wait) of M/D/1 with service time 1 (A. K. Erlang, 1909)."""
    terms = ((load * (k - wait)) ** k / math.factorial(k) * math.exp(-load * (k - wait)) for k in range(int(wait) + 1))
    return (1 - load) * sum(terms)


def test_exponential_services_respond_as_mm1_says() -> None:
    """M/M/1: the response time is exponential with the rate mu - lambda."""
    draw = random.Random(3)
    found = replay(Services.of([draw.expovariate(1) * MS for _ in range(50_000)]), 500, seeds=400)
    for share, value in ((0.5, found.p50_ns), (0.95, found.p95_ns), (0.99, found.p99_ns)):
        assert value / MS == pytest.approx(-math.log(1 - share) / (1 - 0.5), rel=0.04)
    assert found.p99_ns < found.upper_ns["p99"]


def test_requests_that_find_the_server_idle_take_longer() -> None:
    """At a load of almost nothing everybody is served after a pause."""
    found = replay(Services.of([1 * MS], [3 * MS]), 1)
    assert found.p50_ns == pytest.approx(3 * MS)
    busy = replay(Services.of([1 * MS], [3 * MS]), 900)
    assert replay(Services.of([1 * MS]), 900).p50_ns < busy.p50_ns


def test_slow_phases_stay_together() -> None:
    """The same service times in phases make longer queues than well mixed: what a plain bootstrap would lose."""
    phases = ([1 * MS] * 64 + [3 * MS] * 64) * 8
    mixed = [1 * MS, 3 * MS] * 512
    assert replay(Services.of(phases), 400).p99_ns > 1.2 * replay(Services.of(mixed), 400).p99_ns


def test_slow_phases_of_both_kinds_stay_together() -> None:
    """The same service times of each kind, slow at once or one by one."""
    phases, other = ([1 * MS] * 64 + [3 * MS] * 64) * 8, ([3 * MS] * 64 + [1 * MS] * 64) * 8
    together, apart = replay(Services.of(phases, phases), 200), replay(Services.of(phases, other), 200)
    assert together.p99_ns > 1.1 * apart.p99_ns
    draw = random.Random(4)
    shuffled = draw.sample(range(1024), 1024)
    mixed = Services.of([phases[i] for i in shuffled], [phases[i] for i in shuffled])
    assert together.p99_ns > 1.2 * replay(mixed, 200).p99_ns


def test_the_second_of_a_busy_period_is_a_kind_of_its_own() -> None:
    gaps = np.array([[10.0], [1.0], [1.0], [1.0], [100.0], [1.0]])
    found = responses(Services((5.0,), (3.0,), (2.0,), 1.0), gaps, np.random.default_rng(0))
    assert found.ravel().tolist() == [5, 4 + 3, 6 + 2, 7 + 2, 5, 4 + 3]


def test_given_arrivals_are_taken_as_they_are() -> None:
    draw = random.Random(2)
    gaps = [draw.expovariate(1) * 2 * MS for _ in range(1000)]
    expected = [wait + 1 * MS for wait in lindley(gaps, [1 * MS] * 1000)]
    found = responses(Services.of([1 * MS]), np.asarray(gaps)[:, None], np.random.default_rng(0))
    assert found.ravel().tolist() == pytest.approx(expected)


def test_services_are_taken_in_the_order_in_which_they_were_measured() -> None:
    """From a drawn place, round the end: a slow phase is cut at most once."""
    draw = np.random.default_rng(2)
    taken, gaps = draw.exponential(1, 50).tolist(), draw.exponential(2, 50)
    found = responses(Services.of(taken), np.repeat(gaps[:, None], 20, axis=1), np.random.default_rng(0))
    turned = [taken[place:] + taken[:place] for place in range(50)]
    expected = [np.add(lindley(gaps.tolist(), services), services) for services in turned]
    places = [int(np.argmin([np.abs(column - one).max() for one in expected])) for column in found.T]
    assert len(set(places)) > 10
    for place, column in zip(places, found.T, strict=True):
        assert column == pytest.approx(expected[place])


def test_the_same_seed_gives_the_same_figures() -> None:
    services = Services.of([1 * MS, 2 * MS])
    assert replay(services, 300, seed=7) == replay(services, 300, seed=7)
    assert replay(services, 300, seed=7) != replay(services, 300, seed=8)


@pytest.mark.parametrize(("services", "rate"), [([2 * MS], 500), ([2 * MS], 700), ([1 * MS], 0)])
def test_a_queue_without_a_steady_state_is_refused(services: list[float], rate: float) -> None:
    with pytest.raises(ValueError, match=r"busy for|needs a rate"):
        replay(Services.of(services), rate)


def test_utilisation() -> None:
    assert utilisation(Services.of([1 * MS, 3 * MS]), 250) == pytest.approx(0.5)


def test_throughput_counts_samples() -> None:
    found = throughput([2 * MS] * 100, 8)
    assert found == Throughput(8, pytest.approx(4000), pytest.approx(4000), 100)


def test_slow_phases_widen_the_bound_of_throughput() -> None:
    alternating = throughput([1 * MS, 3 * MS] * 200, 1)
    phases = throughput([1 * MS] * 200 + [3 * MS] * 200, 1)
    assert alternating.per_s == pytest.approx(phases.per_s)
    assert phases.lower_per_s < 0.9 * alternating.lower_per_s


def test_the_bound_covers_the_truth_about_as_often_as_it_says() -> None:
    draw, held = random.Random(5), 0
    for _ in range(300):
        held += throughput([draw.expovariate(1) * MS for _ in range(400)], 1).lower_per_s <= 1000
    assert 270 <= held <= 298


def test_too_few_calls_are_not_bounded() -> None:
    assert throughput([1 * MS] * 5, 1).lower_per_s == throughput([1 * MS] * 5, 1).per_s
    with pytest.raises(ValueError, match="timed calls"):
        throughput([], 1)


def test_the_best_batch_is_the_one_that_promises_most() -> None:
    small, large = Throughput(1, 100, 99, 50), Throughput(8, 130, 90, 50)
    assert best([small, large]) is small
    assert best([Throughput(2, 100, 99, 50), small]) is small


def test_pauses_as_a_factor() -> None:
    assert after_pauses([1, 2, 3], [3, 4, 5]) == 2
