"""Two sets of outputs side by side: what is not a number's matter comes first, then figures that can be trusted."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from pytest_onnxaccel.core.specs import Tolerance
from pytest_onnxaccel.numerics.compare.distances import cosine, max_ulp
from pytest_onnxaccel.numerics.compare.elementwise import figures, name_problems, value_problems
from suites.unit.comparing import WITHOUT_WARNINGS, share

pytestmark = WITHOUT_WARNINGS

SIDES = ("ort-cpu", "onnx-tf")
Array = NDArray[Any]


def kinds(candidate: ArrayLike, reference: ArrayLike) -> list[str]:
    return [p.kind for p in value_problems("y", np.asarray(candidate), np.asarray(reference))]


# -- names ------------------------------------------------------------------------------------------------------


def names(candidate: str, reference: str) -> list[tuple[str, str]]:
    found = name_problems(dict.fromkeys(candidate), dict.fromkeys(reference), SIDES)
    return [(p.kind, p.message) for p in found]


def test_equal_names_in_equal_order_are_no_problem() -> None:
    assert names("ab", "ab") == names("", "") == []


def test_a_dropped_output_is_named() -> None:
    assert names("a", "ab") == [("missing", "ort-cpu lacks output 'b' of onnx-tf")]


def test_an_extra_output_is_named() -> None:
    assert names("abc", "ab") == [("extra", "ort-cpu has an output 'c' that onnx-tf lacks")]


def test_one_renamed_output_is_called_so() -> None:
    assert names("axc", "abc") == [("renamed", "output 'b' of onnx-tf is called 'x' in ort-cpu")]
    (maps,) = name_problems(dict.fromkeys(["a", "b[0, 1]"]), dict.fromkeys("ab"), SIDES)
    assert maps.message.endswith("convert with options={'zipmap': False}, or let onnx-tf give a list of dicts")


def test_two_other_names_are_missing_and_extra() -> None:
    assert [kind for kind, _ in names("xy", "ab")] == ["missing", "missing", "extra", "extra"]


def test_an_output_less_and_another_name_is_no_renaming() -> None:
    assert [kind for kind, _ in names("ax", "abc")] == ["missing", "missing", "extra"]


def test_another_order_is_told_and_never_paired_by_position() -> None:
    assert names("ba", "ab") == [
        ("reordered", "ort-cpu gives the outputs in the order ['b', 'a'], onnx-tf in ['a', 'b']")
    ]


# -- what makes figures meaningless ----------------------------------------------------------------------------


def test_another_dtype() -> None:
    found = value_problems("y", np.zeros(2, np.float64), np.zeros(2, np.float32))
    assert [(p.kind, p.message) for p in found] == [("dtype", "output 'y' is float64, the reference float32")]


@pytest.mark.parametrize(
    ("candidate", "reference", "kind"),
    [
        ((1, 4), (3, 4), "shape"),
        ((4,), (1, 4), "rank"),
        ((), (1,), "rank"),
        ((0,), (1,), "shape"),
        ((1,), (4,), "shape"),
    ],
)
def test_shapes_that_would_broadcast_are_not_equal(
    candidate: tuple[int, ...], reference: tuple[int, ...], kind: str
) -> None:
    (problem,) = value_problems("y", np.zeros(candidate), np.zeros(reference))
    assert problem.kind == kind
    assert problem.message == f"output 'y' has shape {candidate}, the reference {reference}"


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ml_dtypes.bfloat16, np.complex64])
def test_a_nan_on_one_side_is_told_with_its_side(dtype: Any) -> None:
    clean, dirty = np.ones(3, dtype), np.array([1, np.nan, 1], dtype)
    for candidate, reference, side in ((dirty, clean, "candidate"), (clean, dirty, "reference")):
        (problem,) = value_problems("y", candidate, reference)
        assert (problem.kind, problem.message) == ("nan", f"output 'y': 1 elements are NaN in the {side} alone")


def test_nan_on_both_sides_at_the_same_place_is_equal() -> None:
    both = np.array([1.0, np.nan, 2.0], np.float32)
    assert kinds(both, both) == []
    assert share(both, both) == 0


def test_as_many_nan_at_other_places_are_not_equal() -> None:
    assert kinds([np.nan, 1.0], [1.0, np.nan]) == ["nan"]


def test_infinity_needs_its_sign() -> None:
    assert kinds([np.inf, -np.inf], [np.inf, -np.inf]) == []
    assert kinds([np.inf], [-np.inf]) == ["inf"]
    assert kinds([np.inf], [3.4e38]) == ["inf"]
    assert kinds([1.0], [-np.inf]) == ["inf"]


def test_equal_infinities_do_not_spoil_the_figures_of_the_rest() -> None:
    found = figures(np.array([np.inf, 1.5]), np.array([np.inf, 1.0]), Tolerance())
    assert (found["max_abs"], found["worst_index"]) == (0.5, [1])
    assert found["max_rel"] == 0.5


def test_integers_and_text_have_neither_nan_nor_infinity() -> None:
    assert kinds([1, 2], [1, 3]) == kinds([True], [False]) == kinds(["a"], ["b"]) == []


def test_text_is_text_in_whatever_type_a_runtime_holds_it() -> None:
    assert kinds(np.array(["a", "bc"], object), np.array(["a", "bc"])) == []
    assert share(np.array(["a", "bc"], object), np.array(["a", "bd"])) == 0.5


# -- figures ----------------------------------------------------------------------------------------------------


def test_the_worst_element_is_named_with_both_values() -> None:
    reference = np.arange(12, dtype=np.float32).reshape(3, 4) + 1
    candidate = reference.copy()
    candidate[1, 2] += 0.5
    candidate[2, 3] += 0.25
    found = figures(candidate, reference, Tolerance())
    assert found["worst_index"] == [1, 2]
    assert (found["worst_candidate"], found["worst_reference"]) == (7.5, 7.0)
    assert found["max_abs"] == 0.5
    assert found["max_rel"] == pytest.approx(0.5 / 7)
    assert found["max_rel_range"] == pytest.approx(0.5 / 11)
    assert found["bad_share"] == pytest.approx(2 / 12)
    assert found["elements"] == 12


def test_the_worst_element_is_the_one_furthest_past_its_limit_not_the_largest_difference() -> None:
    found = figures(np.array([1000.5, 1.1]), np.array([1000.0, 1.0]), Tolerance(rtol=1e-3, atol=0))
    assert found["max_abs"] == 0.5
    assert found["worst_index"] == [1]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int64, np.bool_, ml_dtypes.bfloat16])
def test_scalars(dtype: Any) -> None:
    one, zero = np.array(1, dtype), np.array(0, dtype)
    assert share(one, one) == 0
    found = figures(one, zero, Tolerance())
    assert (found["bad_share"], found["max_abs"], found["worst_index"]) == (1.0, 1.0, [])


@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.str_, np.bool_])
@pytest.mark.parametrize("shape", [(0,), (1, 0, 4)])
def test_empty_arrays_agree(dtype: Any, shape: tuple[int, ...]) -> None:
    empty = np.zeros(shape, dtype)
    assert kinds(empty, empty) == []
    assert figures(empty, empty, Tolerance())["bad_share"] == 0


def test_integers_are_exact_up_to_the_last_digit() -> None:
    big = 2**62
    assert share([big], [big]) == 0
    assert share([big], [big + 1]) == 1
    assert share(np.array([2**64 - 1], np.uint64), np.array([2**64 - 2], np.uint64)) == 1
    assert figures(np.array([2**62 + 1]), np.array([2**62]), Tolerance())["max_abs"] == 1


def test_integers_may_be_given_a_tolerance() -> None:
    assert share([7], [8], Tolerance(atol=1)) == 0
    assert share([6], [8], Tolerance(atol=1)) == 1


def test_small_integers_do_not_wrap() -> None:
    assert figures(np.array([0], np.uint8), np.array([255], np.uint8), Tolerance())["max_abs"] == 255
    assert figures(np.array([-128], np.int8), np.array([127], np.int8), Tolerance())["max_abs"] == 255


def test_booleans_are_exact() -> None:
    assert share([True, False], [True, False]) == 0
    assert share([True, True], [True, False]) == 0.5


def test_complex_numbers_are_pairs() -> None:
    reference = np.array([1 + 2j, 3 - 4j], np.complex64)
    assert share(reference, reference) == 0
    found = figures(reference + np.array([0, 0.5j], np.complex64), reference, Tolerance())
    assert (found["max_abs"], found["worst_index"], found["bad_share"]) == (0.5, [1, 1], 0.25)


def test_a_difference_of_opposite_infinities_is_infinitely_bad() -> None:
    found = figures(np.array([np.inf, 1.0]), np.array([-np.inf, 1.0]), Tolerance(rtol=1e9, atol=1e9))
    assert (found["max_abs"], found["max_rel"], found["bad_share"]) == (np.inf, np.inf, 0.5)


def test_a_difference_of_nothing_and_a_number_is_infinitely_bad() -> None:
    found = figures(np.array([np.nan, 1.0]), np.array([1.0, 1.0]), Tolerance(rtol=1e9, atol=1e9))
    assert (found["max_abs"], found["bad_share"]) == (np.inf, 0.5)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ml_dtypes.bfloat16])
def test_ulp_are_numpys(dtype: Any) -> None:
    random = np.random.default_rng(0)
    reference = (random.uniform(-1, 1, 200) * 10.0 ** random.integers(-3, 4, 200)).astype(dtype)
    up = np.nextafter(reference, np.array(np.inf, dtype))
    assert max_ulp(up, reference) == max_ulp(reference, up) == 1
    assert max_ulp(reference, reference) == 0
    one, space = np.ones(1, dtype), np.spacing(np.ones(1, dtype))
    assert max_ulp(one + 3 * space, one) == 3


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_ulp_across_zero_and_to_the_ends(dtype: Any) -> None:
    tiny, info = np.finfo(dtype).smallest_subnormal, np.finfo(dtype)
    assert max_ulp(np.array([tiny]), np.array([-tiny])) == 2
    assert max_ulp(np.array([0.0], dtype), np.array([-0.0], dtype)) == 0
    widest = max_ulp(np.array([info.max]), np.array([info.min]))
    assert widest is not None
    # Twice as many steps as there are finite numbers above zero
    assert widest == pytest.approx(2.0 * ((2**info.nexp - 1) * 2.0**info.nmant - 1))


def test_ulp_leave_out_what_is_not_finite_and_types_without_them() -> None:
    assert max_ulp(np.array([np.nan, 1.0]), np.array([np.nan, 1.0])) == 0
    assert max_ulp(np.array([np.nan]), np.array([np.nan])) is None
    assert max_ulp(np.array([1]), np.array([2])) is None


def test_cosine_tells_a_flipped_sign() -> None:
    vector = np.array([1.0, 2.0, -3.0])
    assert cosine(vector, vector * 5) == pytest.approx(1)
    assert cosine(vector, -vector) == pytest.approx(-1)
    assert cosine(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == 0
    assert cosine(np.zeros(2), np.zeros(2)) == 1
    assert cosine(np.zeros(2), vector[:2]) == 0
