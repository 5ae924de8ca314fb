"""Which axis of which input is the batch."""

from __future__ import annotations

import pytest

from pytest_onnxaccel.core.domains import Domain
from pytest_onnxaccel.core.specs import Dim, TensorSpec
from pytest_onnxaccel.graph.inputs.batch_axes import anonymous, batch_axes


def specs(**shapes: tuple[Dim, ...]) -> list[TensorSpec]:
    return [TensorSpec(name, "float32", shape) for name, shape in shapes.items()]


def test_a_name_says_it_on_any_axis() -> None:
    found = batch_axes(specs(x=("time", "batch", 4), h=(2, "batch", 8), scale=(4,)), {}, {})
    assert found == ("batch", {"x": 1, "h": 1})


@pytest.mark.parametrize(
    "name", ["unk__330", "dim_0", "?", "DynamicDimension.3", "x_dim_1", "None", "s18", "u0", "x_dynamic_axes_1"]
)
def test_names_that_exporters_make_up_are_one_batch(name: str) -> None:
    assert anonymous(name)
    assert batch_axes(specs(a=(name, 3), b=("unk__331", 5)), {}, {}) == (None, {"a": 0, "b": 0})


def test_an_operator_says_where_it_is() -> None:
    assert batch_axes(specs(x=(7, 2, 4), h=(1, 2, 8)), {}, {"x": 1, "h": 1}) == (2, {"x": 1, "h": 1})


def test_sizes_and_counts_carry_none() -> None:
    assert batch_axes(specs(x=(2, 4), k=(1,)), {"k": Domain("k", "size")}, {}) == (2, {"x": 0})


def test_inputs_that_share_no_size_have_none() -> None:
    assert batch_axes(specs(a=(2, 4), b=(3, 4)), {}, {}) == (None, {})
    assert batch_axes([TensorSpec("a", "float32", None)], {}, {}) == (None, {})


def test_a_state_beside_a_free_batch_has_it_on_axis_1() -> None:
    assert batch_axes(specs(x=(None, None), state=(2, None, 128)), {}, {}) == (None, {"x": 0, "state": 1})
    assert batch_axes(specs(x=(None, 80), mask=(1, None)), {}, {}) == (None, {})  # no state: one axis of time


def test_time_that_comes_first_is_no_batch() -> None:
    assert batch_axes(specs(x=("time", 4)), {}, {}) == (None, {})
    assert batch_axes(specs(x=("batch_of_steps", 4)), {}, {}) == ("batch_of_steps", {"x": 0})


@pytest.mark.parametrize(("name", "size"), [("x", "samples"), ("waveform", None), ("pcm", "n")])
def test_a_list_of_sound_is_no_batch(name: str, size: Dim) -> None:
    assert batch_axes(specs(**{name: (size,)}), {}, {}) == ((size, {name: 0}) if size == "n" else (None, {}))
    assert batch_axes(specs(**{name: (size, 4)}), {}, {})[1] == {name: 0}, "rows of a table may be samples"


def test_an_export_by_hand_with_a_cache() -> None:
    """PyTorch calls sizes that it knows to be equal alike, and those that only run when equal not."""
    shapes = {"input_ids": ("s10", "s70"), "attention_mask": ("s43", "s53"), "past": ("s10", 4, "s69", 8)}
    assert batch_axes(specs(**shapes), {}, {}) == (None, dict.fromkeys(shapes, 0))
