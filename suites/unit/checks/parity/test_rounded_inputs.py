"""A reference whose inputs are rounded differently explains what another order of sums is off by, and nothing more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pytest_onnxaccel.backends.protocol import Session
from pytest_onnxaccel.checks.parity.check import Noisy, ParityCase, parity
from pytest_onnxaccel.checks.parity.noise_floor import measure
from pytest_onnxaccel.checks.parity.rounded_inputs import NudgedSession, nudged
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import TensorSpec, Tolerance
from suites.unit.fakes import FakeSession, inputs_of

F = np.float32


def remainder(feeds: Mapping[str, Any]) -> dict[str, Any]:
    """Little is left of each number, so that its own rounding is much of that."""
    x = feeds["x"]
    return {"y": x - np.round(x * F(1000)).astype(F) / F(1000)}


def wrong(feeds: Mapping[str, Any]) -> dict[str, Any]:
    return {"y": remainder(feeds)["y"] * F(1.01)}


def checked(candidate: Session, alike: bool) -> CheckResult:
    x, y = TensorSpec("x", "float32", (1, 100)), TensorSpec("y", "float32", (1, 100))
    theirs = FakeSession(remainder, inputs=(x,), outputs=(y,))
    noisy = Noisy(lambda: iter([("threads", FakeSession(remainder, inputs=(x,), outputs=(y,)))]), alike=alike)
    return parity(ParityCase("m", "ort-cpu", "reference", candidate, theirs, inputs_of(x), Tolerance(), noisy=noisy))


def session(function: Callable[..., Any]) -> FakeSession:
    x, y = TensorSpec("x", "float32", (1, 100)), TensorSpec("y", "float32", (1, 100))
    return FakeSession(function, inputs=(x,), outputs=(y,))


def test_what_rounding_of_the_inputs_explains_passes_in_another_engine_alone() -> None:
    rounded = NudgedSession(session(remainder), 99)
    assert checked(rounded, alike=False).verdict is Verdict.PASSED
    assert checked(rounded, alike=True).verdict is Verdict.FAILED


def test_a_fault_past_that_fails() -> None:
    assert checked(session(wrong), alike=False).verdict is Verdict.FAILED
    assert checked(session(remainder), alike=False).verdict is Verdict.PASSED


def test_only_floats_move_and_zeros_stay() -> None:
    seen: list[Mapping[str, Any]] = []
    session = NudgedSession(FakeSession(lambda feeds: seen.append(feeds) or {"y": feeds["x"]}), 0)
    x, ids = np.asarray([0.0, 1.0, -2.0, 3.0], F), np.arange(4)
    session.run({"x": x, "ids": ids})
    assert seen[0]["ids"] is ids
    moved = seen[0]["x"]
    assert moved[0] == 0
    assert (moved[1:] != x[1:]).all()
    assert moved.dtype == F
    assert np.allclose(moved, x, rtol=2e-7, atol=0)


def test_the_drift_is_that_of_a_unit_in_the_last_place() -> None:
    ill = session(remainder)
    found = measure("reference", ill, lambda: nudged(ill), [{"x": np.linspace(1, 2, 100, dtype=F)[None]}])
    assert 2**-24 < found.drift["y"] <= 2**-22
    assert found.counted[1:] == tuple(f"inputs rounded differently, {i}" for i in (1, 2, 3))
