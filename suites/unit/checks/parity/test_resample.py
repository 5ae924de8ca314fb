"""A narrow pass in one engine is looked at again on more samples: when, on how many, and what may come of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from pytest_onnxaccel.checks.parity.check import Noisy, ParityCase, parity
from pytest_onnxaccel.checks.parity.noise_floor import Noise, Variants
from pytest_onnxaccel.checks.parity.resample import ENOUGH, FEW, LEAST, MOST, further
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import Decision, Tolerance
from pytest_onnxaccel.numerics.compare.tolerance_floor import FACTOR, SURE
from pytest_onnxaccel.numerics.sampling.input_sets import Inputs
from suites.unit.fakes import Arrays, FakeSession, doubling, inputs_of, tensor

WIDE = inputs_of(tensor("x", "N", 512), batch="N")
FIRST = 3
DRIFT = 1e-5


def off(gap: float, late: float | None = None, inputs: Inputs = WIDE) -> FakeSession:
    """Doubles, and adds *gap* to one element: to the default samples alone and *late* to others where that is given."""
    known = {inputs.feeds(number)["x"].tobytes() for number in range(FIRST)}

    def function(feeds: Arrays) -> Arrays:
        found = np.array(feeds["x"] * 2)
        found[0, 5] += np.float32(gap if late is None or feeds["x"].tobytes() in known else late)
        return {"y": found}

    return FakeSession(function)


class Judge:
    """Judges against a doubling whose one variant is *variant*."""

    def __init__(self, variant: FakeSession | None = None, **noisy: Any) -> None:
        self.opened = 0
        self.reference = FakeSession(doubling)
        self._variant = variant or off(DRIFT)
        self._noisy = {"alike": True, **noisy}

    def __call__(self, candidate: FakeSession, inputs: Inputs = WIDE, **more: Any) -> CheckResult:
        noisy = Noisy(self._variants(), **self._noisy)
        sides = (candidate, self.reference)
        return parity(
            ParityCase("m", "new", "old", *sides, inputs, more.pop("tolerance", Tolerance()), noisy=noisy, **more)
        )

    def _variants(self) -> Variants:
        def give() -> Iterator[tuple[str, Any]]:
            self.opened += 1
            yield "v", self._variant

        return give


def test_one_that_stays_within_what_is_known_passes_without_measuring_again() -> None:
    judge = Judge()
    result = judge(off(1.5 * DRIFT))
    assert (result.verdict, judge.opened) == (Verdict.PASSED, 1)
    count = further([512])
    assert result.figures["samples"] == FIRST + count
    assert result.figures["second_look"] == {
        "outputs": ["y"], "factor": SURE, "sure": ["y"], "samples": count, "measured": False,
    }  # fmt: skip
    assert f"y: further off than any variant, so {count} more samples were compared" in result.notes
    assert any(note.startswith("y: atol") and f"{SURE:g} x measured" in note for note in result.notes)


def test_what_shows_on_further_samples_alone_fails_there() -> None:
    judge = Judge()
    result = judge(off(1.5 * DRIFT, late=5 * DRIFT))
    assert (result.verdict, result.code, judge.opened) == (Verdict.FAILED, "V_PARITY", 2)
    assert result.figures["outputs"]["y"]["sample"] >= FIRST
    assert result.figures["second_look"]["measured"]
    assert result.figures["noise"]["samples"] == result.figures["samples"]
    assert f"{SURE:g} x measured drift 1e-05 of old" in result.details[-1]


def test_the_drift_of_further_samples_counts_as_well() -> None:
    judge = Judge(off(DRIFT, late=3 * DRIFT))
    result = judge(off(1.5 * DRIFT, late=5 * DRIFT))
    assert (result.verdict, judge.opened) == (Verdict.PASSED, 2)
    assert np.isclose(result.figures["noise"]["drift"]["y"], 3 * DRIFT, rtol=0.1)


def test_between_the_two_factors_it_fails_where_more_samples_drift_no_further() -> None:
    gap = (SURE + FACTOR) / 2 * DRIFT
    assert Judge()(off(gap)).code == "V_PARITY"
    assert Judge(alike=False)(off(gap)).verdict is Verdict.PASSED
    assert Judge(off(DRIFT, late=2 * DRIFT))(off(gap)).verdict is Verdict.PASSED


def test_a_breach_of_the_contract_on_a_further_sample_is_one() -> None:
    result = Judge()(off(1.5 * DRIFT, late=float("nan")))
    assert (result.code, result.figures["breach"]) == ("V_CONTRACT", "nan")
    assert result.figures["samples"] == FIRST + 1


def test_a_gross_fault_on_a_further_sample_is_not_measured() -> None:
    judge = Judge()
    result = judge(off(1.5 * DRIFT, late=1.0))
    assert (result.code, judge.opened) == ("V_PARITY", 1)
    assert not result.figures["second_look"]["measured"]


@pytest.mark.parametrize("gap", [1e-7, 0.9 * DRIFT, 6 * DRIFT])
def test_what_is_not_narrow_is_settled_at_once(gap: float) -> None:
    candidate = off(gap, late=1.0)
    result = Judge()(candidate)
    assert result.verdict is (Verdict.FAILED if gap > FACTOR * DRIFT else Verdict.PASSED)
    assert "second_look" not in result.figures
    assert result.figures["samples"] == FIRST


@pytest.mark.parametrize(
    ("noisy", "more"),
    [
        ({"alike": False}, {}),  # another engine
        ({"locked": {"y": Tolerance(2e-6, 4 * DRIFT, "onnxaccel.lock.toml")}}, {}),
        ({}, {"tolerance": Tolerance(0.0, 4 * DRIFT, "--onnx-atol")}),
        ({}, {"seeds": (0, 1, 2)}),
        ({}, {"inputs": inputs_of(tensor("x", "N", 512), batch="N", files={"x": [np.ones((1, 512), np.float32)]})}),
    ],
)
def test_it_is_not_for_others(noisy: dict[str, Any], more: dict[str, Any]) -> None:
    result = Judge(**noisy)(off(1.5 * DRIFT), **more)
    assert result.verdict is Verdict.PASSED
    assert "second_look" not in result.figures


def test_outputs_of_few_elements_are_left_at_the_first_look() -> None:
    small = inputs_of(tensor("x", "N", FEW // (FIRST + MOST)), batch="N")
    result = Judge(off(DRIFT, inputs=small))(off(1.5 * DRIFT, inputs=small), small)
    assert (result.verdict, result.figures["samples"]) == (Verdict.PASSED, FIRST)


def test_a_small_output_beside_a_close_one_keeps_its_factor() -> None:
    """Neither whole numbers, which must be equal, nor three elements are judged by what is known of many."""

    def beside(gap: float) -> FakeSession:
        def function(feeds: Arrays) -> Arrays:
            large = np.array(feeds["x"] * 2)
            large[0, 5] += np.float32(gap)
            return {"y": large, "small": large[:, 4:7], "whole": np.arange(FEW)}

        return FakeSession(function)

    judge = Judge(beside(DRIFT))
    judge.reference = beside(0)
    result = judge(beside(1.5 * DRIFT))
    assert result.verdict is Verdict.PASSED
    assert result.figures["second_look"]["outputs"] == result.figures["second_look"]["sure"] == ["y"]
    assert [note.split(" = ")[1][:1] for note in result.notes if "atol" in note] == [f"{SURE:g}", f"{FACTOR:g}"]


def test_decisions_of_further_samples_count() -> None:
    result = Judge()(off(1.5 * DRIFT), decision=Decision("classification"))
    assert result.figures["decision"]["decisions"] == result.figures["samples"] > FIRST


@pytest.mark.parametrize(
    ("sizes", "count"), [([1], MOST), ([ENOUGH // 16, 10**6], 16), ([10**9], LEAST), ([0], MOST), ([], MOST)]
)
def test_smaller_outputs_need_more_samples(sizes: list[int], count: int) -> None:
    assert further(sizes) == count


def test_noise_of_two_looks_is_the_larger_of_each_output() -> None:
    first = Noise("old", {"y": 1.0, "z": 2.0}, ("a",), ("b: why",), 3, ("z",))
    both = first.joined(Noise("old", {"y": 3.0, "z": 1.0}, ("a", "c"), ("d: why",), 8))
    assert both == Noise("old", {"y": 3.0, "z": 2.0}, ("a", "c"), ("b: why", "d: why"), 11, ("z",))
    assert (both.factor("y"), both.factor("z")) == (FACTOR, SURE)
