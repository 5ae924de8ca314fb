"""Every planted conversion fault is found, with the code of its kind, but for those proven to be below the noise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.mutations import FAMILIES, faults_of
from pytest_onnxaccel.checks.parity.check import SAMPLES
from pytest_onnxaccel.core.specs import ModelSpec, Tolerance
from pytest_onnxaccel.runner.api import validate
from pytest_onnxaccel.runner.request import RunOptions
from suites.mutation.corpus import detector_path, models
from suites.mutation.score import BELOW, FOUND, MISSED, Planted

MODELS = models()
FAULTS = {name: faults_of(model, name) for name, model in MODELS.items()}
KINDS = [(name, kind) for name, faults in FAULTS.items() for kind in dict.fromkeys(f.kind.name for f in faults)]

DETECTOR = detector_path().stem


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Planted]]:
    folder = tmp_path_factory.mktemp("mutants")
    made = {name: Planted(name, model, folder) for name, model in MODELS.items()}
    yield made
    for one in made.values():
        one.judge.close()


@pytest.mark.parametrize(("model", "kind"), KINDS)
def test_found(planted: dict[str, Planted], model: str, kind: str) -> None:
    outcomes = [planted[model].outcome(fault) for fault in FAULTS[model] if fault.kind.name == kind]
    assert outcomes
    missed = [str(outcome) for outcome in outcomes if outcome.state == MISSED]
    assert not missed, "\n".join(missed)
    miscalled = [str(outcome) for outcome in outcomes if outcome.found and not outcome.right_code]
    assert not miscalled, "\n".join(miscalled)


def test_there_are_enough_of_them_in_both_models() -> None:
    assert sum(map(len, FAULTS.values())) >= 200
    for model, faults in FAULTS.items():
        assert len(faults) >= 100
        families = {fault.family for fault in faults}
        assert families == set(FAMILIES) - ({"norms"} if model == "detector" else set())


def test_few_value_faults_cannot_be_seen(planted: dict[str, Planted]) -> None:
    """The proof is not a way out: what no verdict can be asked to see is a small part."""
    for model, one in planted.items():
        values = [fault for fault in FAULTS[model] if not fault.contract]
        outcomes = [one.outcome(fault) for fault in values]
        unseen = [str(outcome) for outcome in outcomes if outcome.state == BELOW]
        assert len(unseen) <= 0.05 * len(values), f"{model}: {unseen}"


def test_a_fault_that_a_loose_tolerance_hides_counts_as_missed(tmp_path: Path) -> None:
    loose = Planted("classifier", MODELS["classifier"], tmp_path, Tolerance(0.5, 0.5))
    fault = next(f for f in loose.faults if f.kind.name == "weight x1.05")
    outcome = loose.outcome(fault)
    assert outcome.multiple is not None
    assert outcome.multiple > 100
    assert outcome.state == MISSED


def test_a_bias_before_a_softmax_over_it_is_below_the_floor(planted: dict[str, Planted]) -> None:
    one = planted["classifier"]
    moved = [f for f in one.faults if f.kind.name == "bias +0.01"]
    last = one.outcome(next(f for f in moved if f.site.tensor == "aux.logits"), prove=True)
    assert last.state == BELOW
    first = one.outcome(moved[0], prove=True)
    assert first.state == FOUND
    assert first.multiple is not None
    assert first.multiple > 100


def test_a_channel_that_seldom_fires_is_found_by_a_second_look(planted: dict[str, Planted]) -> None:
    """On the first samples it is within what the noise explains; the public call takes the second look as well."""
    one = planted["classifier"]
    fault = next(f for f in one.faults if f.id == "classifier: weight x1.001 at middle.a.conv/Conv")
    found = one.outcome(fault).result
    assert found.code == "V_PARITY"
    assert found.figures["second_look"]["measured"]
    assert found.figures["samples"] > SAMPLES
    original, mutated = one.pair(fault)
    spec = ModelSpec(mutated.name, str(mutated), mutated.name, reference=str(original), backends=("ort-cpu",))
    (result,) = validate(spec, checks=("parity",), options=RunOptions(in_process=True))
    assert result.code == "V_PARITY"
    assert result.figures["second_look"] == found.figures["second_look"]
    assert any("middle.a.conv" in text for text in (*result.details, *result.notes))


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("weight x1.05", "V_PARITY"),
        ("norm with batch statistics", "V_PARITY"),
        ("leading axis added", "V_CONTRACT"),
        ("output dropped", "V_CONTRACT"),
        ("one NaN", "V_CONTRACT"),
    ],
)
def test_the_public_call_says_the_same(planted: dict[str, Planted], kind: str, code: str) -> None:
    one = planted["classifier"]
    fault = next(f for f in one.faults if f.kind.name == kind)
    original, mutated = one.pair(fault)
    spec = ModelSpec(mutated.name, str(mutated), mutated.name, reference=str(original), backends=("ort-cpu",))
    (result,) = validate(spec, checks=("parity",), options=RunOptions(in_process=True))
    assert result.code == one.outcome(fault).result.code == code
