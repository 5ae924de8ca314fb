"""Order statistics against brute force."""

from __future__ import annotations

import math
from fractions import Fraction
from math import comb

import numpy as np
import pytest

from pytest_onnxaccel.numerics.timing.order_stats import binomial_tail, bounds, least_samples, mean, percentile


@pytest.mark.parametrize("count", [1, 2, 3, 10, 59, 100, 101])
def test_percentile_is_numpys(count: int) -> None:
    ordered = sorted(np.random.default_rng(count).exponential(size=count).tolist())
    for share in (0.0, 0.01, 0.5, 0.9, 0.95, 0.99, 1.0):
        assert percentile(ordered, share) == pytest.approx(float(np.percentile(ordered, share * 100)), rel=1e-12)


def test_of_nothing_there_is_no_figure() -> None:
    assert math.isnan(percentile([], 0.5))
    assert math.isnan(mean([]))
    assert bounds([], 0.5) == (None, None)


def test_mean() -> None:
    assert mean([1, 2, 6]) == 3


@pytest.mark.parametrize(("n", "p"), [(1, 0.5), (7, 0.05), (59, 0.95), (120, 0.5), (299, 0.99)])
def test_the_binomial_tail_is_the_exact_sum(n: int, p: float) -> None:
    exact = Fraction(p)
    terms = [comb(n, i) * exact**i * (1 - exact) ** (n - i) for i in range(n + 1)]
    for k in (0, 1, n // 2, n - 1, n):
        assert binomial_tail(n, k, p) == pytest.approx(float(sum(terms[k:])), rel=1e-9)
    assert binomial_tail(n, n + 1, p) == 0


def test_the_tail_of_many_samples_neither_overflows_nor_vanishes() -> None:
    assert binomial_tail(20_000, 10_000, 0.5) == pytest.approx(0.5, abs=0.01)
    assert 0 < binomial_tail(20_000, 10_500, 0.5) < 1e-9


@pytest.mark.parametrize(("share", "least"), [(0.5, 5), (0.9, 29), (0.95, 59), (0.99, 299)])
def test_a_percentile_needs_so_many_samples_and_not_one_less(share: float, least: int) -> None:
    assert least_samples(share) == least
    enough = list(range(least))
    assert bounds(enough, share)[1] == least - 1
    assert bounds(enough[:-1], share)[1] is None


def test_more_confidence_needs_more_samples() -> None:
    assert least_samples(0.95, 0.99) == 90


def test_the_bounds_enclose_the_percentile_and_come_from_the_samples() -> None:
    ordered = sorted(np.random.default_rng(0).normal(size=400).tolist())
    for share in (0.5, 0.9, 0.95):
        lower, upper = bounds(ordered, share)
        assert lower is not None
        assert upper is not None
        assert lower in ordered
        assert upper in ordered
        assert lower < percentile(ordered, share) < upper


def test_equal_samples_are_their_own_bounds() -> None:
    assert bounds([3.0] * 100, 0.95) == (3.0, 3.0)


@pytest.mark.parametrize(("share", "samples"), [(0.5, 30), (0.95, 80), (0.99, 320)])
def test_each_bound_holds_as_often_as_it_says(share: float, samples: int) -> None:
    """2000 simulated runs: at least 95 % hold, bar what 2000 runs scatter, and the bounds are not idle either."""
    runs = np.sort(np.random.default_rng(7).exponential(size=(2000, samples)), axis=1)
    truth = -math.log(1 - share)
    # Which order statistic bounds does not depend on the values
    lower, upper = bounds(list(range(samples)), share)
    assert lower is not None
    assert upper is not None
    holds = [(runs[:, int(lower)] <= truth).mean(), (runs[:, int(upper)] >= truth).mean()]
    assert min(holds) >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / 2000)
    # One order statistic further in would break the promise
    assert 1 - binomial_tail(samples, int(lower) + 2, share) > 0.05
    assert binomial_tail(samples, int(upper), share) > 0.05
