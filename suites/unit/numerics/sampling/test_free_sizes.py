"""Sizes to try for free dimensions: plausible ones first, those that go together, several lengths."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_onnxaccel.core.domains import InputFacts
from pytest_onnxaccel.core.specs import Dim, DimSpec, ModelInfo, TensorSpec
from pytest_onnxaccel.numerics.sampling.free_sizes import free_sizes
from pytest_onnxaccel.numerics.sampling.input_sets import Inputs
from pytest_onnxaccel.numerics.sampling.model_inputs import model_inputs
from pytest_onnxaccel.numerics.sampling.size_sets import assignments, longer, other_lengths, sums, sweep, told_apart


def base(*shapes: tuple[Dim, ...], axes: dict[str, int] | None = None) -> tuple[Inputs, InputFacts]:
    specs = tuple(TensorSpec(f"x{i}", "float32", shape) for i, shape in enumerate(shapes))
    facts = InputFacts(batch=shapes[0][0] if axes else None, axes=axes or {})
    info = ModelInfo(8, {"ai.onnx": 17}, "", specs, (), None, 0, 0, (), {}, ())
    return model_inputs(info, (), 0, {}, facts), facts


def test_an_image_is_not_one_by_one() -> None:
    inputs, facts = base(("n", 3, "height", "width"), axes={"x0": 0})
    first = next(assignments(inputs, free_sizes(inputs, facts, ())))
    assert first["height"] >= 32
    assert first["width"] >= 32


def test_a_length_is_several() -> None:
    inputs, facts = base(("n", "sequence", 16), axes={"x0": 0})
    free = free_sizes(inputs, facts, ())
    first = next(assignments(inputs, free))
    lengths = {first["sequence"], *(sizes["sequence"] for sizes in other_lengths(free, first))}
    assert len(lengths) >= 3
    assert 1 not in lengths


def test_a_length_is_long_enough_for_what_slides_over_it() -> None:
    inputs, facts = base(("n", 1, "frames", "height"), axes={"x0": 0})
    facts = replace(facts, windows={"x0": (1, 1, 100, 200)})
    free = free_sizes(inputs, facts, ())
    first = next(assignments(inputs, free))
    assert first["frames"] == 128
    assert all(sizes["frames"] >= 100 for sizes in other_lengths(free, first))
    assert first["height"] == 64, "the side of an image is what it was"
    small = replace(facts, windows={"x0": (1, 1, 7, 1)})
    assert next(assignments(inputs, free_sizes(inputs, small, ())))["frames"] == 8
    assert 8 in free.plausible["frames"], "tried where the longer ones do not run"


def test_names_that_hold_together_are_solved() -> None:
    inputs, facts = base(("n", "past_sequence"), ("n", "sequence"), ("n", "total_sequence"), axes={"x0": 0})
    for sizes in assignments(inputs, free_sizes(inputs, facts, ())):
        assert sizes["total_sequence"] == sizes["past_sequence"] + sizes["sequence"]


def test_an_expression_needs_its_names_alone() -> None:
    inputs, facts = base(("n", "t"), ("n", "floor(t/2) + 1"), axes={"x0": 0, "x1": 0})
    assert free_sizes(inputs, facts, ()).keys == ("t",)


def test_what_the_user_says_is_not_guessed() -> None:
    inputs, facts = base(("n", "t", "u"), axes={"x0": 0})
    free = free_sizes(inputs, facts, (DimSpec("t", (7,)), DimSpec("u", (2, 9))))
    assert free.open == ()
    (sizes,) = assignments(inputs, free)
    assert (sizes["t"], sizes["u"]) == (7, 2)
    assert [other["u"] for other in other_lengths(free, sizes)] == [9]


def test_without_a_free_dimension_there_is_one_set() -> None:
    inputs, facts = base((2, 3))
    free = free_sizes(inputs, facts, ())
    assert list(assignments(inputs, free)) == [{}]
    assert other_lengths(free, {}) == []


def test_each_dimension_is_swept_alone_too() -> None:
    inputs, facts = base(("n", "h", "w"), axes={"x0": 0})
    tried = list(sweep(free_sizes(inputs, facts, ()), {"h": 8, "w": 8}))
    assert any(sizes["h"] != 8 and sizes["w"] == 8 for sizes in tried)
    assert any(sizes["h"] == 8 and sizes["w"] != 8 for sizes in tried)


def test_a_name_that_was_made_up_says_less_than_the_input() -> None:
    specs = (TensorSpec("input_values", "float32", ("n", "s43")), TensorSpec("past.key", "float32", ("n", 4, "s69", 8)))
    info = ModelInfo(8, {"ai.onnx": 17}, "", specs, (), None, 0, 0, (), {}, ())
    facts = InputFacts(batch="n", axes={"input_values": 0, "past.key": 0})
    inputs = model_inputs(info, (), 0, {}, facts)
    first = next(assignments(inputs, free_sizes(inputs, facts, ())))
    assert first == {"s43": 4096, "s69": 3}


def test_a_cache_under_made_up_names_holds_together() -> None:
    shapes: dict[str, tuple[Dim, ...]] = {
        "input_ids": ("n", "s70"), "attention_mask": ("n", "s53"), "past_key_values.0.key": ("n", 4, "s69", 8),
        "past_key_values.0.value": ("n", 4, "s89", 8),
    }  # fmt: skip
    info = ModelInfo(8, {}, "", tuple(TensorSpec(n, "int64", s) for n, s in shapes.items()), (), None, 0, 0, (), {}, ())
    facts = InputFacts(batch="n", axes=dict.fromkeys(shapes, 0))
    inputs = model_inputs(info, (), 0, {}, facts)
    free = free_sizes(inputs, facts, ())
    first = next(assignments(inputs, free))
    assert free.open == ("s70", "s69")
    for sizes in (first, *other_lengths(free, first)):
        assert sizes["s53"] == sizes["s69"] + sizes["s70"]
        assert sizes["s89"] == sizes["s69"] > 0


def test_one_of_three_lengths_may_be_the_sum_of_the_others() -> None:
    inputs, facts = base(("B", "T"), ("B", "S"), ("B", "P", 2, 8), axes={"x0": 0, "x1": 0, "x2": 0})
    free = free_sizes(inputs, facts, ())
    formulas = [dict(one.formulas) for one in sums(free, inputs.specs)]
    assert {"S": "(T) + (P)"} in formulas
    assert not any("P" in one for one in formulas[:2]), "a mask over all is tried before a cache"
    chosen = next(one for one in sums(free, inputs.specs) if "S" in one.formulas)
    for sizes in assignments(inputs, chosen):
        assert sizes["S"] == sizes["T"] + sizes["P"]
    two, _ = base(("B", "T"), ("B", "S"), axes={"x0": 0, "x1": 0})
    assert list(sums(free_sizes(two, facts, ()), two.specs)) == []


def test_lengths_are_told_apart() -> None:
    inputs, facts = base(("n", "sequence"), ("n", "decoder_sequence"), axes={"x0": 0, "x1": 0})
    free = free_sizes(inputs, facts, ())
    equal = {"sequence": 13, "decoder_sequence": 13}
    different = told_apart(free, equal, {"sequence": 8, "decoder_sequence": 8})
    assert different is not None
    assert len(set(different.values())) == 2
    assert told_apart(free, {"sequence": 5, "decoder_sequence": 9}, equal) is None


def test_a_table_that_is_read_by_position_is_read_to_its_end() -> None:
    inputs, facts = base(("n", "sequence"), ("n", 7), axes={"x0": 0, "x1": 0})
    free = free_sizes(inputs, facts, ())
    assert longer(free, inputs.specs, {"sequence": 8}, {"x0": 512}) == {"sequence": 512}
    assert longer(free, inputs.specs, {"sequence": 8}, {"x0": 4}) == {}, "it is read whole already"
    assert longer(free, inputs.specs, {"sequence": 8}, {"x1": 512}) == {}, "its sizes are fixed"


def test_a_cache_of_few_channels_is_no_image() -> None:
    inputs, facts = base(("B", "P", 2, 4), axes={"x0": 0})
    assert free_sizes(inputs, facts, ()).lengths == {"P"}
    picture, _ = base(("B", "P", 64, 3), axes={"x0": 0})
    assert free_sizes(picture, facts, ()).lengths == frozenset()


_LAYERS = [f"past_key_values.{layer}.{part}" for layer in range(3) for part in ("key", "value")]


@pytest.mark.parametrize("named", ["{}_dynamic_axes_2", "unk__{}", ""])
def test_a_decoder_whose_axes_have_a_made_up_name_each_or_none(named: str) -> None:
    """Its cache is not empty; the mask is as long as cache and new tokens together, and positions are the tokens'."""
    names = ["input_ids", "attention_mask", "position_ids", *_LAYERS]
    key = {n: named.format(i if "unk" in named else n) or f"{n}:{2 if '.' in n else 1}" for i, n in enumerate(names)}
    dim = {n: key[n] if named else None for n in names}
    shapes: dict[str, tuple[Dim, ...]] = {n: ("n", dim[n]) for n in names[:3]} | {
        n: ("n", 2, dim[n], 4) for n in _LAYERS
    }
    specs = tuple(TensorSpec(n, "float32" if "." in n else "int64", shape) for n, shape in shapes.items())
    facts = InputFacts(batch="n", axes=dict.fromkeys(names, 0))
    info = ModelInfo(8, {"ai.onnx": 17}, "", specs, (), None, 0, 0, (), {}, ())
    inputs = model_inputs(info, (), 0, {}, facts)
    free = free_sizes(inputs, facts, ())
    assert set(free.open) == {key["input_ids"], key[_LAYERS[0]]}
    sizes = next(assignments(inputs, free))
    assert sizes[key["attention_mask"]] == sizes[key["input_ids"]] + sizes[key[_LAYERS[0]]]
    assert sizes[key["position_ids"]] == sizes[key["input_ids"]]
    assert {sizes[key[name]] for name in _LAYERS} == {sizes[key[_LAYERS[0]]]} != {0}
    given = free_sizes(inputs, facts, (DimSpec(key["attention_mask"], (20,)),))
    assert next(assignments(inputs, given))[key["attention_mask"]] == 20


def test_a_formula_may_follow_from_one_that_stands_after_it() -> None:
    inputs, facts = base(("n", "a"), ("n", "b"), ("n", "c"), axes={"x0": 0})
    dims = (DimSpec("c", (), "b + a"), DimSpec("b", (), "a + 2"), DimSpec("a", (3,)))
    assert free_sizes(inputs, facts, dims).complete({}) == {"a": 3, "b": 5, "c": 8}


def test_sizes_for_which_a_formula_gives_none_are_left_out() -> None:
    inputs, facts = base(("n", "a"), ("n", "b"), axes={"x0": 0})
    free = free_sizes(inputs, facts, (DimSpec("b", (), "a - 10"),))
    found = [*assignments(inputs, free)]
    assert found
    for sizes in [*found, *other_lengths(free, found[0]), *sweep(free, found[0])]:
        assert sizes["b"] == sizes["a"] - 10
