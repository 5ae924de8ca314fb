"""Who is wrong, by what is right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pytest_onnxaccel.checks.localise.ruling import Ruling, Truth, rule

RIGHT = np.linspace(-1, 1, 7)


def ruled(by: str = "float64", steps: bool = False, truth: Any = RIGHT, **engines: Any) -> Ruling:
    outputs = {name: {"y": array} for name, array in engines.items()}
    found = rule(Truth({"y": np.asarray(truth)}, by, "Op 'n' alone", steps), outputs, ("a", "b"))
    assert found is not None
    return found


def single(offset: float = 0.0) -> Any:
    return (RIGHT + offset).astype(np.float32)


def test_the_one_that_is_far_from_what_is_right_is_wrong() -> None:
    found = ruled(a=single(), b=single(0.3), c=single(1e-7))
    assert (found.wrong, found.right) == (("b",), ("a", "c"))
    assert found.sentence.startswith(
        "by float64, Op 'n' alone: b is wrong, 3.0e-01 of the scale off; a and c are right"
    )


def test_the_majority_may_be_wrong() -> None:
    assert ruled(a=single(0.3), b=single(), c=single(0.3), d=single(0.3)).wrong == ("a", "c", "d")


def test_rounding_makes_nobody_wrong() -> None:
    found = ruled(a=single(1e-7), b=single(3e-7))
    assert found.wrong == ()
    assert "all are right but for rounding" in found.sentence


def test_both_may_be_wrong() -> None:
    found = ruled(a=single(0.5), b=single(-0.4))
    assert (found.right, found.wrong) == ((), ())
    assert "none is right" in found.sentence


def test_of_two_wrong_ones_the_far_one_alone_is_not_excused() -> None:
    found = ruled(a=single(0.5), b=single(0.02))
    assert found.wrong == ("a",)


def test_infinite_against_finite() -> None:
    lost = single()
    lost[2] = np.nan
    found = ruled(a=lost, b=single())
    assert found.wrong == ("a",)
    assert "not finite on one side alone" in found.sentence


def test_overflow_in_half_precision_is_right_where_the_number_is_too_large() -> None:
    large = np.array([7e4, 1.0])
    half = np.array([np.inf, 1.0], np.float16)
    wrong = np.array([65504.0, 1.0], np.float16)
    with np.errstate(over="ignore"):
        found = ruled(truth=large, a=half, b=wrong)
    assert found.wrong == ("b",)


@pytest.mark.parametrize(("apart", "wrong"), [(1, ()), (2, ("b",))])
def test_a_step_is_rounding_for_what_is_quantised(apart: int, wrong: tuple[str, ...]) -> None:
    right = np.arange(5, dtype=np.uint8)
    found = ruled(by="exact integers", steps=True, truth=right, a=right, b=(right + apart).astype(np.uint8))
    assert found.wrong == wrong


def test_with_and_without_optimizations_is_told_once() -> None:
    outputs = {"a": {"y": single(0.3)}, "a unoptimized": {"y": single(0.3)}, "b": {"y": single()}}
    truth = Truth({"y": RIGHT}, "float64", "Op 'n' alone")
    found = rule(truth, outputs, ("a", "b"), {"a unoptimized": "a"})
    assert found is not None
    assert (found.wrong, found.right) == (("a",), ("b",))
    outputs["a"] = {"y": single()}
    found = rule(truth, outputs, ("a", "a unoptimized"), {"a unoptimized": "a"})
    assert found is not None
    assert (found.wrong, found.right) == (("a unoptimized",), ("a", "b"))


def test_other_names_and_shapes() -> None:
    truth = Truth({"y": RIGHT}, "float64", "Op 'n' alone")
    assert rule(truth, {"a": {"z": single()}, "b": {"z": single()}}, ("a", "b")) is None
    found = rule(truth, {"a": {"y": single()}, "b": {"y": single()[:3]}}, ("a", "b"))
    assert found is not None
    assert found.wrong == ("b",)
