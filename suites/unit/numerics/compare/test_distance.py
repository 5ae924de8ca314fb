"""Gaps as shares of a tensor's scale, and tensors found again by their digest."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from pytest_onnxaccel.numerics.compare.digest import KEPT, Digest
from pytest_onnxaccel.numerics.compare.distance import floor, gap, magnitude
from pytest_onnxaccel.numerics.compare.perturb import perturb
from pytest_onnxaccel.numerics.sampling.npz import write_npz

ROWS = np.array([[1, -8, 2], [0, 4, 3]], np.float32)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", ml_dtypes.bfloat16])
def test_a_gap_is_a_share_of_the_largest_magnitude(dtype: object) -> None:
    reference = ROWS.astype(dtype)
    candidate = reference.copy()
    candidate[0, 0] += reference.dtype.type(2)
    found = gap(candidate, reference)
    assert (found.max_abs, found.share) == (2, 0.25)
    assert gap(reference, reference).share == 0


def test_a_gap_to_zeros_is_measured_by_the_other_side() -> None:
    assert gap(ROWS, np.zeros_like(ROWS)).share == 1
    assert gap(np.zeros_like(ROWS), np.zeros_like(ROWS)).share == 0


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_on_one_side_alone_is_infinitely_far(value: float) -> None:
    one, both = ROWS.copy(), ROWS.copy()
    one[0, 1] = both[0, 1] = value
    assert gap(one, ROWS).share == gap(ROWS, one).share == np.inf
    assert "not finite" in gap(one, ROWS).why
    assert gap(one, both).share == 0
    both[1, 1] += 1
    assert gap(one, both).share == pytest.approx(1 / 5), "the finite rest still counts"


def test_other_shapes_and_types_are_infinitely_far_and_say_why() -> None:
    assert gap(ROWS, ROWS.T).why == "shape (2, 3) against (3, 2)"
    assert gap(ROWS.astype(np.float64), ROWS).why == "float64 against float32"
    assert gap(ROWS, ROWS[:1]).share == np.inf, "nothing is broadcast"


def test_integers_and_texts_count_the_share_that_differs() -> None:
    a, b = np.array([1, 2, 3, 4]), np.array([1, 2, 3, 9])
    assert (gap(a, b).share, gap(a, b).max_abs) == (0.25, 5)
    assert gap(np.array(["a", "b"], object), np.array(["a", "c"], object)).share == 0.5
    assert (floor("int64"), floor("bool")) == (0, 0)


def test_empty_and_scalar() -> None:
    assert gap(np.empty((0, 3), np.float32), np.empty((0, 3), np.float32)).share == 0
    assert gap(np.float32(3).reshape(()), np.float32(2).reshape(())).share == 0.5
    assert (magnitude(np.array([np.nan, -3.0])), magnitude(np.array([np.inf]))) == (3, 0)


def test_a_digest_finds_the_same_tensor_and_no_other() -> None:
    large = np.random.default_rng(0).normal(size=(4 * KEPT,)).astype(np.float32)
    found = Digest.of(large)
    assert len(found.sample) == KEPT
    assert found.same(Digest.of(large * np.float32(1 + 1e-7)), 1e-6)
    assert not found.same(Digest.of(large * np.float32(1.001)), 1e-6)
    assert not found.same(Digest.of(large.reshape(2, -1)), 1e-6)
    channel = large.copy()
    channel[: KEPT // 16] *= np.float32(1.05)
    assert not found.same(Digest.of(channel), 1e-6)
    assert found.apart(Digest.of(channel)) > 0.01
    assert not found.same(Digest.of(np.roll(large, 1)), 1e-6)


def test_a_digest_of_what_is_not_finite_and_of_integers() -> None:
    nan = np.array([1, np.nan, 3], np.float32)
    assert Digest.of(nan).same(Digest.of(nan.copy()), 1e-6)
    assert not Digest.of(nan).same(Digest.of(np.array([1, 2, 3], np.float32)), 1e-6)
    assert Digest.of(np.array([1, 2])).same(Digest.of(np.array([1, 2])), 0)
    assert Digest.of(np.array([1, 2])).apart(Digest.of(np.array([1, 3]))) == 0.5


def test_shaken_inputs_are_off_by_a_few_units_and_always_the_same() -> None:
    feeds = {"x": np.linspace(-1, 1, 100, dtype=np.float32), "n": np.arange(3)}
    first, second = perturb(feeds), perturb(feeds)
    assert np.array_equal(first["x"], second["x"])
    assert first["x"].dtype == np.float32
    assert 0 < gap(first["x"], feeds["x"]).share < 1e-6
    assert first["n"] is feeds["n"]


def test_an_archive_takes_any_name_and_type(tmp_path: object) -> None:
    arrays = {
        "file": ROWS, "/a/b:0": np.arange(3), "text": np.array(["x", "yz"], object),
        "bf16": ROWS.astype(ml_dtypes.bfloat16), "scalar": np.array(3.0),
    }  # fmt: skip
    path = tmp_path / "arrays.npz"  # type: ignore[operator]
    write_npz(path, arrays)
    with np.load(path) as found:
        assert set(found.files) == set(arrays)
        assert np.array_equal(found["file"], ROWS)
        assert np.array_equal(found["bf16"], ROWS)
        assert found["text"].tolist() == ["x", "yz"]
        assert found["scalar"].shape == ()
