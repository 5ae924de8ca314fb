"""Values of one input from its domain: both ends, each telling point, nothing that is not legal."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from pytest_onnxaccel.core.domains import Domain
from pytest_onnxaccel.numerics.sampling.from_domain import draw


def drawn(domain: Domain, dtype: str, shape: tuple[int, ...], index: int = 0, **sizes: int) -> Any:
    return draw(np.random.default_rng([0, index]), domain, np.dtype(dtype), shape, index, sizes)


def test_rows_of_a_table_reach_both_ends() -> None:
    found = drawn(Domain("x", "index", 0, 999), "int64", (1, 8))
    assert {0, 999} <= set(found.reshape(-1).tolist())
    assert found.min() >= 0
    assert found.max() <= 999


def test_a_column_is_never_below_the_one_that_is_taken_off_it() -> None:
    domain = Domain("box", "index", ranges=((0, 0, 9), (1, 0, 9), (3, 0, 9)), ordered=((3, 1),))
    found = np.concatenate([drawn(domain, "int64", (1, 5, 4), index).reshape(-1, 4) for index in range(4)])
    widths = found[:, 1] - found[:, 3]
    assert {0, 9} <= set(widths.tolist())
    assert widths.min() >= 0
    assert {0, 9} <= set(found[:, 0].tolist())


def test_rows_of_codes_are_the_same_in_every_fourth_sample() -> None:
    domain = Domain("cell", "index", ranges=((0, 0, 63), (1, 0, 63)))
    rows = [len(np.unique(drawn(domain, "int64", (2, 8, 2), index)[0], axis=0)) for index in range(8)]
    assert [at for at, count in enumerate(rows) if count == 1] == [3, 7]


def test_a_bound_may_be_a_size() -> None:
    found = drawn(Domain("x", "index", 0, "(n) - 1"), "int64", (64,), n=5)
    assert set(found.tolist()) == {0, 1, 2, 3, 4}
    assert drawn(Domain("x", "index", 0, "absent"), "int64", (4,)) is None


@pytest.mark.parametrize("dtype", ["int8", "int16", "int64", "uint8"])
def test_a_divisor_is_neither_zero_nor_minus_one(dtype: str) -> None:
    for index in range(8):
        found = drawn(Domain("x", low=-2 if dtype[0] == "i" else 0, high=2, exclude=(0, -1)), dtype, (512,), index)
        assert not set(found.tolist()) & {0, -1}


def test_floats_stay_away_from_what_is_not_legal() -> None:
    found = drawn(Domain("x", exclude=(0,)), "float32", (4096,))
    assert np.abs(found).min() > 1e-4


def test_points_that_have_no_room_take_turns() -> None:
    domain = Domain("x", points=tuple(range(100, 140)))
    seen = {float(v) for index in range(40) for v in drawn(domain, "float32", (2,), index).reshape(-1)}
    assert set(range(100, 140)) <= {int(v) for v in seen if v >= 100}


def test_one_bound_far_away_does_not_move_the_numbers() -> None:
    assert np.abs(drawn(Domain("x", high=20), "float32", (256,))).max() <= 1  # an exponent: exp(20) tells nothing
    assert drawn(Domain("x", low=1), "float32", (256,)).min() >= 1


def test_columns_are_drawn_from_their_own_numbers_until_all_are_fed() -> None:
    domain = Domain("x", columns=((1.0, 2.0, 3.0), (), (10.0, 20.0)))
    tables = [drawn(domain, "float32", (1, 3), index) for index in range(6)]
    assert {float(t[0, 0]) for t in tables} == {1.0, 2.0, 3.0}
    assert {float(t[0, 2]) for t in tables} == {10.0, 20.0}
    assert all(-1 <= t[0, 1] <= 1 for t in tables)
    pairs = {(float(t[0, 0]), float(t[0, 2])) for t in tables}
    assert len(pairs) > 3  # not in step with each other


def test_masks_have_a_valid_start_and_a_padded_tail_in_some_sample() -> None:
    whole, padded = (drawn(Domain("x", "mask"), "int64", (1, 8), index) for index in (0, 1))
    assert whole.tolist() == [[1] * 8]
    assert padded[0, 0] == 1
    assert padded[0, -1] == 0


def test_padding_is_shorter_than_what_attention_looks_back() -> None:
    for window, least in ((3, 6), (1, 8), (100, 4)):
        rows = np.concatenate([drawn(Domain("m", "mask", window=window), "int64", (1, 8), i) for i in range(16)])
        assert rows.sum(axis=1).min() == least


def test_a_mask_of_which_0_is_not_legal_has_no_padding() -> None:
    assert all(drawn(Domain("x", "mask", exclude=(0,)), "int64", (2, 8), index).all() for index in range(4))


def test_rows_of_padding_stand_at_the_end_of_every_other_sample() -> None:
    whole, padded = (drawn(Domain("x", filled=(0,)), "float32", (1, 6, 3), index) for index in (0, 1))
    assert whole.all()
    assert padded[0, :4].all()
    assert not padded[0, 4:].any()
    assert drawn(Domain("x", filled=(0,)), "float32", (1, 1, 3), 1).all(), "one step is none of padding"


def test_a_column_of_texts_goes_through_its_own() -> None:
    domain = Domain("x", "text", choices=("a", "b", "c"), columns=((), ("a", "b", "c")))
    tables = [drawn(domain, "object", (1, 2), index) for index in range(3)]
    assert {table[0, 1] for table in tables} == {"a", "b", "c"}


def test_lengths_reach_the_axis() -> None:
    assert drawn(Domain("x", "length", 1, "t"), "int32", (4,), t=9).max() == 9


def test_texts_come_from_the_list() -> None:
    found = drawn(Domain("x", "text", choices=("cat", "dog")), "object", (8,))
    assert set(found.tolist()) == {"cat", "dog"}
    assert drawn(Domain("x", "text"), "object", (2,)) is None


def test_exact_values_fill_just_their_shape() -> None:
    domain = Domain("x", "size", exact=(2, "n", 3))
    assert drawn(domain, "int64", (3,), n=7).tolist() == [2, 7, 3]
    assert drawn(domain, "int64", (2,), n=7) is None


def test_an_empty_array_is_no_trouble() -> None:
    assert drawn(Domain("x", "index", 0, 5, points=(0, 5)), "int64", (0, 3)).shape == (0, 3)
    assert math.prod(drawn(Domain("x", columns=((1.0,),)), "float32", (0, 1)).shape) == 0


@pytest.mark.parametrize(("low", "high", "wanted"), [(-1, 1, {-1, 1}), (0, 2, {1e-3, 2}), (-1, 0, {-1, -1e-3})])
def test_ends_of_a_range_of_floats_are_reached_and_zero_is_not(low: float, high: float, wanted: set[float]) -> None:
    found = drawn(Domain("x", low=low, high=high), "float64", (1, 9))
    assert wanted <= set(found.reshape(-1).tolist())


def test_a_missing_number_is_drawn_where_it_tells() -> None:
    domain = Domain("x", points=(math.nan,))
    assert np.isnan(drawn(domain, "float32", (1, 6))).sum() == 1
    assert drawn(domain, "int64", (1, 6)).dtype == np.int64


def test_two_columns_meet_in_every_way() -> None:
    domain = Domain("x", columns=((1.0, 2.0), (10.0, 20.0)))
    met = {tuple(drawn(domain, "float32", (1, 2), index).reshape(-1).tolist()) for index in range(16)}
    assert met == {(1.0, 10.0), (1.0, 20.0), (2.0, 10.0), (2.0, 20.0)}
