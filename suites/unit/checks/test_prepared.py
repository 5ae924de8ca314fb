"""What the user says of inputs is read before any is tried, and what says nothing of this model is refused."""

from __future__ import annotations

import pytest

from pytest_onnxaccel.checks.inputs.prepared import prepare_inputs
from pytest_onnxaccel.core.domains import InputFacts
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.specs import DimSpec, InputSpec, ModelInfo, ModelSpec, TensorSpec
from suites.unit.fakes import info_of, tensor

INFO: ModelInfo = info_of([tensor("x", "n", "sequence", None)], [tensor("y", "n", "2*sequence")])


def prepared(*dims: DimSpec, given: InputSpec | None = None) -> None:
    spec = ModelSpec("m", "m.onnx", "m.onnx", dims=dims, inputs=(given,) if given is not None else ())
    prepare_inputs(INFO, spec, 0)


@pytest.mark.parametrize(
    "dim",
    [DimSpec("sequence", (7,)), DimSpec("x:2", (7,)), DimSpec("sequence", (), "2 * n"), DimSpec("2*sequence", (8,))],
)
def test_dimensions_of_the_model_may_be_given(dim: DimSpec) -> None:
    prepared(dim)


@pytest.mark.parametrize(
    ("dim", "said"),
    [
        (DimSpec("seqence", (7,)), "'seqence', the model's free dimensions are "),
        (DimSpec("x:1", (7,)), "'x:1', the model's free dimensions are "),
        (DimSpec("sequence", (), "past + 1"), "'sequence' that follows from 'past', "),
        (DimSpec("sequence", (), "sequence + 1"), "that follows from itself: 'sequence + 1'"),
    ],
)
def test_sizes_that_would_not_be_tried_are_refused(dim: DimSpec, said: str) -> None:
    with pytest.raises(ModelError) as caught:
        prepared(dim)
    assert caught.value.code == "E_CONFIG"
    assert said in caught.value.cause


def test_the_batch_may_be_given_by_its_name() -> None:
    facts = InputFacts(batch="n", axes={"x": 0})
    spec = ModelSpec("m", "m.onnx", "m.onnx", dims=(DimSpec("n", (4,)),))
    assert prepare_inputs(INFO, spec, 0, facts=facts).batch == 4
    assert prepare_inputs(INFO, ModelSpec("m", "m.onnx", "m.onnx"), 0, facts=facts).batch == 1
    several = ModelSpec("m", "m.onnx", "m.onnx", dims=(DimSpec("n", (1, 4)),))
    with pytest.raises(ModelError, match="more than a size for 'n', which is the batch"):
        prepare_inputs(INFO, several, 0, facts=facts)


def test_a_batch_axis_that_the_input_does_not_have() -> None:
    prepared(given=InputSpec("x", batch_axis=2))
    with pytest.raises(ModelError, match="has its batch on axis 3, and it has 3 axes: 0 to 2") as caught:
        prepared(given=InputSpec("x", batch_axis=3))
    assert caught.value.code == "E_CONFIG"


def test_a_map_is_not_said_to_be_given_by_a_file() -> None:
    info = info_of([TensorSpec("m", "", None, "map")], [tensor("y", 1, 3)])
    with pytest.raises(ModelError) as caught:
        prepare_inputs(info, ModelSpec("m", "m.onnx", "m.onnx"), 0)
    assert "input 'm' is a map" in str(caught.value)
    assert "samples.npz" not in str(caught.value)
    assert "export the model with a tensor in its place" in str(caught.value)
