"""Feeds of one model: batches are stacks of distinct samples, and the user's files and shapes are taken as they are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from pytest_onnxaccel.core.domains import Domain, InputFacts
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.specs import InputSpec
from pytest_onnxaccel.numerics.sampling.model_inputs import model_inputs
from pytest_onnxaccel.numerics.sampling.told import described
from suites.unit.fakes import info_of, inputs_of, tensor

# -- which axis is the batch ------------------------------------------------------------------------------------


def test_a_fixed_batch_is_the_models_own() -> None:
    inputs = inputs_of(tensor("x", 4, 3), batch=4)
    assert (inputs.batch, inputs.symbol, inputs.dynamic) == (4, None, False)


def test_a_symbol_runs_at_one() -> None:
    inputs = inputs_of(tensor("x", "N", 3), tensor("z", "N"), batch="N")
    assert (inputs.batch, inputs.symbol, inputs.dynamic) == (1, "N", True)


def test_one_input_may_leave_its_batch_unnamed_and_several_may_not() -> None:
    assert inputs_of(tensor("x", None, 3)).batch == 1
    assert inputs_of(tensor("x", None, 3), tensor("z", None)).batch is None


@pytest.mark.parametrize(
    "specs", [(), (tensor("x"),), (tensor("x", "N"), tensor("z")), (tensor("x", 2), tensor("z", 3))]
)
def test_inputs_that_share_no_axis_have_no_batch(specs: Any) -> None:
    inputs = inputs_of(*specs)
    assert (inputs.batch, inputs.dynamic) == (None, False)
    assert list(inputs.feeds()) == [spec.name for spec in specs]


def test_a_batch_of_nothing_is_none() -> None:
    inputs = inputs_of(tensor("x", 0, 3), batch=0)
    assert inputs.batch is None
    assert inputs.feeds(0, 2)["x"].shape == (0, 3)


def test_a_declared_shape_or_a_sample_file_sets_the_batch_of_a_free_axis() -> None:
    x, z = tensor("x", "N", 3), tensor("z", "N")
    declared = inputs_of(x, z, batch="N", given=[InputSpec("x", shape=(4, 3))])
    assert declared.batch == 4
    assert {n: a.shape for n, a in declared.feeds().items()} == {"x": (4, 3), "z": (4,)}
    stacked = inputs_of(x, z, batch="N", files={"x": [np.zeros((5, 3), np.float32)]})
    assert stacked.batch == 5
    assert stacked.feeds()["z"].shape == (5,)
    single = inputs_of(x, z, batch="N", files={"x": [np.zeros(3, np.float32)]})
    assert single.batch == 1


def test_a_declared_shape_does_not_move_a_fixed_batch() -> None:
    assert inputs_of(tensor("x", 1, 3), batch=1, given=[InputSpec("x", shape=(4, 3))]).batch == 1


# -- batches ----------------------------------------------------------------------------------------------------


def test_a_batch_is_the_stack_of_its_samples() -> None:
    inputs = inputs_of(tensor("x", "N", 3), tensor("z", "N", dtype="int64"), batch="N", given=[InputSpec("z", 0, 1e9)])
    three = inputs.feeds(5, 3)
    for name, stacked in three.items():
        single_runs = [inputs.feeds(5 + i)[name] for i in range(3)]
        assert np.array_equal(stacked, np.concatenate(single_runs))
        assert len({single.tobytes() for single in single_runs}) == 3, "the samples are not distinct"


def test_a_batch_of_a_larger_own_batch_is_cut_from_whole_blocks() -> None:
    inputs = inputs_of(tensor("x", 4, 2), batch=4)
    blocks = np.concatenate([inputs.feeds(0)["x"], inputs.feeds(1)["x"]])
    assert np.array_equal(inputs.feeds(0, 6)["x"], blocks[:6])
    assert np.array_equal(inputs.feeds(0, 3)["x"], blocks[:3])
    assert np.array_equal(inputs.feeds(0, 4)["x"], inputs.feeds(0)["x"])


def test_without_a_batch_axis_every_size_is_the_own() -> None:
    inputs = inputs_of(tensor("x", 2), tensor("z", 3))
    assert inputs.feeds(0, 7)["x"].shape == (2,)


def test_feeds_depend_on_the_seed() -> None:
    inputs = inputs_of(tensor("x", "N", 3), batch="N")
    assert not np.array_equal(inputs.feeds()["x"], replace(inputs, seed=1).feeds()["x"])


# -- chosen sizes and ranges ------------------------------------------------------------------------------------


def test_chosen_sizes_fill_free_dimensions() -> None:
    inputs = replace(inputs_of(tensor("x", "N", "H", None), batch="N"), sizes={"H": 8, "?": 5})
    assert inputs.shapes() == {"x": (1, 8, 5)}
    assert inputs.shapes(3) == {"x": (3, 8, 5)}
    assert described(inputs) == "H=8, free dimensions=5"


def test_a_symbol_of_the_batch_elsewhere_follows_it() -> None:
    inputs = inputs_of(tensor("x", "N", "N"), batch="N")
    assert inputs.shapes(3) == {"x": (3, 3)}


def test_chosen_ranges_spare_what_the_user_declared() -> None:
    ids, mask = tensor("ids", 1, 50, dtype="int64"), tensor("mask", 1, 50, dtype="int64")
    inputs = replace(inputs_of(ids, mask, batch=1, given=[InputSpec("mask", 7, 8)]), integers=(1, 2))
    feeds = inputs.feeds()
    assert set(feeds["ids"].ravel()) == {1}
    assert set(feeds["mask"].ravel()) == {7}
    assert described(inputs) == "integer inputs from [1, 2)"


def test_nothing_chosen_is_nothing_to_tell() -> None:
    assert described(inputs_of(tensor("x", 1), batch=1)) == ""
    assert described(replace(inputs_of(tensor("x", 1), batch=1), floats=(0.5, 2.0))) == "float inputs from [0.5, 2)"


# -- sample files -----------------------------------------------------------------------------------------------


def from_file(array: Any, *shape: Any, dtype: str = "float32") -> Any:
    spec = tensor("x", *shape, dtype=dtype)
    return inputs_of(spec, batch=shape[0] if shape else None, files={"x": [np.asarray(array)]}).feeds()["x"]


def test_samples_are_taken_in_turn() -> None:
    arrays = [np.full((1, 2), n, np.float32) for n in range(3)]
    inputs = inputs_of(tensor("x", 1, 2), batch=1, files={"x": arrays})
    assert [float(inputs.feeds(i)["x"][0, 0]) for i in range(5)] == [0, 1, 2, 0, 1]
    assert inputs.feeds(1, 4)["x"][:, 0].tolist() == [1, 2, 0, 1]


def test_files_and_draws_live_beside_each_other_in_the_declared_order() -> None:
    specs = (tensor("a", 1), tensor("b", 1), tensor("c", 1))
    inputs = inputs_of(*specs, batch=1, files={"b": [np.array([9], np.float32)]})
    feeds = inputs.feeds()
    assert list(feeds) == ["a", "b", "c"]
    assert feeds["b"] == 9


def test_a_missing_batch_axis_is_added() -> None:
    assert from_file(np.zeros((3, 4), np.float32), 1, 3, 4).shape == (1, 3, 4)


def test_a_scalar_stays_one() -> None:
    assert from_file(np.float32(2)).shape == ()


@pytest.mark.parametrize(
    ("held", "taken"),
    [("float64", "float32"), ("float32", "float16"), ("uint8", "float32"), ("int32", "int64"), ("bool", "int64"),
     ("float32", "bfloat16")],
)  # fmt: skip
def test_what_loses_nothing_is_cast(held: str, taken: str) -> None:
    assert from_file(np.ones((1, 2), held), 1, 2, dtype=taken).dtype.name == taken


@pytest.mark.parametrize(
    ("held", "taken"),
    [("float32", "int64"), ("int64", "int32"), ("int64", "uint8"), ("<U3", "float32"), ("float32", "bool"),
     ("complex64", "float32"), ("float32", "float8e4m3fn"), ("int64", "float32")],
)  # fmt: skip
def test_what_would_lose_something_is_refused(held: str, taken: str) -> None:
    with pytest.raises(ModelError, match="the sample file of input 'x' holds") as caught:
        from_file(np.zeros((1, 2), held), 1, 2, dtype=taken)
    assert caught.value.code == "E_INPUT"
    assert f"the model takes {taken}" in str(caught.value)


def test_text_is_fed_as_text() -> None:
    assert from_file(np.array(["a", "b"]), 2, dtype="string").tolist() == ["a", "b"]


def test_byte_order_and_layout_are_mended() -> None:
    array = np.asfortranarray(np.arange(6, dtype=">f4").reshape(2, 3))
    found = from_file(array, 2, 3)
    assert found.dtype.byteorder in "=<"
    assert found.flags.c_contiguous
    assert found.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_brain_floats_stay() -> None:
    array = np.ones((1, 2), ml_dtypes.bfloat16)
    assert from_file(array, 1, 2, dtype="bfloat16").dtype == ml_dtypes.bfloat16


def test_samples_that_are_compared_one_by_one_go_through_what_a_batch_has_in_common() -> None:
    facts = InputFacts({"rate": Domain("rate", "category", choices=(8000, 16000))}, "batch", {"x": 0})
    specs = (tensor("x", "batch", 3), tensor("rate", dtype="int64"))
    inputs = model_inputs(info_of(specs, (), "batch"), (), 0, {}, facts)
    assert inputs.shared
    rates = {int(inputs.feeds(index, turn=index)["rate"]) for index in range(2)}
    assert rates == {8000, 16000}
    alone = [inputs.feeds(index) for index in range(3)]
    assert len({int(one["rate"]) for one in alone}) == 1
    together = inputs.feeds(0, 3)
    assert together["rate"] == alone[0]["rate"]
    np.testing.assert_array_equal(together["x"], np.concatenate([one["x"] for one in alone]))


def test_every_category_is_fed_where_a_sample_is_small() -> None:
    keys = tuple(f"key-{i}" for i in range(120))
    facts = InputFacts({"x": Domain("x", "text", choices=keys)}, "batch", {"x": 0})
    inputs = model_inputs(info_of((tensor("x", "batch", 1, dtype="string"),), (), "batch"), (), 0, {}, facts)
    assert {str(inputs.feeds(index)["x"][0, 0]) for index in range(inputs.telling)} == set(keys)


def test_what_the_other_file_tells_has_samples_of_its_own() -> None:
    own = Domain("x", points=(1.0,))
    inputs = model_inputs(info_of((tensor("x", 4),), ()), (), 0, {}, InputFacts({"x": own}))
    assert not inputs.with_beyond({"x": own}).beyond_samples
    more = inputs.with_beyond({"x": Domain("x", points=(40.0,))})
    assert any(40.0 in more.feeds(index)["x"] for index in more.beyond_samples)
    np.testing.assert_array_equal(more.feeds(0)["x"], inputs.feeds(0)["x"])
