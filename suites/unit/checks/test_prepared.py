"""What the user says of inputs is read before any is tried, and what says nothing of this model is refused."""

from __future__ import annotations

from typing import Any

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


@pytest.mark.parametrize(
    ("dims", "said"),
    [
        (
            (DimSpec("sequence", (), "n + 1"), DimSpec("n", (), "sequence - 1")),
            "'sequence' that follows from itself: sequence = 'n + 1', n = 'sequence - 1'",
        ),
        ((DimSpec("n", (2,)), DimSpec("sequence", (), "n - 5")), "'sequence' that is none: 'n - 5', where n = 2"),
    ],
)
def test_sizes_that_contradict_themselves_are_refused(dims: tuple[DimSpec, ...], said: str) -> None:
    with pytest.raises(ModelError) as caught:
        prepared(*dims)
    assert caught.value.code == "E_CONFIG"
    assert said in caught.value.cause


def test_sizes_may_follow_from_each_other_in_a_row() -> None:
    prepared(DimSpec("n", (2,)), DimSpec("sequence", (), "n + 1"), DimSpec("2*sequence", (), "sequence * 2"))


@pytest.mark.parametrize("sizes", [(7,), (5, 7)])
def test_a_size_and_a_shape_agree_or_are_refused(sizes: tuple[int, ...]) -> None:
    prepared(DimSpec("sequence", sizes), given=InputSpec("x", shape=(1, 7, 4)))
    with pytest.raises(ModelError, match="for dimension 'sequence', and an input of size 12") as caught:
        prepared(DimSpec("sequence", sizes), given=InputSpec("x", shape=(1, 12, 4)))
    assert caught.value.code == "E_CONFIG"


def test_a_batch_and_a_shape_agree_or_are_refused() -> None:
    facts, given = InputFacts(batch="n", axes={"x": 0}), (InputSpec("x", shape=(3, 7, 4)),)
    for size in (3, 2):
        spec = ModelSpec("m", "m.onnx", "m.onnx", dims=(DimSpec("n", (size,)),), inputs=given)
        if size == 3:
            assert prepare_inputs(INFO, spec, 0, facts=facts).batch == 3
            continue
        with pytest.raises(ModelError, match="gives 2 for dimension 'n', and an input of size 3"):
            prepare_inputs(INFO, spec, 0, facts=facts)


@pytest.mark.parametrize(
    ("dtype", "values", "said"),
    [
        ("float32", (0.5, 3, True), ""),
        ("int64", (-1, True), ""),
        ("bool", (True, 0), ""),
        ("string", ("a",), ""),
        ("uint8", (0, 255), ""),
        ("float32", ("a",), "gives 'a' for input 'x', which holds float32"),
        ("int64", (1, 1.5), "gives 1.5 for input 'x', which holds int64"),
        ("uint8", (256,), "gives 256 for input 'x', which holds uint8"),
        ("bool", (2,), "gives 2 for input 'x', which holds bool"),
        ("string", (1,), "gives 1 for input 'x', which holds string"),
    ],
)
def test_a_value_that_the_input_cannot_hold_is_refused(dtype: str, values: tuple[Any, ...], said: str) -> None:
    info = info_of([TensorSpec("x", dtype, ("n", 2))], [tensor("y", "n")])
    spec = ModelSpec("m", "m.onnx", "m.onnx", inputs=(InputSpec("x", values=values),))
    if not said:
        prepare_inputs(info, spec, 0)
        return
    with pytest.raises(ModelError) as caught:
        prepare_inputs(info, spec, 0)
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
