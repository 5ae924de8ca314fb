"""A round trip names the first leg that changes the model."""

from __future__ import annotations

from typing import Any

import numpy as np

from pytest_onnxaccel.checks.conversion.round_trip import SAMPLES, Stop, round_trip_runs
from pytest_onnxaccel.core.errors import BackendUnavailable, ConversionError, ModelError
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import Tolerance
from suites.unit.fakes import Arrays, FakeSession, doubling, inputs_of, tensor

INPUTS = inputs_of(tensor("x", "N", 4), batch="N")
NAMES = ("m.pth", "leg 1: torch -> onnx", "leg 2: onnx -> graphdef", "leg 3: graphdef -> onnx")


def plus(gap: float) -> Any:
    def function(feeds: Arrays) -> Arrays:
        return {"y": np.asarray(feeds["x"] * 2 + np.float32(gap))}

    return function


def judged(*functions: Any, **more: Any) -> CheckResult:
    stops = [
        Stop(name, FakeSession(function) if callable(function) else function)
        for name, function in zip(NAMES, functions, strict=False)
    ]
    return round_trip_runs("m", stops, INPUTS, more.pop("tolerance", Tolerance()), **more)


def test_a_trip_that_changes_nothing_passes_and_shows_each_leg() -> None:
    result = judged(doubling, doubling, doubling, doubling)
    assert (result.verdict, result.check, result.reference) == (Verdict.PASSED, "round-trip", "m.pth")
    assert result.message.startswith("m.pth -> onnx -> graphdef -> onnx agrees leg by leg over 3 samples")
    assert list(result.figures["legs"]) == [*NAMES[1:], "whole"]
    assert result.figures["max_abs"] == 0


def test_every_stop_gets_the_same_distinct_samples() -> None:
    sessions = [FakeSession(doubling) for _ in range(3)]
    round_trip_runs("m", [Stop(n, s) for n, s in zip(NAMES, sessions, strict=False)], INPUTS, Tolerance())
    fed = [[feeds["x"].tobytes() for feeds in session.calls] for session in sessions]
    assert fed[0] == fed[1] == fed[2]
    assert len(set(fed[0])) == SAMPLES


def test_the_leg_at_fault_is_named_and_no_later_one() -> None:
    for at in (1, 2, 3):
        functions = [doubling] * at + [plus(0.5)] * (4 - at)
        result = judged(*functions)
        assert (result.verdict, result.code) == (Verdict.FAILED, "V_PARITY")
        assert result.message.startswith(f"{NAMES[at]} changes the model: output 'y'")
        assert list(result.figures["legs"]) == list(NAMES[1 : at + 1])
        assert all(any(later in line for line in result.details) for later in NAMES[at + 1 :])


def test_two_faults_that_cancel_are_still_found() -> None:
    assert judged(doubling, plus(0.5), doubling, doubling).message.startswith(NAMES[1])


def test_a_drift_that_no_leg_shows_alone_is_found() -> None:
    wide = Tolerance(rtol=0, atol=0.015, origin="test")
    result = judged(doubling, plus(0.01), plus(0.02), plus(0.03), tolerance=wide)
    assert (result.verdict, result.code) == (Verdict.FAILED, "V_PARITY")
    assert result.message.startswith("the whole trip, though no leg alone, changes the model")


def test_an_output_that_is_lost_renamed_or_of_another_type_is_a_breach() -> None:
    def both(feeds: Arrays) -> Arrays:
        return {"y": np.asarray(feeds["x"]), "z": np.asarray(feeds["x"])}

    def one(feeds: Arrays) -> Arrays:
        return {"y": np.asarray(feeds["x"])}

    def double(feeds: Arrays) -> Arrays:
        return {"y": np.asarray(feeds["x"].astype(np.float64)), "z": np.asarray(feeds["x"])}

    for function, said in ((one, "lacks output 'z'"), (double, "output 'y' is float64")):
        result = judged(both, both, function)
        assert (result.verdict, result.code) == (Verdict.FAILED, "V_CONTRACT")
        assert result.message.startswith(NAMES[2])
        assert said in result.message


def test_a_leg_that_cannot_be_gone() -> None:
    lacks = ConversionError("tf2onnx has no operator 'Erfc' (node 'g/Erfc')")
    absent = BackendUnavailable("onnx-tf: not built")
    for error in (lacks, absent):
        assert judged(doubling, error, doubling).verdict is Verdict.NOT_APPLICABLE
        result = judged(doubling, doubling, error, required=True)
        assert (result.verdict, result.code) == (Verdict.FAILED, error.code)
        assert result.message.startswith(f"{NAMES[2]} stopped: ")
        assert error.cause in result.message
    # What a converter made and nothing can load is not a matter of what is installed
    assert judged(doubling, ModelError("garbled")).verdict is Verdict.FAILED


def test_a_run_that_fails_is_the_fault_of_its_leg() -> None:
    def broken(feeds: Arrays) -> Arrays:
        raise ModelError("shapes differ", code="E_RUN")

    result = judged(doubling, doubling, broken)
    assert (result.verdict, result.code) == (Verdict.FAILED, "E_RUN")
    assert result.message.startswith(NAMES[2])


def test_notes_say_which_leg_they_are_of() -> None:
    stops = [Stop("m.onnx", FakeSession(doubling)), Stop(NAMES[2], FakeSession(doubling), ("a prepared copy ran",))]
    assert round_trip_runs("m", stops, INPUTS, Tolerance()).notes == (f"{NAMES[2]}: a prepared copy ran",)
