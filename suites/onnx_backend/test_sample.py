"""A seeded sample of onnx's own backend suite through the gate: nothing that a runtime computes rightly fails.

All of it: ``python -m suites.onnx_backend.run`` (docs/onnx-backend.md).
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from suites.onnx_backend.definitions import computed, disagreements
from suites.onnx_backend.run import chosen, judged

SAMPLE = 150


def test_inputs_that_are_made_up_give_no_false_alarm() -> None:
    found = list(judged(chosen(SAMPLE, seed=14), with_data=False, backends=("ort-cpu",)))
    assert len({one.case for one in found}) == SAMPLE
    assert [f"{one.case}: {one.message}" for one in found if one.false_alarm or one.check == "process"] == []
    decided = {one.case for one in found if one.check == "contract" and one.verdict in ("passed", "failed")}
    assert len(decided) >= 0.85 * SAMPLE  # what cannot be known is not judged, and that is seldom


@pytest.mark.skipif("ONNXACCEL_TEST_PERTURB" in os.environ, reason="what is stored, and the script, round as they do")
def test_what_is_stored_agrees_with_a_plain_script() -> None:
    found = list(judged(chosen(40, seed=15), with_data=True, backends=("ort-cpu",)))
    assert [f"{one.case}: {one.message}" for one in found if one.false_alarm] == []


def test_arithmetic_by_definition_gives_what_is_stored(tmp_path: Path) -> None:
    """All of them: ``python -m suites.onnx_backend.definitions``."""
    done, wrong = 0, []
    for case in chosen(SAMPLE, seed=16):
        if case.name == "test_averagepool_2d_ceil_last_window_starts_on_pad":
            continue  # stored with four digits
        found = computed(case, tmp_path)
        if not isinstance(found, str):
            done += 1
            wrong += [f"{case.name}: {line}" for line in disagreements(case, found)]
    assert wrong == []
    assert done >= 0.5 * SAMPLE
