"""No legal variant of a model is called different: 50 seeds of weights, batch norms folded or not, opsets, threads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from fixtures.graphs.residual import residual_classifier
from fixtures.variants import VARIANTS
from pytest_onnxaccel.core.results import Verdict
from pytest_onnxaccel.core.specs import Tolerance
from suites.mutation.corpus import models
from suites.mutation.judge import Judge
from suites.mutation.legal import SEEDS, Pairs, classifiers, detectors

#: Of the larger model those that round most differently; benchmarks/mutation_score.py runs the others as well.
TELLING = ("batch norms folded in float64", "unoptimized")


def refused(pairs: Pairs, names: tuple[str, ...] = ()) -> Mapping[str, str]:
    """What is said against the legal candidates, by variant; empty when all pass."""
    results = {v.name: pairs.verdict(v) for v in pairs.variants if not names or v.name in names}
    assert results
    return {name: result.message for name, result in results.items() if result.verdict is not Verdict.PASSED}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_classifier(seed: int, tmp_path: Path) -> None:
    assert refused(Pairs(residual_classifier(seed), tmp_path)) == {}


def test_fifty_pairs_of_feature_maps(tmp_path: Path) -> None:
    """Values of some tens, where a fixed absolute tolerance refuses what is legal."""
    found = {seed: refused(Pairs(model, tmp_path), TELLING) for seed, model in classifiers(heads=False)}
    assert len(found) >= 50
    assert {seed: messages for seed, messages in found.items() if messages} == {}


def test_fifty_detectors(tmp_path: Path) -> None:
    found = {seed: refused(Pairs(model, tmp_path), TELLING) for seed, model in detectors()}
    assert len(found) >= 50
    assert {seed: messages for seed, messages in found.items() if messages} == {}


@pytest.mark.parametrize("name", ["detector", "classifier"])
def test_the_models_that_faults_are_planted_in(name: str, tmp_path: Path) -> None:
    pairs = Pairs(models()[name], tmp_path)
    assert refused(pairs) == {}
    assert len(pairs.variants) == len([v for v in VARIANTS if name == "classifier" or "norms" not in v.name])


@pytest.mark.parametrize("seed", range(1, 6))
def test_a_converter_without_rounding(seed: int, tmp_path: Path) -> None:
    pairs = Pairs(residual_classifier(seed), tmp_path)
    result = pairs.judge.verdict(pairs.exact())
    assert result.verdict is Verdict.PASSED, result.message
    assert result.figures["max_abs"] > 0


def test_a_tolerance_below_the_noise_refuses_them(tmp_path: Path) -> None:
    """So a pass above says something of the tolerance."""
    pairs = Pairs(models()["classifier"], tmp_path)
    strict = Judge(tmp_path / "original.onnx", Tolerance(0.0, 1e-9))
    variant = next(v for v in pairs.variants if v.name == "unoptimized")
    assert pairs.verdict(variant, strict).code == "V_PARITY"
