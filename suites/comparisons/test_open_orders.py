"""Outputs that must not be compared element by element: a healthy conversion passes, each planted fault fails."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest

from pytest_onnxaccel.core.comparisons import Comparison
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import ModelSpec
from pytest_onnxaccel.runner.request import Request
from pytest_onnxaccel.runner.runner import Runner
from pytest_onnxaccel.runner.sessions.workers.engines import Engines
from suites.comparisons import inside, labels, quantized, ranked, rows, suppressed
from suites.comparisons.kinds import KINDS
from suites.planted.making import twin

#: Importing them puts their kinds on the list.
FAMILIES = (inside, labels, quantized, ranked, rows, suppressed)
FAULTS = [(name, fault) for name, kind in KINDS.items() for fault in kind.faults]


@pytest.fixture
def judged(engines: Engines, tmp_path: Path) -> Callable[..., CheckResult]:
    """``judged(candidate, reference, ...)``: the parity check; further arguments are fields of the model's spec."""

    def run(
        candidate: onnx.ModelProto, reference: onnx.ModelProto | str, check: str = "parity", **more: Any
    ) -> CheckResult:
        path, other = tmp_path / "candidate.onnx", tmp_path / "original.onnx"
        onnx.save(candidate, path)
        if not isinstance(reference, str):
            onnx.save(reference, other)
        spec = ModelSpec("m", str(path), path.name, **more)
        runner = Runner([spec], {"m": ("ort-cpu", "reference")}, engines.options, engines=engines)
        named = reference if isinstance(reference, str) else str(other)
        try:
            return runner.check(Request("m", check, "ort-cpu", named if check == "parity" else ""))
        finally:
            runner.close()

    return run


@pytest.mark.parametrize("name", KINDS)
def test_a_healthy_conversion_passes_and_the_comparison_is_said(judged: Callable[..., CheckResult], name: str) -> None:
    found = judged(KINDS[name].make("healthy"), KINDS[name].make("original"))
    assert found.verdict is Verdict.PASSED, str(found)
    assert any(note.startswith("compared as ") for note in found.notes), found.notes


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if not kind.luck])
def test_element_by_element_it_would_fail(judged: Callable[..., CheckResult], name: str) -> None:
    """Or else the healthy conversion shows nothing."""
    made = KINDS[name].make("original")
    given = {value.name: Comparison("elementwise") for value in made.graph.output}
    found = judged(KINDS[name].make("healthy"), made, comparisons=given)
    assert (found.verdict, found.code) == (Verdict.FAILED, "V_PARITY"), str(found)
    assert not any(note.startswith("compared as ") for note in found.notes), found.notes


@pytest.mark.parametrize(("name", "fault"), FAULTS)
def test_a_fault_fails(judged: Callable[..., CheckResult], name: str, fault: str) -> None:
    found = judged(KINDS[name].make(fault), KINDS[name].make("original"))
    assert (found.verdict, found.code) == (Verdict.FAILED, "V_PARITY"), str(found)


@pytest.mark.parametrize("name", KINDS)
def test_a_twin_has_no_error_at_all(judged: Callable[..., CheckResult], name: str) -> None:
    made = KINDS[name].make("original")
    found = judged(twin(made), made)
    assert found.verdict is Verdict.PASSED, str(found)
    assert found.figures["max_abs"] == 0


@pytest.mark.parametrize("name", KINDS)
def test_two_engines_agree(judged: Callable[..., CheckResult], name: str) -> None:
    found = judged(KINDS[name].make("original"), "reference")
    assert found.verdict is Verdict.PASSED, str(found)


@pytest.mark.parametrize("name", ["rows of box and score in one output", "one image without its axis"])
def test_a_batch_is_not_refuted_by_near_ties(judged: Callable[..., CheckResult], name: str) -> None:
    found = judged(KINDS[name].make("original"), "", "batch")
    assert found.verdict in (Verdict.PASSED, Verdict.NOT_APPLICABLE), str(found)


@pytest.mark.parametrize("make", [suppressed.near, suppressed.fixed, suppressed.folded_limits, suppressed.fed_limits])
def test_one_box_more_by_a_near_tie(judged: Callable[..., CheckResult], make: Callable[[str], onnx.ModelProto]) -> None:
    found = judged(make("more"), make("original"))
    assert found.verdict is Verdict.PASSED, str(found)
    told = "rows hang on boxes or scores that nearly tie and are not judged"
    assert any(told in note for note in found.notes), found.notes


def test_there_are_enough() -> None:
    assert len(FAULTS) >= 30
