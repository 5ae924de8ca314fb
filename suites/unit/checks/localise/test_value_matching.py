"""Which value is which, by name, content and structure, and never by guessing."""

from __future__ import annotations

import numpy as np

from pytest_onnxaccel.checks.localise.value_matching import by_content, by_name, by_structure
from pytest_onnxaccel.numerics.compare.digest import Digest
from suites.unit.checks.localise.test_first_difference import graph_view

NET = graph_view(("Conv", "x", "a"), ("Relu", "a", "b"), ("Conv", "b", "c"), ("Relu", "c", "y"))
OTHER = graph_view(("Conv", "x", "1"), ("Relu", "1", "2"), ("Conv", "2", "3"), ("Relu", "3", "y"))


def digests(**values: float) -> dict[str, Digest]:
    random = {name: np.random.default_rng(0).normal(size=50).astype(np.float32) * v for name, v in values.items()}
    return {name: Digest.of(array) for name, array in random.items()}


def test_equal_names_of_equal_operators_are_pairs() -> None:
    assert by_name(NET, NET) == {name: name for name in "xabcy"}


def test_one_other_operator_among_equal_names_is_still_a_pair() -> None:
    """That is what a fault looks like."""
    changed = graph_view(("Conv", "x", "a"), ("LeakyRelu", "a", "b"), ("Conv", "b", "c"), ("Relu", "c", "y"))
    assert by_name(changed, NET)["b"] == "b"


def test_numbers_that_happen_to_be_equal_are_not_believed() -> None:
    shifted = graph_view(("Relu", "x", "1"), ("Conv", "1", "2"), ("Relu", "2", "3"), ("Conv", "3", "y"))
    assert by_name(shifted, OTHER) == {"x": "x", "y": "y"}


def test_other_names_leave_the_ends() -> None:
    assert by_name(NET, OTHER) == {"x": "x", "y": "y"}


def test_equal_contents_are_pairs_and_others_are_not() -> None:
    found = by_content(digests(a=1, b=2, c=5), digests(p=2, q=1, r=3), {"x": "x"}, {"float32": 1e-6})
    assert found == {"a": "q", "b": "p"}


def test_a_value_that_two_hold_is_first_given_to_one_that_has_none() -> None:
    found = by_content(digests(a=1, b=1, c=1), digests(p=1, q=1), {}, {"float32": 1e-6})
    assert found == {"a": "p", "b": "q", "c": "p"}


def test_structure_pairs_a_whole_chain() -> None:
    assert by_structure(NET, OTHER, {"x": "x", "y": "y"}) == {"a": "1", "b": "2", "c": "3"}


def test_structure_goes_round_another_operator_from_both_sides() -> None:
    changed = graph_view(("Conv", "x", "1"), ("LeakyRelu", "1", "2"), ("Conv", "2", "3"), ("Relu", "3", "y"))
    assert by_structure(NET, changed, {"x": "x", "y": "y"}) == {"a": "1", "b": "2", "c": "3"}


def test_structure_leaves_what_it_cannot_tell() -> None:
    ours = graph_view(("Conv", "x", "a"), ("Add", "a", "y"))
    theirs = graph_view(("Gemm", "x", "1"), ("Mul", "1", "y"))
    assert by_structure(ours, theirs, {"x": "x", "y": "y"}) == {}


def test_parallel_nodes_of_unequal_number_are_left() -> None:
    ours = graph_view(("Conv", "x", "a"), ("Conv", "x", "b"), ("Sum", "a b", "y"))
    theirs = graph_view(("Conv", "x", "1"), ("Conv", "x", "2"), ("Conv", "x", "3"), ("Sum", "1 2 3", "y"))
    assert by_structure(ours, theirs, {"x": "x", "y": "y"}) == {}
