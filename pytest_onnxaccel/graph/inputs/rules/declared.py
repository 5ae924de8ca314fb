"""Operands whose elements the declared shape of a result tells: what all rules of sizes, places and axes share."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_onnxaccel.core.domains import Bound
from pytest_onnxaccel.graph.inputs.findings import Finding, named
from pytest_onnxaccel.graph.inputs.trace import Value
from pytest_onnxaccel.graph.inputs.walk import Site

Shape = tuple[int | str | None, ...]


def exact(
    site: Site, place: int, elements: Sequence[Bound | None] | None, what: str, ends: tuple[int, int] | None = None
) -> None:
    """Operand *place* has these elements; where one is not known, it is a size between *ends*.

    Without those, nobody can make it up.
    """
    value = site.operand(place)
    known = None if elements is None or any(item is None for item in elements) else tuple(elements)
    for trace in value.traces:
        exact = known if trace.whole and trace.plain else None
        low, high = ends if ends is not None and exact is None and trace.plain else (None, None)
        site.findings.add(Finding(trace.input, f"is {what} of {named(site.node)}", "size", low, high, exact=exact))  # type: ignore[arg-type]


def shapes_of(site: Site, place: int = 0) -> tuple[Shape | None, Shape | None]:
    """Shape of the data, and the one declared for the result."""
    return site.operand(place).shape, site.output_shape()


def length_of(value: Value) -> int | None:
    return value.size(0) if value.shape is not None and len(value.shape) == 1 else None


def axes_of(site: Site, place: int, before: Shape | None) -> list[int] | None:
    """Return the axes that an operand names; all of them where it is left out; None where they are fed."""
    value = site.operands[place] if place < len(site.operands) else None
    if value is None:
        return None if before is None else list(range(len(before)))
    if value.constant is None or before is None:
        return None
    return [int(axis) % len(before) for axis in value.constant.reshape(-1)]
