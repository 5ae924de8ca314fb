"""The measured noise floor in a verdict: when it is measured, what it may widen, and what it must not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from pytest_onnxaccel.checks.parity.check import Noisy, ParityCase, parity
from pytest_onnxaccel.checks.parity.noise_floor import AGAIN, Noise, Variants, measure
from pytest_onnxaccel.core.errors import BackendCrashed, ModelError
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import Tolerance
from suites.unit.fakes import Arrays, FakeSession, doubling, inputs_of, tensor

INPUTS = inputs_of(tensor("x", "N", 64), batch="N")
FEEDS = [INPUTS.feeds(i) for i in range(3)]


def off(gap: float, name: str = "y") -> FakeSession:
    """Doubles, and adds *gap* to one element."""

    def function(feeds: Arrays) -> Arrays:
        found = np.array(feeds["x"] * 2)
        found[0, 5] += np.float32(gap)
        return {name: found}

    return FakeSession(function)


def variants(*made: Any) -> tuple[Variants, list[Any]]:
    """Variants called ``v0``, ``v1`` ..., and the list that they are noted in once they are opened."""
    opened: list[Any] = []

    def give() -> Iterator[tuple[str, Any]]:
        for number, session in enumerate(made):
            opened.append(session)
            yield f"v{number}", session

    return give, opened


def judged(candidate: FakeSession, give: Variants | None, **more: Any) -> CheckResult:
    tolerance = more.pop("tolerance", Tolerance())
    noisy = Noisy(give, more.pop("locked", {}), more.pop("always", False))
    return parity(
        ParityCase("m", "new", "old", candidate, FakeSession(doubling), INPUTS, tolerance, noisy=noisy, **more)
    )


def test_the_largest_drift_of_all_variants_counts() -> None:
    give, opened = variants(off(1e-5), off(4e-5), off(2e-5))
    noise = measure("old", FakeSession(doubling), give, FEEDS)
    assert np.isclose(noise.drift["y"], 4e-5, rtol=0.2)
    assert noise.counted == (AGAIN, "v0", "v1", "v2")
    assert noise.left_out == ()
    assert [session.closed for session in opened] == [1, 1, 1]
    assert noise.origin("y") == f"4 x measured drift {noise.drift['y']:.2g} of old over 4 variants"


def test_what_is_no_variant_widens_nothing() -> None:
    dying = FakeSession(lambda feeds: (_ for _ in ()).throw(BackendCrashed("died")))  # type: ignore[arg-type]
    short = FakeSession(lambda feeds: {"y": feeds["x"][:, :1]})
    refused = ModelError("no form at opset 18", code="E_CONVERT")
    give, _ = variants(off(0.5), off(0, "z"), short, dying, refused)
    noise = measure("old", FakeSession(doubling), give, FEEDS)
    assert (noise.drift, noise.counted) == ({"y": 0.0}, (AGAIN,))
    said = "; ".join(noise.left_out)
    for part in (
        "which is more than rounding",
        "is called 'z'",
        "instead of float32[1, 64]",
        "v3: died",
        "v4: no form",
    ):
        assert part in said


def test_within_rounding_nothing_is_opened() -> None:
    give, opened = variants(off(1e-5))
    assert judged(off(1e-7), give).verdict is Verdict.PASSED
    assert opened == []


def test_past_rounding_the_measured_drift_decides_and_is_named() -> None:
    give, opened = variants(off(1e-5))
    result = judged(off(3e-5), give)
    assert (result.verdict, len(opened)) == (Verdict.PASSED, 1)
    drift = result.figures["noise"]["drift"]["y"]
    assert result.notes == (f"y: atol {4 * drift:.2g} = 4 x measured drift {drift:.2g} of old over 2 variants",)
    assert np.isclose(drift, 1e-5, rtol=0.1)
    assert result.figures["noise"]["variants"] == [AGAIN, "v0"]
    assert result.figures["outputs"]["y"]["bad_share"] == 0
    give, _ = variants(off(1e-5))
    result = judged(off(6e-5), give)
    assert (result.verdict, result.code) == (Verdict.FAILED, "V_PARITY")
    assert "4 x measured drift" in result.details[-1]
    assert result.figures["worst_index"] == [0, 5]


def test_what_no_noise_could_explain_is_not_measured() -> None:
    give, opened = variants(off(1e-5))
    assert judged(off(0.5), give).code == "V_PARITY"
    assert opened == []


@pytest.mark.parametrize("where", ["all", "output"])
def test_an_explicit_tolerance_is_never_widened(where: str) -> None:
    give, opened = variants(off(1e-4))
    explicit = Tolerance(0, 1e-6, "--onnx-atol")
    more = {"tolerance": explicit} if where == "all" else {"outputs": {"y": explicit}}
    result = judged(off(3e-5), give, **more)
    assert (result.code, opened) == ("V_PARITY", [])
    assert "--onnx-atol" in result.details[-1]
    loose = judged(off(3e-5), give, tolerance=Tolerance(0, 1e-3))
    assert (loose.verdict, opened) == (Verdict.PASSED, [])


def test_half_an_explicit_tolerance_leaves_the_other_half_measured() -> None:
    give, opened = variants(off(1e-5))
    result = judged(off(3e-5), give, tolerance=Tolerance(rtol=0.0, origin="--onnx-rtol"))
    assert (result.verdict, len(opened)) == (Verdict.PASSED, 1)
    assert result.figures["rtol"] == 0
    assert result.figures["outputs"]["y"]["tolerance_from"].startswith("--onnx-rtol, atol from 4 x measured")


def test_a_lock_is_the_limit() -> None:
    locked = {"y": Tolerance(2e-6, 5e-5, "onnxaccel.lock.toml")}
    give, opened = variants(off(1e-6))
    assert judged(off(4e-5), give, locked=locked).verdict is Verdict.PASSED
    assert opened == []
    result = judged(off(9e-5), give, locked=locked)
    assert (result.code, len(opened)) == ("V_PARITY", 1)
    assert "onnxaccel.lock.toml" in result.details[-1]


def test_noise_past_the_lock_says_so_though_the_pair_would_pass_without_it() -> None:
    locked = {"y": Tolerance(2e-6, 1e-6, "onnxaccel.lock.toml")}
    give, _ = variants(off(1e-4))
    result = judged(off(3e-5), give, locked=locked)
    assert (result.verdict, result.code) == (Verdict.FAILED, "V_LOCK")
    assert result.message.startswith("output 'y': the noise floor needs atol 0.0004 (4 x measured drift")
    assert "onnxaccel.lock.toml allows 1e-06" in result.message


def test_writing_a_lock_measures_in_any_case_and_proposes() -> None:
    give, opened = variants(off(1e-5))
    result = judged(off(0), give, always=True)
    assert len(opened) == 1
    entry = result.figures["lock"]["y"]
    assert np.isclose(entry["atol"], 4e-5, rtol=0.1)
    assert entry["origin"].startswith("4 x measured drift")
    given = judged(off(0), give, tolerance=Tolerance(0, 1), always=True)
    assert given.figures["lock"] == {}
    quiet = judged(off(0), variants()[0], always=True)
    assert quiet.figures["lock"]["y"]["origin"].startswith("rounding, above 4 x measured drift 0")


def test_one_that_differs_between_equal_runs_is_called_so() -> None:
    def random(feeds: Arrays) -> Arrays:
        return {"y": np.asarray(feeds["x"] * 2 + np.float32(len(session.calls)))}

    session = FakeSession(random)
    result = judged(session, None)
    assert (result.verdict, result.code) == (Verdict.FAILED, "V_UNSTABLE")
    assert result.message == "output 'y' of new differs between two equal runs by up to 1"
    assert result.details[0].startswith("output 'y': 100.00% of the elements are past atol")


def test_a_model_of_two_outputs_of_one_name_is_refused_before_any_run() -> None:
    session = FakeSession(doubling, outputs=(tensor("y", 1), tensor("y", 1)))
    result = judged(session, None)
    assert (result.code, result.message) == ("V_CONTRACT", "new has 2 outputs 'y'")
    assert session.calls == []


def test_outputs_that_are_always_empty_prove_nothing() -> None:
    def nothing(feeds: Arrays) -> Arrays:
        return {"y": np.zeros((0, 4), np.float32)}

    result = parity(ParityCase("m", "new", "old", FakeSession(nothing), FakeSession(nothing), INPUTS, Tolerance()))
    assert (result.verdict, result.message) == (
        Verdict.INCONCLUSIVE, "nothing was compared: every output is empty in all 3 samples",
    )  # fmt: skip


def test_noise_tells_its_figures() -> None:
    noise = Noise("old", {"y": 1.0}, ("a",), ("b: why",), 3)
    assert noise.figures() == {
        "factor": 4.0, "drift": {"y": 1.0}, "variants": ["a"], "left_out": ["b: why"], "samples": 3,
    }  # fmt: skip


def test_what_the_reference_gave_already_is_not_run_again() -> None:
    """Its one further run is that which shows whether it repeats itself."""
    fed: list[Arrays] = []

    def function(feeds: Arrays) -> Arrays:
        fed.append(feeds)
        return doubling(feeds)

    session = FakeSession(function)
    known = [session.run(feeds) for feeds in FEEDS]
    fed.clear()
    ran, anew = (measure("old", session, variants(off(1e-5))[0], FEEDS, known=given) for given in (known, None))
    assert ran == anew
    assert [feeds is FEEDS[place % 3] for place, feeds in enumerate(fed)] == [True] * 9


def test_a_reference_that_does_not_repeat_itself_drifts_from_what_it_gave() -> None:
    known = [{"y": FEEDS[0]["x"] * 2}]
    noise = measure("old", off(2e-5), variants()[0], FEEDS[:1], known=known)
    assert np.isclose(noise.drift["y"], 2e-5, rtol=0.2)
