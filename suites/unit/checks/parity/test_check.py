"""Does a candidate give what a reference gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pytest_onnxaccel.checks.interface import input_problems
from pytest_onnxaccel.checks.parity.check import SAMPLES, ParityCase, parity
from pytest_onnxaccel.core.errors import BackendCrashed
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import TensorSpec, Tolerance
from suites.unit.fakes import Arrays, FakeSession, doubling, inputs_of, tensor

INPUTS = inputs_of(tensor("x", "N", 4), batch="N")


def judged(candidate: Any, reference: Any = doubling, tolerance: Tolerance | None = None, **more: Any) -> CheckResult:
    sides = [side if isinstance(side, FakeSession) else FakeSession(side) for side in (candidate, reference)]
    case = ParityCase("m", "ort-cpu", "onnx-tf", sides[0], sides[1], INPUTS, tolerance or Tolerance(), **more)
    return parity(case)


def off_by(gap: float, sample: int | None = None) -> FakeSession:
    """Doubles, but adds *gap* to one element, of one sample only if one is named."""

    def function(feeds: Arrays) -> Arrays:
        found = feeds["x"] * 2
        if sample is None or len(session.calls) - 1 == sample:
            found = found + np.array([0, 0, gap, 0], np.float32)
        return {"y": found}

    session = FakeSession(function)
    return session


def test_equal_outputs_pass_over_several_distinct_samples() -> None:
    session = FakeSession(doubling, notes=("a prepared copy ran", "twice"))
    result = judged(session, FakeSession(doubling, notes=("twice",)))
    assert (result.verdict, result.code, result.backend, result.reference) == (
        Verdict.PASSED, "OK", "ort-cpu", "onnx-tf",
    )  # fmt: skip
    assert result.message == "ort-cpu agrees with onnx-tf: max abs error 0 over 3 samples"
    assert result.figures["samples"] == len(session.calls) == SAMPLES
    assert len({feeds["x"].tobytes() for feeds in session.calls}) == SAMPLES
    assert result.notes == ("a prepared copy ran", "twice")
    assert result.batch == 1


def test_both_sides_are_fed_the_same() -> None:
    ours, theirs = FakeSession(doubling), FakeSession(doubling)
    judged(ours, theirs)
    for a, b in zip(ours.calls, theirs.calls, strict=True):
        assert np.array_equal(a["x"], b["x"])


def test_a_difference_fails_and_says_where() -> None:
    result = judged(off_by(0.01))
    assert (result.verdict, result.code) == (Verdict.FAILED, "V_PARITY")
    assert result.message.startswith("output 'y': 25.00% of the elements are past atol ")
    assert result.figures["worst_index"] == [0, 2]
    assert result.details[0].startswith("y[0, 2]: ort-cpu ")
    assert result.details[-1].startswith("tolerance: ")


def test_one_bad_sample_is_enough() -> None:
    result = judged(off_by(0.01, sample=SAMPLES - 1))
    assert result.code == "V_PARITY"
    assert result.figures["outputs"]["y"]["sample"] == SAMPLES - 1


def test_the_users_tolerance_decides() -> None:
    assert judged(off_by(0.01), tolerance=Tolerance(atol=0.1)).verdict is Verdict.PASSED
    assert judged(off_by(1e-6)).verdict is Verdict.PASSED
    result = judged(off_by(1e-6), tolerance=Tolerance(0, 0, "--onnx-atol"))
    assert result.code == "V_PARITY"
    assert "--onnx-atol" in result.details[-1]
    assert judged(off_by(0.01), outputs={"y": Tolerance(atol=0.1)}).verdict is Verdict.PASSED


def test_a_breach_of_the_contract_is_called_so_and_ends_the_comparison() -> None:
    session = FakeSession(lambda feeds: {"z": feeds["x"] * 2})
    result = judged(session)
    assert (result.verdict, result.code) == (Verdict.FAILED, "V_CONTRACT")
    assert result.message == "output 'y' of onnx-tf is called 'z' in ort-cpu"
    assert len(session.calls) == 1


def test_nan_on_one_side_is_no_matter_of_tolerance() -> None:
    def broken(feeds: Arrays) -> Arrays:
        return {"y": np.full((1, 4), np.nan, np.float32)}

    result = judged(broken, tolerance=Tolerance(1e9, 1e9))
    assert (result.verdict, result.code) == (Verdict.FAILED, "V_CONTRACT")
    assert result.message == "output 'y': 4 elements are NaN in the candidate alone"
    same = judged(broken, broken)
    assert (same.verdict, same.code) == (Verdict.FAILED, "V_NONFINITE")
    assert "no finite value on either side" in same.message


def test_each_seed_is_a_sample() -> None:
    session = FakeSession(doubling)
    result = judged(session, seeds=(3, 3, 8))
    assert result.figures["samples"] == 3
    first, again, other = (feeds["x"].tobytes() for feeds in session.calls)
    assert first == again != other


def test_a_batch_feeds_distinct_samples_at_once() -> None:
    session = FakeSession(doubling)
    result = judged(session, batch=4)
    assert result.batch == 4
    rows = np.concatenate([feeds["x"] for feeds in session.calls])
    assert len(np.unique(rows, axis=0)) == 4 * SAMPLES


def test_what_kills_a_session_is_not_swallowed() -> None:
    def dying(feeds: Arrays) -> Arrays:
        raise BackendCrashed("the runtime died of SIGSEGV")

    with pytest.raises(BackendCrashed):
        judged(dying)


# -- two models -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ([tensor("x", "N", 4)], [tensor("x", 1, 4)]),
        ([tensor("x", None, 4)], [tensor("x", "M", 4)]),
        ([TensorSpec("x", "float32", None)], [tensor("x", 1, 4)]),
        ([tensor("a", 1), tensor("b", 1)], [tensor("b", 1), tensor("a", 1)]),
    ],
)
def test_inputs_that_can_be_fed_the_same(ours: list[TensorSpec], theirs: list[TensorSpec]) -> None:
    assert input_problems(ours, theirs, ("new", "old")) == []


@pytest.mark.parametrize(
    ("ours", "theirs", "says"),
    [
        ([], [tensor("x", 1)], "new lacks input x float32[1] of old"),
        ([tensor("x", 1)], [], "new has an input x float32[1] that old lacks"),
        ([tensor("x", 1)], [tensor("x", 1, dtype="int64")], "input x float32[1] of new is x int64[1] in old"),
        ([tensor("x", 1, 3)], [tensor("x", 1, 4)], "input x float32[1x3] of new is x float32[1x4] in old"),
        ([tensor("x", 1)], [tensor("x", 1, 1)], "input x float32[1] of new is x float32[1x1] in old"),
    ],
)
def test_inputs_that_cannot(ours: list[TensorSpec], theirs: list[TensorSpec], says: str) -> None:
    assert input_problems(ours, theirs, ("new", "old")) == [says]


def test_problems_come_in_the_order_of_the_reference() -> None:
    theirs = [tensor(name, 1) for name in "dbca"]
    ours = [tensor(name, 2) for name in "abcd"]
    assert [p.split()[1] for p in input_problems(ours, theirs, ("new", "old"))] == list("dbca")
