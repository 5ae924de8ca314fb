"""Outputs that hold what another output of the reference holds."""

from __future__ import annotations

from typing import Any

import numpy as np

from pytest_onnxaccel.checks.localise.exchanged import exchanged, exchanged_in_few_bits, told

A, B, C = (np.random.default_rng(seed).standard_normal((3, 4)).astype(np.float32) for seed in range(3))


def names(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, str]:
    return exchanged(ours, theirs, [name for name in ours if name not in theirs or (ours[name] != theirs[name]).any()])


def test_two_under_each_others_names() -> None:
    found = names({"a": B, "b": A, "c": C}, {"a": A, "b": B, "c": C})
    assert found == {"a": "b", "b": "a"}
    assert told(found) == "'a' equals the reference's 'b', 'b' equals the reference's 'a'"


def test_three_in_a_ring() -> None:
    assert names({"a": B, "b": C, "c": A}, {"a": A, "b": B, "c": C}) == {"a": "b", "b": "c", "c": "a"}


def test_rounding_does_not_hide_it() -> None:
    assert names({"a": B * np.float32(1 + 1e-6), "b": A}, {"a": A, "b": B}) == {"a": "b", "b": "a"}


def test_that_of_few_digits_hides_it_unless_the_type_is_known() -> None:
    ours, theirs = {"a": B * np.float32(1 + 1e-3), "b": A}, {"a": A, "b": B}
    assert exchanged(ours, theirs, ["a", "b"]) == {}
    assert exchanged(ours, theirs, ["a", "b"], "float16") == {"a": "b", "b": "a"}
    assert exchanged({"a": B * np.float32(1.05), "b": A}, theirs, ["a", "b"], "float16") == {}


def test_one_that_is_wrong_besides_makes_names_no_explanation() -> None:
    assert names({"a": B, "b": A, "c": C + 1}, {"a": A, "b": B, "c": C}) == {}


def test_constant_outputs_tell_nothing() -> None:
    zeros, ones = np.zeros((3, 4), np.float32), np.ones((3, 4), np.float32)
    assert names({"a": ones, "b": zeros}, {"a": zeros, "b": ones}) == {}


def test_other_shapes_and_types() -> None:
    assert exchanged({"a": B.T, "b": A}, {"a": A, "b": B[:2]}, ["a", "b"]) == {}
    assert exchanged({"a": B.astype(np.float64)}, {"a": A.astype(np.float64), "b": B}, ["a"]) == {}


def test_of_few_bits_only_what_is_nothing_like_its_own_is_exchanged() -> None:
    noise = np.float32(0.02) * C
    theirs = {"a": A, "b": B}
    assert exchanged_in_few_bits({"a": B + noise, "b": A - noise}, theirs) == {"a": "b", "b": "a"}
    assert exchanged_in_few_bits({"a": A + noise, "b": B - noise}, theirs) == {}
    assert exchanged_in_few_bits({"a": C, "b": A}, theirs) == {}
    assert exchanged_in_few_bits({"a": B, "b": B}, theirs) == {}
    assert exchanged_in_few_bits({"a": A[:2], "b": A}, theirs) == {}
    assert exchanged_in_few_bits({"a": B.astype(np.int8), "b": A}, theirs) == {}
