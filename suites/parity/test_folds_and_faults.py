"""Legal conversions pass, all of them; planted faults fail; both on the same seeded models."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.core.results import Verdict
from pytest_onnxaccel.graph.equivalents import initializers_as_inputs
from pytest_onnxaccel.graph.fold_batchnorm import fold_batchnorm
from pytest_onnxaccel.graph.upgrade import upgraded
from suites.parity.convnets import SHAPE, exported, liveliest, network
from suites.parity.verdicts import Judge

SEEDS = range(50)


def cloned(model: onnx.ModelProto) -> onnx.ModelProto:
    clone = onnx.ModelProto()
    clone.CopyFrom(model)
    return clone


def images(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (4, *SHAPE[1:])).astype(np.float32)


def scaled(model: nn.Sequential, conv: int, factor: float, seed: int) -> nn.Sequential:
    """*model* with the liveliest channel of one convolution scaled."""
    wrong = copy.deepcopy(model)
    with torch.no_grad():
        wrong[3 * conv].weight[liveliest(model, conv, images(seed))] *= factor  # type: ignore[index, union-attr, operator]
    return wrong


@pytest.mark.parametrize("seed", SEEDS)
def test_a_fold_passes_and_faults_in_the_same_model_fail(seed: int, tmp_path: Path) -> None:
    model = network(seed)
    right = exported(model)
    assert sum(node.op_type == "BatchNormalization" for node in right.graph.node) == 6
    judge = Judge.of(right, tmp_path)
    folded = fold_batchnorm(cloned(right))
    assert not any(node.op_type == "BatchNormalization" for node in folded.graph.node)
    for options in (LoadOptions(threads=1), LoadOptions(optimize=False, threads=1)):
        assert judge(folded, options).verdict is Verdict.PASSED

    biased = copy.deepcopy(model)
    with torch.no_grad():
        biased[-1].bias += 0.01  # type: ignore[operator, union-attr]
    for wrong in (biased, scaled(model, 5, 1.05, seed), scaled(model, 5, 1.001, seed)):
        result = judge(exported(wrong))
        assert (result.verdict, result.code) == (Verdict.FAILED, "V_PARITY"), result.message


@pytest.mark.parametrize("seed", SEEDS)
def test_legal_pairs_pass(seed: int, tmp_path: Path) -> None:
    right = exported(network(seed, depth=4, channels=8))
    judge = Judge.of(right, tmp_path)
    assert judge(judge.evaluator(), seeds=range(1)).verdict is Verdict.PASSED
    assert judge(upgraded(cloned(right), 18)).verdict is Verdict.PASSED
    assert judge(initializers_as_inputs(cloned(right))).verdict is Verdict.PASSED
    assert judge(judge.path, LoadOptions(threads=2, spin=False)).verdict is Verdict.PASSED


@pytest.mark.parametrize(("gain", "offset"), [(1.0, 1000.0), (1000.0, 0.0), (1e-6, 0.0), (1e6, 0.0)])
def test_neither_tiny_nor_huge_outputs_fool_it(gain: float, offset: float, tmp_path: Path) -> None:
    """A bias off by 0.01 where the outputs are around 1000, and by 1e-5 of the scale elsewhere, is a fault."""
    for seed in range(3):
        model = network(seed, gain=gain, offset=offset)
        judge = Judge.of(exported(model), tmp_path)
        assert judge(fold_batchnorm(exported(model))).verdict is Verdict.PASSED
        wrong = copy.deepcopy(model)
        with torch.no_grad():
            scale = float(model(torch.from_numpy(images(seed))).abs().median())
            wrong[-1].bias += 0.01 if offset else 1e-4 * scale  # type: ignore[operator, union-attr]
        assert judge(exported(wrong)).code == "V_PARITY"


def test_faults_by_a_thousandth_in_the_first_layer_fail_where_they_can_be_told_from_noise(tmp_path: Path) -> None:
    """The effect is taken in double precision: past the tolerance and the other side's own rounding it must fail."""
    told = failed = 0
    for seed in range(8):
        model = network(seed)
        wrong = scaled(model, 0, 1.001, seed)
        judge = Judge.of(exported(model), tmp_path)
        judge.always = True
        result = judge(exported(wrong))
        fed = np.concatenate([judge.inputs().feeds(0)["input"]])
        with torch.no_grad():
            pair = [copy.deepcopy(m).double()(torch.from_numpy(fed).double()).numpy() for m in (model, wrong)]
        found = result.figures["outputs"]["scores"]
        excess = float((np.abs(pair[0] - pair[1]) - found["rtol"] * np.abs(pair[0])).max())
        if excess > 1.5 * found["atol"]:
            told += 1
            failed += result.code == "V_PARITY"
    assert failed == told
    assert told >= 2


def test_a_pair_within_rounding_is_not_measured(tmp_path: Path) -> None:
    judge = Judge.of(exported(network(0)), tmp_path)
    result = judge(judge.path)
    assert (result.verdict, judge.measured) == (Verdict.PASSED, 0)
    assert "noise" not in result.figures
    assert result.figures["outputs"]["scores"]["tolerance_from"] == "rounding of float32 at the output's scale"


def test_a_gross_fault_is_not_measured_either(tmp_path: Path) -> None:
    model = network(0)
    judge = Judge.of(exported(model), tmp_path)
    assert judge(exported(network(1))).code == "V_PARITY"
    assert judge.measured == 0


def test_a_small_fault_is_measured_and_says_so(tmp_path: Path) -> None:
    model = network(2)
    judge = Judge.of(exported(model), tmp_path)
    result = judge(exported(scaled(model, 5, 1.001, 2)))
    assert (result.code, judge.measured) == ("V_PARITY", 1)
    assert "BatchNormalization folded" in result.figures["noise"]["variants"]
    assert "initializers as inputs" in result.figures["noise"]["variants"]
    assert not result.figures["noise"]["left_out"]
    assert result.details[-1].startswith("tolerance: scores: ")
