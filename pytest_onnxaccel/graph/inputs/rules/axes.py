"""Operands that name axes: those by which the declared shape of a result differs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pytest_onnxaccel.core.domains import Bound
from pytest_onnxaccel.graph.inputs.findings import Finding, named
from pytest_onnxaccel.graph.inputs.rules.declared import Shape, exact, length_of, shapes_of
from pytest_onnxaccel.graph.inputs.walk import Rule, Site


def reduced(site: Site) -> None:
    """ReduceX: the axes that are 1, or gone, in the declared result."""
    before, after = shapes_of(site)
    keep = int(site.attribute("keepdims", 1))
    found: list[Bound | None] | None = None
    if before is not None and after is not None:
        if keep and len(before) == len(after):
            found = [i for i, (b, a) in enumerate(zip(before, after, strict=True)) if a == 1 and b != 1]
            found = found or [i for i, a in enumerate(after) if a == 1]
        elif not keep:
            found = _removed(before, after)
    count = length_of(site.operand(1))
    if found is not None and count is not None:
        found = found[:count] if len(found) >= count else None
    exact(site, 1, found, "the axes")


def _removed(longer: Shape, shorter: Shape) -> list[Bound | None] | None:
    """Axes of *longer* that *shorter* lacks, the last ones where several would do."""
    left, found = list(shorter), []
    for axis in range(len(longer) - 1, -1, -1):
        if left and longer[axis] == left[-1] and axis + 1 >= len(left):
            left.pop()
        else:
            found.append(axis)
    wanted = len(longer) - len(shorter)
    return [*sorted(found)] if not left and len(found) == wanted else None


def unsqueezed(site: Site) -> None:
    """Unsqueeze and Squeeze: the axes that the longer of the two shapes has more."""
    before, after = shapes_of(site)
    found: list[Bound | None] | None = None
    if before is not None and after is not None:
        longer, shorter = (after, before) if site.operator.name == "Unsqueeze" else (before, after)
        ones = [i for i, d in enumerate(longer) if d == 1]
        found = _removed_ones(longer, shorter, ones)
    exact(site, 1, found, "the axes")


def _removed_ones(longer: Shape, shorter: Shape, ones: Sequence[int]) -> list[Bound | None] | None:
    missing = len(longer) - len(shorter)
    from itertools import combinations, islice

    for chosen in islice(combinations(ones, missing), 200):
        if tuple(d for i, d in enumerate(longer) if i not in chosen) == tuple(shorter):
            return list(chosen)
    return None


def axis(place: int, low: Callable[[int], int] | None = None) -> Rule:
    """Return an operand that names one axis of the data."""

    def rule(site: Site) -> None:
        rank = len(site.operand(0).shape or (None,))
        for trace in site.operand(place).traces:
            text = f"names an axis in {named(site.node)}"
            site.findings.add(
                Finding(trace.input, text, "size", 0, rank - 1, exact=(rank - 1,) if trace.whole else None)
            )

    return rule


RULES: Mapping[str, Sequence[Rule]] = {
    ":Squeeze": (unsqueezed,),
    ":Unsqueeze": (unsqueezed,),
    ":CumSum": (axis(1),),
    ":CumProd": (axis(1),),
    **{
        f":Reduce{name}": (reduced,)
        for name in ("Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "LogSum", "LogSumExp", "SumSquare")
    },
}
