"""Two stops of a conversion: rounding, then the noise of both sides, and what the user says wins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from pytest_onnxaccel.checks.conversion.pair import Noisy, Pair
from pytest_onnxaccel.checks.parity.outputs.ranked import Ranked
from pytest_onnxaccel.core.comparisons import Ranking
from pytest_onnxaccel.core.specs import Tolerance
from suites.unit.fakes import Arrays, FakeSession

X = np.linspace(-1, 1, 40, dtype=np.float32).reshape(2, 20)
#: Past rounding, and four times less than what the noisy variant shows.
APART = np.float32(3e-5)


def plus(gap: float) -> Any:
    return lambda feeds: {"y": np.asarray(feeds["x"] + np.float32(gap))}


def noisy(drift: float, opened: list[str]) -> Noisy:
    def variants() -> Iterator[tuple[str, Any]]:
        opened.append("variant")
        yield "another order", FakeSession(plus(drift))

    return Noisy("source", FakeSession(plus(0)), variants)


def judged(gap: float, drift: float, tolerance: Tolerance | None = None) -> tuple[bool, list[str]]:
    opened: list[str] = []
    pair = Pair(("onnx", "source"), tolerance or Tolerance(), noise=[noisy(drift, opened)])
    feeds: Arrays = {"x": X}
    pair.add(plus(gap)(feeds), plus(0)(feeds), feeds)
    return pair.agreement.ok, opened


def test_what_the_noise_explains_passes() -> None:
    assert judged(float(APART), 1e-5) == (True, ["variant"])


def test_what_it_does_not_explain_fails() -> None:
    assert judged(float(APART), 1e-7) == (False, ["variant"])


@pytest.mark.parametrize("gap", [0.0, 1e-6])
def test_rounding_needs_no_measuring(gap: float) -> None:
    assert judged(gap, 1e-5) == (True, [])


def test_a_gross_fault_is_not_measured() -> None:
    assert judged(0.5, 0.4) == (False, [])


def test_a_tolerance_of_the_users_decides() -> None:
    assert judged(float(APART), 1e-5, Tolerance(0.0, 1e-6, "test")) == (False, [])
    assert judged(0.5, 0.0, Tolerance(0.0, 1.0, "test")) == (True, [])


def test_indices_are_compared_by_their_scores() -> None:
    scores = np.array([[5, 3, 3, 1]], np.float32)
    theirs = {"values": scores[:, :3], "at": np.array([[0, 1, 2]])}
    ties = {"values": scores[:, :3], "at": np.array([[0, 2, 1]])}
    wrong = {"values": scores[:, :3], "at": np.array([[1, 0, 2]])}
    ranking = Ranking("TopK", "top", "", -1, several=True, values="values")
    for ours, right in ((ties, True), (wrong, False)):
        pair = Pair(
            ("onnx", "source"), Tolerance(), compared={"at": Ranked(ranking, lambda name, number: (None, None))}
        )
        pair.add(ours, theirs, {})
        assert pair.agreement.ok is right
        plain = Pair(("onnx", "source"), Tolerance())
        plain.add(ours, theirs, {})
        assert not plain.agreement.ok
