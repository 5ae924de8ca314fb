"""The planted faults themselves: reproducible, loadable, spread over the layers; and the float64 truth about them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto

from fixtures.graphs.residual import residual_classifier
from fixtures.mutations import FAMILIES, faults_of
from fixtures.mutations.edits import Edit, Site
from fixtures.mutations.fault import spread
from fixtures.mutations.truth import Truth, change
from fixtures.running import run, run_seeded

NAMES = ("detector", "classifier")


@pytest.fixture(scope="module")
def originals() -> dict[str, ModelProto]:
    shipped = Path(__file__).parents[2] / "fixtures" / "models" / "rfb-320.onnx"
    return {"detector": onnx.load(shipped), "classifier": residual_classifier()}


@pytest.mark.parametrize("name", NAMES)
def test_a_fault_is_the_same_bytes_at_every_call_and_leaves_the_original_alone(
    originals: dict[str, ModelProto], name: str
) -> None:
    model = originals[name]
    before = model.SerializeToString(deterministic=True)
    for fault in faults_of(model, name):
        mutated = fault.mutated(model).SerializeToString(deterministic=True)
        assert mutated == fault.mutated(model).SerializeToString(deterministic=True), fault.id
        compared = fault.original(model).SerializeToString(deterministic=True)
        assert mutated != compared, fault.id
        assert (compared == before) == (fault.kind.ground is None), fault.id
    assert model.SerializeToString(deterministic=True) == before


@pytest.mark.parametrize("name", NAMES)
def test_ids_and_places(originals: dict[str, ModelProto], name: str) -> None:
    model = originals[name]
    faults = faults_of(model, name)
    assert len({fault.id for fault in faults}) == len(faults) >= 200
    for fault in faults:
        node = model.graph.node[fault.site.index]
        assert (node.op_type, node.output[0]) == (fault.site.operator, fault.site.tensor)
        assert fault.site.is_named(fault.site.tensor)
        assert not fault.site.is_named("")
    thirds = {3 * f.site.index // len(model.graph.node) for f in faults if f.kind.name == "weight x1.05"}
    assert thirds == {0, 1, 2}


def test_every_mutated_classifier_runs(originals: dict[str, ModelProto]) -> None:
    def form(model: ModelProto) -> dict[str, object]:
        return {name: (array.shape, array.dtype) for name, array in run_seeded(model).items()}

    wanted = form(originals["classifier"])
    for fault in faults_of(originals["classifier"], "classifier"):
        found = form(fault.mutated(originals["classifier"]))
        assert fault.contract or found == wanted, fault.id


def test_every_family_has_value_or_contract_faults_alone_but_for_outputs() -> None:
    for family, kinds in FAMILIES.items():
        contract = {kind.contract for kind in kinds}
        assert contract == ({True, False} if family == "outputs" else {family == "nonfinite"}), family


def test_spread_takes_the_ends_and_what_lies_between() -> None:
    sites = [Site(index, "Conv", "", str(index)) for index in range(10)]
    assert [site.index for site in spread(sites, 4)] == [0, 3, 6, 9]
    assert spread(sites[:2], 4) == sites[:2]
    assert spread(sites, 1) == [sites[5]]


def test_a_weight_that_two_nodes_share_is_changed_for_one() -> None:
    edit = Edit.of(residual_classifier())
    first, second = (edit.node(site) for site in edit.sites("Conv")[1:3])
    second.input[1] = first.input[1]
    content = edit.weight(first, 1)
    assert content is not None
    edit.set_weight(first, 1, content * 2)
    assert first.input[1] != second.input[1]
    assert np.array_equal(edit.weight(second, 1), content)
    assert np.array_equal(edit.weight(first, 1), content * 2)


# -- the truth --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_the_truth_is_what_a_runtime_gives_up_to_rounding(originals: dict[str, ModelProto], name: str) -> None:
    model = originals[name]
    entry = model.graph.input[0]
    shape = [dim.dim_value for dim in entry.type.tensor_type.shape.dim]
    feeds = {entry.name: np.random.default_rng(3).uniform(-1, 1, shape).astype(np.float32)}
    truth = Truth(feeds)
    exact = truth.run(model)
    assert all(array.dtype == np.float64 for array in exact.values())
    assert max(change(exact, run(model, feeds)).values()) < 5e-6
    first = {fault.kind.name: fault for fault in reversed(faults_of(model, name)) if not fault.contract}
    # Operators and attributes that only mutated models have; a few of them suffice for the large model
    chosen = list(first.values())[:: 8 if name == "detector" else 1]
    for fault in chosen:
        mutated = fault.mutated(model)
        assert max(change(truth.run(mutated), run(mutated, feeds)).values()) < 2e-5, fault.id


def test_a_change_is_relative_to_the_outputs_largest_value() -> None:
    original = {"y": np.array([0.0, 4.0]), "z": np.zeros(2)}
    assert change(original, {"y": np.array([1.0, 4.0]), "z": np.zeros(2)}) == {"y": 0.25, "z": 0.0}
    assert change(original, {"y": original["y"], "z": np.ones(2)})["z"] == np.inf
