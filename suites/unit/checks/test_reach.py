"""Outputs that do not answer prove nothing; what was not reached is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pytest_onnxaccel.checks.parity.check import SAMPLES, ParityCase, parity
from pytest_onnxaccel.checks.reach.answers import MORE, WIDER, Answers, further, holding, remedy
from pytest_onnxaccel.checks.reach.sensitivity import Reach, judged_by_reach, percent, with_reach
from pytest_onnxaccel.checks.reach.telling import Telling
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import InputSpec, Tolerance
from pytest_onnxaccel.numerics.reach.coverage import Coverage
from pytest_onnxaccel.numerics.sampling.input_sets import Inputs
from pytest_onnxaccel.numerics.sampling.sample_numbers import WIDE
from suites.unit.fakes import Arrays, FakeSession, inputs_of, tensor

X = inputs_of(tensor("x", "N", 4), batch="N")
ALL = Reach("m", 100, 100, answering=frozenset({"y"}), outputs=("y",))


def answers(*outputs: Any, feeds: Any = None) -> Answers:
    found = Answers()
    for index, output in enumerate(outputs):
        given = np.array([index if feeds is None else feeds[index]])
        found.add({"x": given}, output if isinstance(output, dict) else {"y": np.asarray(output)})
    return found


@pytest.mark.parametrize(
    ("outputs", "hollow"),
    [
        (([1.0, 2.0], [1.0, 3.0]), False),
        (([1.0, 2.0], [1.0, 2.0]), True),
        (([0.0, 0.0],), True),
        (([1.0, 2.0],), False),  # one sample cannot tell
        (([0.0], [0.0, 0.0]), True),  # of another length
        (([1.0], [0.0, 0.0]), False),
        (([1.0, 2.0], [1.0, 2.0, 3.0]), False),
        ((["a"], ["a"]), True),
        ((["a"], ["b"]), False),
        (([], []), False),
    ],
)
def test_what_does_not_answer(outputs: Any, hollow: bool) -> None:
    assert answers(*outputs).hollow() is hollow


def test_samples_that_do_not_differ_say_nothing() -> None:
    assert not answers([1.0], [1.0], feeds=[7, 7]).silent()
    assert answers([0.0], [0.0], feeds=[7, 7]).silent() == {"y": "is 0 everywhere"}


def test_an_output_that_no_input_reaches_is_a_constant() -> None:
    found = answers(*({"y": np.array([i]), "anchors": np.array([1.0, 2.0])} for i in range(3)))
    assert found.silent() == {"anchors": "is the same"}
    assert not found.hollow()
    assert not found.silent(frozenset({"anchors"}))
    constant = answers(*({"anchors": np.array([1.0, 2.0])} for i in range(3)))
    assert constant.hollow()
    assert not constant.hollow(frozenset({"anchors"}))


def test_more_samples_and_then_wide_ones() -> None:
    numbers = list(further(X, 3))
    assert numbers == [*range(3, 3 + MORE), *range(WIDE, WIDE + WIDER)]
    assert np.abs(X.feeds(0)["x"]).max() <= 1 < np.abs(X.feeds(WIDE)["x"]).max()
    given = inputs_of(tensor("x", "N", 4), batch="N", files={"x": [np.zeros((1, 4), np.float32)]})
    assert list(further(given, 1)) == []


def test_a_range_that_was_given_is_not_widened() -> None:
    given = inputs_of(tensor("x", "N", 4), batch="N", given=[InputSpec("x", 0.0, 0.5)])
    assert np.abs(given.feeds(WIDE)["x"]).max() <= 0.5


def masked(feeds: Arrays) -> Arrays:
    return {"y": feeds["x"] * feeds["mask"]}


def masked_inputs(**given: Any) -> Inputs:
    specs = (tensor("x", 1, 4), tensor("mask", 1, 4, dtype="int64"))
    return inputs_of(*specs, batch=1, given=[InputSpec("mask", **given)] if given else ())


def test_the_input_that_holds_the_others_still_is_named() -> None:
    inputs = masked_inputs(values=(0,))
    found = holding(inputs, lambda feeds: masked(feeds), {"y": "is 0 everywhere"})
    assert found == ["mask"]
    told = remedy(found, inputs, "a.onnx")
    assert told.startswith("input 'mask' (0 everywhere) is constant")
    assert '[models."a.onnx".inputs.mask]' in told


def test_where_no_single_input_does_all_are_asked_for() -> None:
    assert holding(X, lambda feeds: {"y": np.zeros(1)}, {"y": ""}) == []
    assert remedy([], X, "m") == "give real samples of input 'x': file or images in [models.m.inputs.NAME]"


# -- in a parity check ------------------------------------------------------------------------------------------


def compared(
    function: Any, reach: Reach | None = ALL, inputs: Inputs = X, other: Any = None, **more: Any
) -> CheckResult:
    telling = Telling("m", inputs, lambda: reach, **more)
    ours, theirs = FakeSession(other or function), FakeSession(function)
    return parity(ParityCase("m", "a", "b", ours, theirs, inputs, Tolerance(), telling=telling))


def test_a_pass_says_what_its_inputs_reached() -> None:
    result = compared(lambda feeds: {"y": feeds["x"] * 2})
    assert result.verdict is Verdict.PASSED
    assert result.message.endswith("over 3 samples; the inputs reach 100 % of the weights")
    assert result.figures["reach"]["share"] == 1
    assert result.notes == ()


def test_a_model_without_weights_has_no_reach() -> None:
    result = compared(lambda feeds: {"y": feeds["x"] * 2}, Reach("m", 0, None, outputs=("y",)))
    assert result.verdict is Verdict.PASSED
    assert result.message.endswith("over 3 samples")
    assert result.figures["reach"]["share"] is None


def test_zeros_on_both_sides_prove_nothing() -> None:
    result = compared(masked, inputs=masked_inputs(values=(0,)))
    assert (result.verdict, result.code) == (Verdict.INCONCLUSIVE, "V_HOLLOW")
    assert "output 'y' is 0 everywhere" in result.message
    assert "input 'mask' (0 everywhere)" in result.message
    assert result.figures["silent"] == ["y"]


def test_a_later_sample_that_answers_is_compared() -> None:
    def late(feeds: Arrays) -> Arrays:
        return {"y": np.where(np.abs(feeds["x"]) > 1, feeds["x"], 0)}

    result = compared(late)
    assert result.verdict is Verdict.PASSED
    assert result.figures["samples"] > SAMPLES

    def wrong(feeds: Arrays) -> Arrays:
        return {"y": late(feeds)["y"] * 2}

    result = compared(late, other=wrong)
    assert (result.verdict, result.code) == (Verdict.FAILED, "V_PARITY")
    assert result.figures["outputs"]["y"]["sample"] >= WIDE


def test_one_of_two_outputs_that_does_not_answer_is_a_note() -> None:
    reach = replace(ALL, answering=frozenset({"y", "z"}), outputs=("y", "z"))
    result = compared(lambda feeds: {"y": feeds["x"], "z": np.zeros((1, 2), np.float32)}, reach)
    assert result.verdict is Verdict.PASSED
    assert any(note.startswith("output 'z' is 0 everywhere in all") for note in result.notes)


def test_samples_that_reach_more_are_compared() -> None:
    calls: list[float] = []

    def one(feeds: Arrays) -> Arrays:
        calls.append(float(feeds["x"].sum()))
        return {"y": feeds["x"]}

    result = compared(one, replace(ALL, further=(7, 9)))
    assert result.figures["samples"] == SAMPLES + 2
    assert float(X.feeds(9)["x"].sum()) in calls


def test_a_fault_needs_no_reach() -> None:
    def never() -> Reach:
        raise AssertionError("it was measured")

    telling = Telling("m", X, never)
    ours, theirs = FakeSession(lambda f: {"y": f["x"] + 1}), FakeSession(lambda f: {"y": f["x"]})
    assert parity(ParityCase("m", "a", "b", ours, theirs, X, Tolerance(), telling=telling)).verdict is Verdict.FAILED


# -- reach ------------------------------------------------------------------------------------------------------

PASS = CheckResult("m", "parity", Verdict.PASSED, message="agrees")


def test_what_was_not_reached_is_a_note() -> None:
    reach = Reach("m", 100, 97, ("pooler.*",), coverage=Coverage(rows={"t": frozenset({1})}, sizes={"t": 5}))
    result = with_reach(PASS, reach)
    assert result.notes == (
        "reach 97 % of the weights; not reached: pooler.*",
        "the inputs leave something out: 1 of 5 rows of t read",
    )
    assert result.figures["reach"]["not_reached"] == ["pooler.*"]


def test_other_checks_keep_their_message() -> None:
    assert with_reach(PASS.with_(check="batch"), ALL).message == "agrees"


@pytest.mark.parametrize(
    ("reached", "least", "verdict"),
    [
        (9, None, "inconclusive"),
        (10, None, "passed"),
        (89, 0.9, "inconclusive"),
        (90, 0.9, "passed"),
        (0, 0.0, "passed"),
    ],
)
def test_a_pass_below_the_least_reach_is_inconclusive(reached: int, least: float | None, verdict: str) -> None:
    result = judged_by_reach(PASS, Reach("m", 100, reached, ("w",)), least, "give samples")
    assert result.verdict == verdict
    if verdict == "inconclusive":
        assert result.code == "V_HOLLOW"
        assert result.message.endswith("not reached: w; give samples")


def test_a_reach_that_was_asked_for_and_not_measured() -> None:
    result = judged_by_reach(PASS, Reach("m", why="a copy is too large"), 0.9, "")
    assert (result.verdict, result.code) == (Verdict.INCONCLUSIVE, "V_HOLLOW")
    assert judged_by_reach(PASS, Reach("m", why="a copy is too large"), None, "") == PASS


@pytest.mark.parametrize(
    ("share", "text"), [(1.0, "100 %"), (0.9999, "over 99 %"), (0.971, "97 %"), (0.001, "under 1 %"), (0.0, "0 %")]
)
def test_shares_in_words(share: float, text: str) -> None:
    assert percent(share) == text
