"""The test double's arithmetic: what it moves, how far, and what it leaves as it is."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from suites.rounding.other_processor.perturb import FORMATS, perturbed

DTYPES = {"float64": np.float64, "float32": np.float32, "float16": np.float16, "bfloat16": ml_dtypes.bfloat16}


def uniform(low: float, high: float, *shape: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(low, high, shape)


def moved(array: np.ndarray, key: bytes = b"a", **feeds: np.ndarray) -> np.ndarray:
    found = perturbed({"y": array}, feeds, key)["y"]
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    return found


@pytest.mark.parametrize("name", FORMATS)
def test_every_value_of_many_digits_moves_by_a_few_units(name: str) -> None:
    array = uniform(1, 2, 40, 50).astype(DTYPES[name])
    _, mantissa, zeros, most = FORMATS[name]
    units = np.abs(moved(array).astype(np.float64) - array.astype(np.float64)) * 2.0**mantissa
    assert set(np.unique(units)) == {0, *range(1, most + 1)}
    round_ = (array.astype(np.float64) * 2.0 ** (mantissa - zeros)) % 1 == 0
    assert np.array_equal(units == 0, round_)


@pytest.mark.parametrize("name", FORMATS)
def test_what_no_processor_computes_otherwise_stays(name: str) -> None:
    values = [0.0, -0.0, np.nan, np.inf, -np.inf, 1, -2, 0.5, 1.25, 96]
    array = np.array(values, DTYPES[name])
    assert moved(array).tobytes() == array.tobytes()
    assert moved(array[:0]).size == 0


def test_equal_texts_are_equal_inputs() -> None:
    """An array of objects holds their addresses."""
    array = uniform(1, 2, 40)
    one, other = (np.array(["".join(["wo", "rd"]), "x" * 9], object) for _ in range(2))
    assert np.array_equal(moved(array, words=one), moved(array, words=other))
    assert not np.array_equal(moved(array, words=one), moved(array, words=np.array(["word", "y"], object)))


def test_integers_truths_and_text_stay() -> None:
    for array in (np.arange(9), np.array([True, False]), np.array(["a", "b"], object), np.array(["a"])):
        assert moved(array) is array


def test_what_was_copied_from_an_input_stays() -> None:
    fed = uniform(-1, 1, 3, 8).astype(np.float32)
    copied = np.maximum(fed, 0).T
    assert np.array_equal(moved(copied, x=fed), copied)
    assert (moved(copied) != copied).sum() == np.count_nonzero(copied)
    wide = uniform(1, 2, 3, 8)
    assert (moved(wide, x=fed) != wide).all()


def test_the_same_computation_gives_the_same_and_another_one_gives_another() -> None:
    fed, array = np.float32([1.5]), uniform(1, 2, 100).astype(np.float32)
    first = moved(array, x=fed)
    assert np.array_equal(moved(array, x=fed), first)
    for other in (moved(array, b"b", x=fed), moved(array, x=fed + 1), moved(array, z=fed)):
        assert not np.array_equal(other, first)


def test_equal_values_stay_equal_and_single_ones_move() -> None:
    array = np.full((4, 4), 0.1, np.float32)
    assert np.unique(moved(array)).size == 1
    for key in range(50):
        assert moved(array[:1, :1], str(key).encode()) != array[0, 0]


def test_probabilities_stay_probabilities() -> None:
    close = np.nextafter(np.float32(1), np.float32(0)) - np.arange(20, dtype=np.float32) * 2.0**-24
    small = np.geomspace(1e-30, 0.9, 200).astype(np.float32)
    for array in (close, small):
        found = moved(array)
        assert (found != array).any()
        assert (found > 0).all()
        assert (found < 1).all()
        assert np.abs(found / array - 1).max() < 16 * 2.0**-23


def test_small_values_among_large_ones_move_by_more_of_their_own_units() -> None:
    array = np.concatenate([uniform(1, 2, 999), [0.0312345]]).astype(np.float32)
    most = {abs(moved(array, str(key).encode())[-1] - array[-1]) / np.spacing(array[-1]) for key in range(40)}
    assert max(most) == 12
