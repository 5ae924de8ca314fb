"""A function as reference shows no graph: what needs no search is told all the same."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from pytest_onnxaccel.core.results import CheckResult
from pytest_onnxaccel.runner.api import validate
from pytest_onnxaccel.runner.request import RunOptions
from suites.reports import files, hidden

FUNCTION = """
import onnx
from onnx.reference import ReferenceEvaluator

evaluator = ReferenceEvaluator(onnx.load({path!r}))


def predict(arrays):
    return dict(zip(evaluator.output_names, evaluator.run(None, arrays)))
"""


def judged(folder: Path, name: str, candidate: onnx.ModelProto, right: onnx.ModelProto) -> CheckResult:
    onnx.save(candidate, folder / "candidate.onnx")
    onnx.save(right, folder / "right.onnx")
    (folder / f"{name}.py").write_text(FUNCTION.format(path=str(folder / "right.onnx")))
    options = RunOptions(in_process=True, import_paths=(str(folder),))
    (result,) = validate(folder / "candidate.onnx", ["ort-cpu"], ["parity"], options, reference=f"{name}:predict")
    return result


@pytest.mark.parametrize(
    ("name", "candidate", "right", "told"),
    [
        ("swapped_outputs", files.exchanged()[0], files.detector(), "outputs exchanged: 'boxes' equals"),
        (
            "training_norm",
            files.with_norm(training_mode=1),
            files.folded(),
            "BatchNormalization 'norm' in training mode",
        ),
    ],
)
def test_what_needs_no_search_is_told(
    tmp_path: Path, name: str, candidate: onnx.ModelProto, right: onnx.ModelProto, told: str
) -> None:
    result = judged(tmp_path, name, candidate, right)
    assert (result.verdict.value, result.code) == ("failed", "V_PARITY"), result.message
    assert told in result.message
    assert "not localised" not in "\n".join(result.details)


def test_what_would_need_one_is_said(tmp_path: Path) -> None:
    result = judged(tmp_path, "other_weights", hidden.module_names(False, 1.3), hidden.module_names(False))
    assert result.code == "V_PARITY", result.message
    assert result.details[-1] == "not localised: a function has no graph to look into"


def test_a_right_one_passes(tmp_path: Path) -> None:
    assert judged(tmp_path, "right_one", files.with_norm(), files.folded()).verdict.value == "passed"
