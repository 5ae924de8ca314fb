"""Distances are the same in one block and in many, and large arrays take little more memory than they have."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

from pytest_onnxaccel.core.specs import Tolerance
from pytest_onnxaccel.numerics.compare import distances
from pytest_onnxaccel.numerics.compare.elementwise import figures, nothing_finite, value_problems


def pair(dtype: str, faulty: bool) -> tuple[Any, Any]:
    random = np.random.default_rng(3)
    b = (random.normal(size=(5, 7, 3)) * 100).astype(dtype)
    a = b.copy()
    a.reshape(-1)[[10, 40, 90]] += np.asarray([3, 1, 1], dtype)
    if faulty and b.dtype.kind == "f":
        a[0, 0, 0] = b[0, 0, 0] = np.nan
        a[4, 6, 2] = np.inf
        a[2, 2, 2] = np.nan
    return a, b


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int64", "uint8", "complex64"])
@pytest.mark.parametrize("faulty", [False, True])
@pytest.mark.parametrize("tolerance", [Tolerance(), Tolerance(1e-6, 2.0), Tolerance(0.0, 1e9)])
def test_blocks_make_no_difference(
    dtype: str, faulty: bool, tolerance: Tolerance, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = pair(dtype, faulty)
    whole = figures(a, b, tolerance), value_problems("y", a, b), nothing_finite("y", b)
    monkeypatch.setattr(distances, "BLOCK", 4)
    parts = figures(a, b, tolerance), value_problems("y", a, b), nothing_finite("y", b)
    assert parts[1:] == whole[1:]
    assert parts[0].pop("cosine") == pytest.approx(whole[0].pop("cosine"), nan_ok=True)
    assert repr(parts[0]) == repr(whole[0])  # NaN is not equal to itself
    if not faulty or b.dtype.kind != "f":
        at = [int(i) for i in np.unravel_index(10, b.shape)]
        assert whole[0]["worst_index"] == (at if dtype != "complex64" else [*at, 0])


def test_without_a_finite_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distances, "BLOCK", 2)
    empty = np.full(5, np.nan, np.float32)
    assert nothing_finite("y", empty)
    empty[4] = 1
    assert not nothing_finite("y", empty)


def test_a_large_output_is_compared_in_little_memory() -> None:
    b = np.ones(16 * distances.BLOCK, np.float32)
    a = b + np.float32(1e-6)
    figures(a, b, Tolerance())  # what is imported on the way is not counted
    tracemalloc.start()
    try:
        value_problems("y", a, b)
        figures(a, b, Tolerance())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3 * b.nbytes
