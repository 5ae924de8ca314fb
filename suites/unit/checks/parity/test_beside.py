"""Noise of the ONNX side beside that of a source, types on the way to an output, and summands: what each widens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from pytest_onnxaccel.checks.batch.check import BatchCase, batch
from pytest_onnxaccel.checks.parity.check import Noisy, ParityCase, parity
from pytest_onnxaccel.checks.precision.types import Types
from pytest_onnxaccel.core.precision import Precision
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import Tolerance
from suites.unit.fakes import Arrays, FakeSession, doubling, inputs_of, tensor

INPUTS = inputs_of(tensor("x", "N", 64), batch="N")


def off(gap: float) -> FakeSession:
    """Doubles, and adds *gap* to one element."""

    def function(feeds: Arrays) -> Arrays:
        found = np.array(feeds["x"] * 2)
        found[0, 5] += np.float32(gap)
        return {"y": found}

    return FakeSession(function)


def of(*made: Any) -> Any:
    def give() -> Iterator[tuple[str, Any]]:
        yield from ((f"v{number}", session) for number, session in enumerate(made))

    return give


def judged(candidate: FakeSession, noisy: Noisy, types: Types | None = None, **more: Any) -> CheckResult:
    reference = more.pop("reference", FakeSession(doubling))
    tolerance = more.pop("tolerance", Tolerance())
    return parity(ParityCase("m", "new", "old", candidate, reference, INPUTS, tolerance, noisy=noisy, types=types))


QUIET = of(off(1e-7))


def test_a_framework_that_shows_no_noise_takes_that_of_the_other_side() -> None:
    candidate = off(2e-5)
    assert judged(candidate, Noisy(QUIET)).verdict is Verdict.FAILED
    found = judged(candidate, Noisy(QUIET, beside=("ort-cpu", candidate, of(off(4e-5)))))
    assert found.verdict is Verdict.PASSED
    assert any("of old and ort-cpu over" in note for note in found.notes)


def test_the_other_side_widens_nothing_for_a_fault() -> None:
    candidate = off(2e-3)
    found = judged(candidate, Noisy(QUIET, beside=("ort-cpu", candidate, of(off(2e-3 + 2e-5)))))
    assert found.verdict is Verdict.FAILED


def small() -> FakeSession:
    """A ten-thousandth of what is added up for it."""
    return FakeSession(lambda feeds: {"y": feeds["x"] * np.float32(1e-4)})


def near(gap: float) -> FakeSession:
    return FakeSession(lambda feeds: {"y": feeds["x"] * np.float32(1e-4) + np.float32(gap)})


def summed(scale: float, many: bool = False) -> Any:
    return lambda feeds: {"y": (scale, many)}


def test_what_nearly_cancels_is_judged_at_the_scale_of_its_summands() -> None:
    rounding = near(2e-7)
    assert judged(rounding, Noisy(QUIET), reference=small()).verdict is Verdict.FAILED
    found = judged(rounding, Noisy(QUIET, summands=summed(1.0)), reference=small())
    assert found.verdict is Verdict.PASSED
    assert "scale of its summands" in found.figures["outputs"]["y"]["tolerance_from"]


def test_a_fault_past_the_rounding_of_the_summands_stays_one() -> None:
    assert judged(near(1e-5), Noisy(QUIET, summands=summed(1.0)), reference=small()).verdict is Verdict.FAILED


def test_summands_that_are_little_larger_widen_nothing() -> None:
    found = judged(off(3e-5), Noisy(QUIET, summands=summed(30.0)))
    assert found.verdict is Verdict.FAILED
    assert judged(off(3e-5), Noisy(QUIET, summands=summed(100.0, many=True))).verdict is Verdict.PASSED


def test_a_tolerance_that_was_given_wins_over_summands() -> None:
    given = Tolerance(0.0, 1e-8, "given")
    found = judged(near(2e-7), Noisy(QUIET, summands=summed(1.0)), reference=small(), tolerance=given)
    assert found.verdict is Verdict.FAILED


HALF = Precision({"y": "float16"}, {}, {"float16": 3})


def types(ours: Precision, theirs: Precision = Precision(), rounded: Any = None) -> Types:  # noqa: B008
    return Types(lambda: (ours, theirs), rounded)


def test_an_output_that_is_computed_in_float16_is_judged_so() -> None:
    candidate = off(2e-3)
    assert judged(candidate, Noisy(QUIET)).verdict is Verdict.FAILED
    found = judged(candidate, Noisy(QUIET), types(HALF))
    assert found.verdict is Verdict.PASSED
    assert "rounding of float16" in found.figures["outputs"]["y"]["tolerance_from"]
    assert found.figures["conversion"] == "float16"


def test_its_noise_is_that_of_the_reference_in_float16() -> None:
    candidate = off(2e-2)
    assert judged(candidate, Noisy(QUIET), types(HALF, rounded=lambda dtype: QUIET)).verdict is Verdict.FAILED
    found = judged(candidate, Noisy(QUIET), types(HALF, rounded=lambda dtype: of(off(1e-2))))
    assert found.verdict is Verdict.PASSED
    assert found.figures["noise"]["drift"]["y"] > 5e-3


def test_types_are_not_asked_of_a_pair_that_agrees() -> None:
    def never() -> tuple[Precision, Precision]:
        raise AssertionError("asked")

    assert judged(off(0), Noisy(QUIET), Types(never)).verdict is Verdict.PASSED


def test_a_narrow_type_on_the_way_to_another_output_changes_nothing() -> None:
    assert judged(off(2e-3), Noisy(QUIET), types(Precision({"z": "float16"}))).verdict is Verdict.FAILED


# -- batch ------------------------------------------------------------------------------------------------------


def batched(gap: float, noise: Mapping[str, float] | None, tolerance: Tolerance | None = None) -> CheckResult:
    """A model that is *gap* off in each batch of more than one sample."""

    def function(feeds: Arrays) -> Arrays:
        return {"y": feeds["x"] * 2 + np.float32(gap if len(feeds["x"]) > 1 else 0)}

    session = FakeSession(function)
    case = BatchCase(
        "m", "ort-cpu", session, INPUTS, lambda size: iter([("dynamic", session)]), (), tolerance or Tolerance(),
        noise=None if noise is None else lambda: noise,
    )  # fmt: skip
    return batch(case)


def test_a_batch_may_be_off_by_the_noise_that_was_measured() -> None:
    assert batched(1e-3, None).verdict is Verdict.FAILED
    assert batched(1e-3, {"y": 1e-4}).verdict is Verdict.FAILED
    assert batched(1e-3, {"y": 2e-3}).verdict is Verdict.PASSED


def test_a_tolerance_that_was_given_wins_over_noise() -> None:
    assert batched(1e-3, {"y": 2e-3}, Tolerance(0.0, 1e-4, "given")).verdict is Verdict.FAILED


def test_noise_is_not_measured_for_what_cannot_be_noise() -> None:
    class Never(dict[str, float]):
        def get(self, *_: Any) -> float:
            raise AssertionError("asked")

    assert batched(5.0, Never()).verdict is Verdict.FAILED
