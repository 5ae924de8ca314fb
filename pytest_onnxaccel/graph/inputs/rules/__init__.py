"""What operators demand of their operands, by family; each file has a table from ``domain:operator`` to its rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pytest_onnxaccel.graph.inputs.rules import (
    attention,
    axes,
    compared,
    images,
    index,
    masks,
    numbers,
    places,
    scales,
    signals,
    sizes,
    steps,
    tables,
    texts,
)
from pytest_onnxaccel.graph.inputs.walk import Rule

_FAMILIES = (
    attention,
    images,
    index,
    masks,
    numbers,
    compared,
    signals,
    sizes,
    scales,
    places,
    axes,
    steps,
    tables,
    texts,
)


def all_rules() -> Mapping[str, Sequence[Rule]]:
    """Every rule by ``domain:operator``."""
    found: dict[str, tuple[Rule, ...]] = {}
    for family in _FAMILIES:
        for operator, rules in family.RULES.items():
            found[operator] = (*found.get(operator, ()), *rules)
    return found
