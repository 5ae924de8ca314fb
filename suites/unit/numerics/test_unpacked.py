"""Sequences, maps and optionals as named arrays."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_onnxaccel.numerics.unpacked import holder, packed, unpacked


def test_an_array_is_itself() -> None:
    assert unpacked("y", np.arange(3))["y"].tolist() == [0, 1, 2]


def test_a_sequence_is_its_elements_in_order() -> None:
    found = unpacked("parts", [np.zeros(2), np.ones(3)])
    assert {name: array.tolist() for name, array in found.items()} == {"parts/0": [0, 0], "parts/1": [1, 1, 1]}


def test_maps_of_one_kind_are_rows_with_sorted_keys() -> None:
    found = unpacked("p", [{2: 0.5, 1: 0.25}, {1: 0.75, 2: 1.0}])
    assert found["p[1, 2]"].dtype == np.float32
    assert found["p[1, 2]"].tolist() == [[0.25, 0.5], [0.75, 1.0]]


def test_maps_of_different_keys_are_kept_apart() -> None:
    found = unpacked("p", [{"a": 1.0}, {"b": 2.0}])
    assert {name: array.tolist() for name, array in found.items()} == {"p/0[a]": [1.0], "p/1[b]": [2.0]}


def test_names_of_many_keys_stay_short_and_tell_them_apart() -> None:
    (one,) = unpacked("p", [{f"class {i}": 0.5 for i in range(1000)}])
    (other,) = unpacked("p", [{f"class {i}": 0.5 for i in range(1, 1001)}])
    assert len(one) < 80
    assert "1000 keys" in one
    assert one != other


@pytest.mark.parametrize("value", [None, [], {}])
def test_what_holds_nothing_is_an_empty_array(value: object) -> None:
    assert unpacked("y", value)["y"].size == 0


def test_what_is_no_array_is_left_out() -> None:
    assert unpacked("y", object()) == {}


def test_a_part_belongs_to_its_output() -> None:
    assert holder("p[1, 2]", ["p", "q"]) == "p"
    assert holder("p/0", ["p", "p/0/x"]) == "p"
    assert holder("q", ["p", "q"]) == "q"
    assert holder("z", ["p"]) == "z"


def test_what_is_fed_element_by_element_is_put_together() -> None:
    feeds = {"s/0": np.zeros(1), "s/1": np.ones(1)}
    assert [array.tolist() for array in packed("sequence", "s", feeds)] == [[0.0], [1.0]]
    assert packed("sequence", "t", feeds) == []
    assert packed("optional", "t", feeds) is None
    assert packed("tensor", "s/0", feeds).tolist() == [0.0]
