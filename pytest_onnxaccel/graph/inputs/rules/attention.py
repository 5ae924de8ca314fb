"""Fused attention and what belongs to it: rows of rotary tables, and how far a cache is filled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pytest_onnxaccel.core.domains import Bound
from pytest_onnxaccel.graph.inputs.findings import Demand, Finding, named
from pytest_onnxaccel.graph.inputs.rules.declared import exact
from pytest_onnxaccel.graph.inputs.walk import Rule, Site


def rotary(positions: int, table: int) -> Rule:
    """Return an operand that numbers the rows of the tables of cosines and sines."""

    def rule(site: Site) -> None:
        rows = site.operand(table).rows
        if rows:
            demand = Demand(f"numbers {rows} positions", 0, rows - 1, "index", points=(0, rows - 1))
            site.findings.bounds(site.operand(positions).traces, site.node, demand)

    return rule


def grouped(site: Site) -> None:
    """GroupQueryAttention: the length of all with what a cache holds, and for each row one less than that."""
    query = site.operand(0)
    if len(query.by) == 1 and site.operand(3).fed:
        # Several sequences at once go on by one step each, where a cache is given
        site.findings.compared_sizes.setdefault(next(iter(query.by)), {})[1] = None
    for name in sorted(site.operand(5).by - {trace.input for trace in site.operand(5).traces}):
        text = f"counts what a cache holds in {named(site.node)}"
        site.findings.add(Finding(name, text, "mask", exclude=(0,)))
    total = _added(_size(site, 3, 2), _size(site, 0, 1))
    if total is not None:
        exact(site, 6, [total], "the length")
        least = f"{total} - 1" if isinstance(total, str) else total - 1
        for trace in site.operand(5).traces:
            text = f"is one less than the length in {named(site.node)}"
            site.findings.add(Finding(trace.input, text, "length", least, least))


def _size(site: Site, place: int, axis: int) -> int | str | None:
    shape = site.operand(place).shape
    return shape[axis] if shape is not None and axis < len(shape) else None


def _added(first: int | str | None, second: int | str | None) -> Bound | None:
    if first is None or second is None:
        return None
    return first + second if isinstance(first, int) and isinstance(second, int) else f"({first}) + ({second})"


def filled(site: Site) -> None:
    """Attention over a cache that is longer than what it holds: how much counts, of each row."""
    shape = site.operand(1).shape
    size = shape[-2] if shape is not None and len(shape) > 2 else None
    for trace in site.operand(6).traces if size is not None else ():
        text = f"is how far {named(site.node)} looks"
        site.findings.add(Finding(trace.input, text, "length", 1, size))


RULES: Mapping[str, Sequence[Rule]] = {
    ":RotaryEmbedding": (rotary(3, 1),),
    ":Attention": (filled,),
    "com.microsoft:RotaryEmbedding": (rotary(1, 2),),
    "com.microsoft:GroupQueryAttention": (grouped, rotary(9, 7)),
}
