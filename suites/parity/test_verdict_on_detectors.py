"""The verdict on detectors: the shipped ones, and the real ones where they are at hand."""

from __future__ import annotations

import shutil
from pathlib import Path

import onnx
import pytest

from fixtures import faults
from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.core.results import Verdict
from pytest_onnxaccel.graph.equivalents import at_other_opset, initializers_as_inputs, initializers_inside
from pytest_onnxaccel.graph.fold_batchnorm import fold_batchnorm, foldable
from suites.parity.verdicts import Judge

REAL = ("version-RFB-320", "version-RFB-320_simplified", "version-slim-320")


@pytest.fixture(scope="module", params=["rfb-320", "slim-320", *(f"real {name}" for name in REAL)])
def judge(request: pytest.FixtureRequest, shipped: Path, tmp_path_factory: pytest.TempPathFactory) -> Judge:
    name = request.param
    if name.startswith("real "):
        folder: Path = request.getfixturevalue("models_folder") / "ulfd"
    else:
        folder = shipped
    target = tmp_path_factory.mktemp("judge") / "reference.onnx"
    shutil.copy(folder / f"{name.removeprefix('real ')}.onnx", target)
    return Judge(target)


def test_legal_pairs_pass(judge: Judge) -> None:
    assert judge(judge.path, LoadOptions(optimize=False, threads=2)).verdict is Verdict.PASSED
    listed = initializers_as_inputs(onnx.load(judge.path))
    assert judge(listed).verdict is Verdict.PASSED
    assert judge(initializers_inside(listed)).verdict is Verdict.PASSED
    assert judge(at_other_opset(onnx.load(judge.path))).verdict is Verdict.PASSED
    assert judge(judge.evaluator(), seeds=range(1)).verdict is Verdict.PASSED


def test_a_fold_passes_over_50_seeds_of_inputs(judge: Judge) -> None:
    model = onnx.load(judge.path)
    if not foldable(initializers_inside(model)):
        pytest.skip("it has no BatchNormalization behind a convolution")
    assert judge(fold_batchnorm(model), seeds=range(50)).verdict is Verdict.PASSED


@pytest.mark.parametrize("fault", ["bias off by 0.01", "channel x1.05", "channel x1.001"])
def test_faults_fail(judge: Judge, fault: str) -> None:
    model = onnx.load(judge.path)
    if fault == "bias off by 0.01":
        wrong = faults.move_bias(model, 0.01)
    else:
        wrong = faults.scale_channel(model, float(fault.partition("x")[2]))
    result = judge(wrong)
    assert (result.verdict, result.code) == (Verdict.FAILED, "V_PARITY"), result.figures
