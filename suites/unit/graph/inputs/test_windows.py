"""Attention that looks back a few places: how far, and which mask says what is padding there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pytest_onnxaccel.core.domains import Domain
from pytest_onnxaccel.graph.inputs.facts import facts_of
from suites.planted.making import BOOL, FLOAT, INT, model, node, value

#: Places that see and places that are seen, of an input's length.
PLACES = [
    node("Shape", ["ids"], ["n1"], start=1, end=2), node("Squeeze", ["n1"], ["n"]),
    node("Range", ["zero", "n", "one"], ["r"]), node("Unsqueeze", ["r", "a1"], ["q"]),
    node("Unsqueeze", ["r", "a0"], ["k"]), node("Sub", ["q", "number"], ["back"]), node("Sub", ["q", "k"], ["apart"]),
    node("Abs", ["apart"], ["away"]), node("Add", ["q", "less"], ["also_back"]),
]  # fmt: skip


def mask_of(comparison: tuple[str, str, str], inverted: bool = False) -> Domain:
    """What is known of a mask that holds where *comparison* does."""
    keep = node("Not" if inverted else "Identity", ["mask"], ["kept"])
    nodes = [
        *PLACES, node(comparison[0], comparison[1:], ["near"]), node("And", ["near", "true"], ["seen"]), keep,
        node("And", ["seen", "kept"], ["m"]), node("Where", ["m", "high", "low"], ["y"]),
    ]  # fmt: skip
    constants: dict[str, Any] = {
        "zero": np.array(0), "one": np.array(1), "a0": np.array([0]), "a1": np.array([1]), "number": np.array(4),
        "less": np.array(-4), "true": np.ones((1, 1), bool), "high": np.float32(0), "low": np.float32(-1e9),
    }  # fmt: skip
    inputs = [value("ids", INT, ["batch", "words"]), value("mask", BOOL, ["batch", "words"])]
    found = facts_of(model(nodes, inputs, [value("y", FLOAT, ["batch", "words"])], constants))
    return found.domains["mask"]


@pytest.mark.parametrize(
    ("comparison", "most"),
    [
        (("Greater", "k", "back"), 4),
        (("GreaterOrEqual", "k", "back"), 5),
        (("Less", "back", "k"), 4),
        (("LessOrEqual", "also_back", "k"), 5),
        (("Less", "apart", "number"), 4),
        (("LessOrEqual", "away", "number"), 5),
        (("GreaterOrEqual", "number", "away"), 5),
    ],
)
def test_a_window_is_known_by_its_comparison(comparison: tuple[str, str, str], most: int) -> None:
    found = mask_of(comparison)
    assert (found.kind, found.window) == ("mask", most)
    assert any(f"is seen {most} places back" in fact for fact in found.facts)


def test_of_padding_the_opposite_is_told() -> None:
    assert mask_of(("Greater", "k", "back"), inverted=True).window == 4


@pytest.mark.parametrize("comparison", [("LessOrEqual", "k", "q"), ("Less", "k", "number"), ("Greater", "k", "number")])
def test_what_looks_back_to_the_start_has_no_window(comparison: tuple[str, str, str]) -> None:
    assert mask_of(comparison).window is None
