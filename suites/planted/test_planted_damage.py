"""Damage in a place that only a telling input reaches is found, with no manifest; the healthy twin of each passes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import ModelSpec
from pytest_onnxaccel.runner.request import Request
from pytest_onnxaccel.runner.runner import Runner
from pytest_onnxaccel.runner.sessions.workers.engines import Engines
from suites.planted import (
    branches,
    lengths,
    levels,
    losses,
    masks,
    numbers,
    operands,
    rows,
    sized,
    steps,
    tables,
    together,
)
from suites.planted.making import KINDS, twin

#: Importing them puts their kinds on the list.
FAMILIES = (branches, lengths, levels, losses, masks, numbers, operands, rows, sized, steps, tables, together)
#: Kinds that are not found, with the reason.
LEFT: dict[str, str] = {}


@pytest.fixture
def judged(engines: Engines, tmp_path: Path) -> Callable[..., list[CheckResult]]:
    """``judged(candidate, reference, checks)``: the checks as they are without a manifest."""

    def run(candidate: onnx.ModelProto, reference: onnx.ModelProto, checks: tuple[str, ...]) -> list[CheckResult]:
        paths = [tmp_path / "candidate.onnx", tmp_path / "healthy.onnx"]
        for made, path in zip((candidate, reference), paths, strict=True):
            onnx.save(made, path)
        spec = ModelSpec("m", str(paths[0]), "candidate.onnx")
        runner = Runner([spec], {"m": ("ort-cpu",)}, engines.options, engines=engines)
        try:
            return [
                runner.check(Request("m", check, "ort-cpu", str(paths[1]) if check == "parity" else ""))
                for check in checks
            ]
        finally:
            runner.close()

    return run


@pytest.mark.parametrize("name", KINDS)
def test_damage_is_found(judged: Callable[..., list[CheckResult]], name: str) -> None:
    planted = KINDS[name]
    found = judged(planted.make(True), planted.make(False), planted.checks)
    failed = [result for result in found if result.verdict is Verdict.FAILED]
    if name in LEFT:
        assert not failed, f"it is found now: take it off the list of what is left ({LEFT[name]})"
        pytest.xfail(LEFT[name])
    assert failed, f"{planted.why}; {[(r.verdict.value, r.message) for r in found]}"
    assert {result.code for result in failed} <= {"V_PARITY", "V_BATCH"}, failed


@pytest.mark.parametrize("name", KINDS)
def test_a_healthy_twin_passes(judged: Callable[..., list[CheckResult]], name: str) -> None:
    planted = KINDS[name]
    healthy = planted.make(False)
    found = judged(twin(healthy), healthy, ("contract", "parity", "batch"))
    assert [r.message for r in found if r.verdict in (Verdict.FAILED, Verdict.INCONCLUSIVE)] == []
    assert [r.verdict for r in found[:2]] == [Verdict.PASSED] * 2, found


def test_there_are_enough_kinds() -> None:
    assert len(KINDS) - len(LEFT) >= 30
