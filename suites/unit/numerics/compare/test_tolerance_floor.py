"""What counts as rounding, and what a drift is."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_onnxaccel.numerics.compare.tolerance_floor import (
    FACTOR,
    UNITS,
    drift,
    floor,
    is_rounding,
    scale_of,
    unit_of,
)


def test_the_floor_follows_the_outputs_own_scale() -> None:
    base = np.array([-1, 2, 0, 3], np.float32)
    for scale in (1e-20, 1, 1e20):
        rtol, atol = floor(base * np.float32(scale))
        assert rtol == 16 * 2.0**-23
        assert np.isclose(atol, 32 * 2.0**-23 * 2 * scale, rtol=1e-6)


def test_one_huge_element_hides_nothing_in_the_others() -> None:
    plain = np.ones(99, np.float32)
    hot = plain.copy()
    hot[0] = 1e9
    assert floor(hot) == floor(plain)
    assert scale_of(np.array([0, 0, 0, 5.0])) == 5
    assert scale_of(np.zeros(3)) == scale_of(np.array([np.inf, np.nan])) == scale_of(np.zeros(0)) == 0


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.bool_])
def test_what_is_counted_must_be_equal(dtype: type) -> None:
    array = np.ones(3, dtype)
    assert (floor(array), unit_of(array), drift(array, array)) == ((0.0, 0.0), None, 0.0)
    assert not is_rounding(1.0, array)


def test_every_float_type_has_a_unit() -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    for name in UNITS:
        dtype = ml_dtypes.bfloat16 if name == "bfloat16" else name
        assert floor(np.ones(2, dtype))[0] == UNITS[name].rtol * UNITS[name].eps
    assert floor(np.ones(2, ml_dtypes.float8_e4m3fn))[0] == 2.0**-4
    assert floor(np.ones(2, np.complex64)) == floor(np.ones(2, np.float32))


def test_a_drift_is_what_the_relative_part_leaves() -> None:
    reference = np.array([1e6, 1.0], np.float32)
    explained = 16 * 2.0**-23 / FACTOR
    near = np.array([1e6 * (1 + explained / 2), 1.0], np.float32)
    assert drift(near, reference) == 0
    far = np.array([1e6, 1 + 1e-3], np.float32)
    assert np.isclose(drift(far, reference), 1e-3, rtol=1e-2)


def test_nan_and_infinity_at_other_places_are_no_rounding() -> None:
    reference = np.array([1.0, np.nan, np.inf])
    assert drift(reference, reference) == 0
    assert drift(np.array([np.nan, np.nan, np.inf]), reference) == np.inf
    assert drift(np.array([1.0, np.nan, -np.inf]), reference) == np.inf
    assert not is_rounding(np.inf, reference)
    assert is_rounding(1e-7, np.ones(2, np.float32))
    assert not is_rounding(1e-2, np.ones(2, np.float32))
    assert is_rounding(0.0, np.zeros(0))
