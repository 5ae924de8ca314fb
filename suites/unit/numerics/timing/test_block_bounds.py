"""Bounds of percentiles of samples that come in spells."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_onnxaccel.numerics.timing.block_bounds import design_effect, estimate
from pytest_onnxaccel.numerics.timing.order_stats import bounds


def test_independent_samples_have_the_bounds_of_order_statistics() -> None:
    values = list(range(200))
    # Each block holds its share of everything
    blocks = [[float(v) for v in values[i::20]] for i in range(20)]
    found = estimate(blocks, 0.95)
    assert (found.samples, found.effective) == (200, 200)
    assert (found.lower, found.upper) == bounds([float(v) for v in values], 0.95)


def test_samples_in_spells_are_worth_fewer() -> None:
    quiet, loud = [1.0] * 10, [9.0] * 10
    spells = [quiet] * 10 + [loud] * 10
    assert design_effect(spells, 5.0) == pytest.approx(10 * 20 / 19)
    assert estimate(spells, 0.75).upper is not None
    assert estimate([*([quiet] * 18), [1.0] * 5 + [9.0] * 5, loud], 0.95).effective < 100


@pytest.mark.parametrize("spell", [1, 10, 40])
def test_the_upper_bound_holds_as_often_as_it_says(spell: int) -> None:
    """Spells of calls share one factor; the true p95 is the drawn distribution's own."""
    draw, held, trials = np.random.default_rng(spell), 0, 200
    truth = float(np.quantile(draw.exponential(size=400_000), 0.95))
    for _ in range(trials):
        values = np.repeat(draw.exponential(size=1200 // spell), spell)
        found = estimate([list(map(float, part)) for part in np.split(values, 120)], 0.95, 0.95)
        held += found.upper is None or found.upper >= truth
    # The plain order statistics hold in 96 % at spells of 1, in 73 % at 10 and in 46 % at 40
    assert held / trials >= 0.88


def test_nothing_is_bounded_by_nothing() -> None:
    found = estimate([], 0.95)
    assert (found.lower, found.upper, found.samples) == (None, None, 0)
    assert estimate([[1.0] * 58], 0.95).upper is None
    assert estimate([[1.0] * 59], 0.95).upper == 1.0
