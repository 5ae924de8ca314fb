"""Samples that are compared in addition: combinations, levels, columns, loud and quiet ones."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from pytest_onnxaccel.core.domains import Domain
from pytest_onnxaccel.core.specs import TensorSpec
from pytest_onnxaccel.numerics.sampling.combined import Extra, combined, levels, sweeps, swept, telling_points
from pytest_onnxaccel.numerics.sampling.input_sets import Inputs
from pytest_onnxaccel.numerics.sampling.sample_numbers import LEVELLED, QUIET, ROWED, SWEPT, WIDE

CODE = TensorSpec("i", "int64", ("batch", 1))
OTHER = TensorSpec("j", "int64", ("batch", 1))
X = TensorSpec("x", "float32", ("batch", 4))
INDEX = Domain("i", "index", 0, 4)


def inputs(*specs: TensorSpec, weights: int | None = 0, **domains: Domain) -> Inputs:
    return Inputs(
        specs, 1, "batch", axes={spec.name: 0 for spec in specs}, domains=domains, weights=weights, sizes={"batch": 1}
    )


def test_two_numbers_meet_in_every_combination() -> None:
    made = inputs(CODE, OTHER, i=INDEX, j=replace(INDEX, name="j", high=2))
    numbers = [row for n in made.extra_samples for row in made.extra.rows(n)]
    met = {tuple(int(made.feeds(n, turn=n)[name].item()) for name in "ij") for n in numbers}
    assert met == set(product(range(5), range(3)))


def test_combinations_are_fed_in_one_run_where_each_input_has_a_batch() -> None:
    made = inputs(CODE, OTHER, i=replace(INDEX, high=19), j=replace(INDEX, name="j", high=19))
    first = next(iter(made.extra_samples))
    assert len(made.extra.rows(first)) == 64
    assert len([*made.extra_samples]) == 7, "400 of them"
    shared = replace(made, axes={"i": 0})
    assert len(shared.extra.rows(next(iter(shared.extra_samples)))) == 1


def test_of_too_many_combinations_some_are_fed_at_random() -> None:
    many = [TensorSpec(f"c{i}", "string", ("batch", 1)) for i in range(9)]
    domains = {s.name: [Domain(s.name, "text", choices=tuple("abcde"))] for s in many}
    found = combined(many, {s.name: (1, 1) for s in many}, domains)
    assert found is not None
    pairs = {tuple(found.turn(number)[:2]) for number in range(found.count)}
    assert found.count == 256
    assert len(pairs) == 25
    assert found.turn(7) == found.turn(7)


def test_columns_of_one_row_are_combined() -> None:
    pair = TensorSpec("ij", "int64", ("batch", 2))
    domain = Domain("ij", "index", columns=((0, 1, 2), (0, 1)))
    found = combined([pair], {"ij": (1, 2)}, {"ij": [domain]})
    assert found is not None
    rows = {tuple(found.arrays(n, [pair], {"ij": np.zeros((1, 2))})["ij"][0]) for n in range(found.count)}
    assert rows == set(product(range(3), range(2)))


@pytest.mark.parametrize(
    "domain",
    [
        Domain("i", "length", 1, 5),
        Domain("i", "size", 1, 5),
        Domain("i", "index", 0, "n - 1"),
        Domain("i", "category", choices=(0,)),
    ],
)
def test_what_decides_a_size_or_has_one_value_is_not_combined(domain: Domain) -> None:
    assert combined([CODE], {"i": (1, 1)}, {"i": [domain]}) is None


def test_a_flag_that_switches_training_on_stays_off() -> None:
    flag = TensorSpec("training", "bool", ())
    assert combined([flag], {"training": ()}, {"training": [Domain("training", "category", choices=(0,))]}) is None


def test_a_heavy_model_is_fed_no_more() -> None:
    made = {"i": INDEX, "j": replace(INDEX, name="j")}
    assert not [*inputs(CODE, OTHER, weights=10**7, **made).extra_samples]
    assert not [*inputs(CODE, OTHER, weights=None, **made).extra_samples], "nobody counted its weights"


@pytest.mark.parametrize("level", [21.0, -0.5, 0.0])
def test_all_elements_lie_next_to_a_level(level: float) -> None:
    made = inputs(X, x=Domain("x", levels=(level,)))
    array = made.feeds(LEVELLED, turn=LEVELLED)["x"]
    assert np.abs(array - level).max() <= 0.01 * abs(level) + 0.011
    assert LEVELLED in [*made.extra_samples]


def test_a_level_that_is_not_legal_is_left_out() -> None:
    assert levels([Domain("x", low=0, levels=(-3.0, 3.0))]) == (3.0,)
    assert levels([Domain("x", "mask", levels=(3.0,))]) == ()


def test_a_level_of_the_other_file_is_fed_as_well() -> None:
    made = inputs(X).with_beyond({"x": Domain("x", levels=(30.0,))})
    assert np.allclose(made.feeds(LEVELLED, turn=LEVELLED)["x"], 30, rtol=0.02)


def test_each_column_has_each_point() -> None:
    points = telling_points([Domain("x", points=(1.0, 2.0, math.nan))], X, (1, 4))
    rows = np.concatenate([swept(X, (1, 4), points, number) for number in range(3)])
    assert all(np.isnan(rows[:, column]).sum() == 1 for column in range(4))
    both = {tuple(swept(X, (1, 4), (1.0, 2.0), n)[0, [0, 2]]) for n in range(4)}
    assert len(both) >= 2
    assert [n for n in inputs(X, x=Domain("x", points=(1.0, 2.0))).extra_samples if n >= SWEPT]


def test_a_list_of_numbers_has_no_columns() -> None:
    assert telling_points([Domain("x", points=(1.0,))], X, (4,)) == ()
    assert telling_points([Domain("x", columns=((1.0,),))], X, (1, 4)) == ()


def test_loud_and_quiet_samples_of_a_limit_that_layers_meet() -> None:
    made = replace(inputs(X), limited=True)
    numbers = [*made.extra_samples]
    assert QUIET in numbers
    assert WIDE in numbers
    assert np.abs(made.feeds(QUIET)["x"]).max() < 1e-2
    assert QUIET not in [*inputs(X).extra_samples]
    assert QUIET in [*inputs(X).with_beyond({}, limited=True).extra_samples]


def test_a_quantised_file_is_fed_nothing_unusual() -> None:
    made = replace(inputs(X, x=Domain("x", points=(9.0,), levels=(9.0,))), limited=True)
    assert [n for n in made.extra_samples if n != ROWED]
    assert not [n for n in made.with_beyond({}, quantised=True).extra_samples if n != ROWED]


def test_several_places_at_once_of_an_axis_that_nobody_calls_the_batch() -> None:
    row = TensorSpec("x", "float32", ("N", 4))
    alone = Inputs((row,), 1, "N", axes={"x": 0}, weights=0)
    assert ROWED in [*alone.extra_samples]
    assert ROWED not in [*inputs(X).extra_samples]


def test_an_extra_of_nothing_is_nothing() -> None:
    assert [*Extra((), {}, {}, 0, 0.0, False).numbers()] == []


def test_no_row_is_one_finite_number_throughout() -> None:
    """Equal(mask, 0) says which places are left out, and engines differ where none is left."""
    spec = TensorSpec("mask", "int64", ("batch", "sequence"))
    for points in ((0, 1), (0, -1, 1), (0, 1, 2, 3)):
        for number in range(sweeps(points)):
            rows = swept(spec, (3, 8), points, number)
            assert all(len(set(row)) > 1 for row in rows.tolist()), (points, number)
    assert sweeps((0,)) == 0
    assert sweeps((math.nan,)) == 1
