"""Faults in transformers, recurrent layers and conversions to fewer digits are found; healthy ones pass."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.graphs.decoder import decoder
from fixtures.graphs.recurrent import recurrent
from fixtures.mutations import FURTHER
from suites.mutation.narrow import Half, Quantised, originals
from suites.mutation.score import BELOW, MISSED, Planted

MODELS = {"decoder": decoder(), "recurrent": recurrent()}
NETS = originals()


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Planted]]:
    folder = tmp_path_factory.mktemp("mutants")
    made = {name: Planted(name, model, folder, families=FURTHER) for name, model in MODELS.items()}
    yield made
    for one in made.values():
        one.judge.close()


@pytest.mark.parametrize("model", MODELS)
def test_faults_of_transformers_and_recurrent_layers_are_found(planted: dict[str, Planted], model: str) -> None:
    one = planted[model]
    outcomes = [one.outcome(fault) for fault in one.faults]
    assert len(outcomes) >= 70
    assert [str(outcome) for outcome in outcomes if outcome.state == MISSED] == []
    assert sum(outcome.state == BELOW for outcome in outcomes) <= 0.03 * len(outcomes)
    assert {outcome.result.code for outcome in outcomes if outcome.found} == {"V_PARITY"}


def test_a_bias_before_a_norm_over_it_is_below_the_floor(planted: dict[str, Planted]) -> None:
    """The proof is of use, and no way out: the same fault before another operator is found."""
    moved = [fault for fault in planted["decoder"].faults if fault.kind.name == "added bias +0.01"]
    states = {fault.site.name: planted["decoder"].outcome(fault, prove=True) for fault in moved}
    assert states["l1_down_bias"].state == BELOW
    found = [outcome for outcome in states.values() if outcome.found]
    assert found
    assert all(outcome.multiple is not None and outcome.multiple > 1 for outcome in found)


@pytest.mark.parametrize("net", NETS)
def test_faults_in_float16_are_found_and_named(net: str, tmp_path: Path) -> None:
    half = Half(net, NETS[net], tmp_path)
    outcomes = [half.outcome(fault) for fault in half.faults[::3]]
    assert [str(one) for one in outcomes if one.state == MISSED] == []
    found = [one for one in outcomes if one.found]
    assert {one.result.code for one in found} == {"V_PARITY"}
    named = [one for one in found if one.fault.site.name in one.result.message]
    assert len(named) >= 0.9 * len(found), [str(one) for one in found if one not in named]


@pytest.mark.parametrize("per_channel", [False, True], ids=["per tensor", "per channel"])
@pytest.mark.parametrize("net", NETS)
def test_faults_in_eight_bits_are_found(net: str, per_channel: bool, tmp_path: Path) -> None:
    one = Quantised(net, NETS[net], tmp_path, per_channel)
    outcomes = [one.outcome(fault) for fault in one.faults]
    assert len(outcomes) >= 14
    assert [str(outcome) for outcome in outcomes if not outcome.found] == []


@pytest.mark.parametrize("net", NETS)
def test_healthy_conversions_pass(net: str, tmp_path: Path) -> None:
    for seed in (3, 4):
        model = originals(seed)[net]
        half = Half(net, model, tmp_path)
        results = [half.verdict(None, keep) for keep in (True, False)]
        results.append(Quantised(net, model, tmp_path, per_channel=True).verdict(None, limit=True))
        assert [str(result) for result in results if result.verdict.value != "passed"] == []
