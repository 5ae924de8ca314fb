"""Signal to quantisation noise in dB."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pytest_onnxaccel.numerics.compare.sqnr import sqnr


def test_a_tenth_of_noise_is_twenty_decibels() -> None:
    reference = np.array([3.0, -4.0], np.float32)
    assert sqnr(reference, reference * np.float32(1.1)) == pytest.approx(20.0, abs=1e-4)


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_squares_neither_vanish_nor_overflow(size: float) -> None:
    reference = np.array([3.0, -4.0]) * size
    assert sqnr(reference, reference * 1.1) == pytest.approx(20.0)


def test_equal_arrays_have_no_noise() -> None:
    values = np.array([1.0, np.inf, np.nan, -np.inf])
    assert sqnr(values, values.copy()) == math.inf
    assert sqnr(np.zeros(3), np.zeros(3)) == math.inf
    assert sqnr(np.zeros(0), np.zeros(0)) == math.inf


def test_nothing_is_left_of_zeros_and_of_what_is_not_finite() -> None:
    assert sqnr(np.zeros(2), np.ones(2)) == -math.inf
    assert sqnr(np.array([1.0, 2.0]), np.array([1.0, np.nan])) == -math.inf
    assert sqnr(np.array([1.0, np.inf]), np.array([1.0, -np.inf])) == -math.inf


def test_whole_numbers_are_compared_as_they_are() -> None:
    assert sqnr(np.array([100, 0], np.uint8), np.array([90, 0], np.uint8)) == pytest.approx(20.0)


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(2,\) against \(1,\)"):
        sqnr(np.zeros(1), np.zeros(2))
