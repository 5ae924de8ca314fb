"""Operands that say which elements are taken, and how many: counts, starts and ends, parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pytest_onnxaccel.core.domains import Bound
from pytest_onnxaccel.graph.inputs.findings import Demand, Finding, named
from pytest_onnxaccel.graph.inputs.rules.declared import axes_of, exact, length_of, shapes_of
from pytest_onnxaccel.graph.inputs.walk import Rule, Site

#: Elements that are chosen where nothing says how many.
_FEW = 3
#: An end past the end of any axis: all of it.
_ALL = (1 << 31) - 1


def top_k(site: Site) -> None:
    """TopK: the declared size of the axis."""
    after = site.output_shape() or site.output_shape(1)
    axis = int(site.attribute("axis", -1))
    wanted: Bound | None = after[axis] if after is not None and -len(after) <= axis < len(after) else None
    if wanted is not None:
        exact(site, 1, [wanted], "the count")
        return
    size = site.operand(0).size(axis)
    for trace in site.operand(1).traces:
        high = size if size is not None else _FEW
        site.findings.add(Finding(trace.input, f"is the count of {named(site.node)}", "size", 1, high))


def slices(site: Site) -> None:
    """Slice: starts, ends and steps for which the declared sizes come out; from the front, in steps of one."""
    before, after = shapes_of(site)
    count = next((n for n in (length_of(site.operand(place)) for place in (1, 2, 3)) if n is not None), None)
    axes = axes_of(site, 3, before)
    known = before is not None and after is not None and count is not None and len(before) == len(after)
    if known and axes is None:  # free to choose: those that change
        assert before is not None
        assert after is not None
        changed = [i for i, (b, a) in enumerate(zip(before, after, strict=True)) if b != a]
        axes = [*changed, *(i for i in range(len(before)) if i not in changed)][:count]
        exact(site, 3, axes, "the axes")
    found: tuple[list[Bound | None] | None, ...] = (None, None, None)
    if known and axes is not None:
        assert before is not None
        assert after is not None
        axes = axes[:count]
        found = _sliced(site, [before[a] for a in axes], [after[a] for a in axes])
    for place, what, elements in ((1, "starts", found[0]), (2, "ends", found[1]), (4, "steps", found[2])):
        exact(site, place, elements, f"the {what}")


def _sliced(site: Site, before: Sequence[object], after: Sequence[object]) -> tuple[list[Bound | None], ...]:
    starts: list[Bound | None] = []
    ends: list[Bound | None] = []
    given = [site.operand(place).constant for place in (1, 2, 4)]
    for i, (old, new) in enumerate(zip(before, after, strict=True)):
        step = int(given[2].reshape(-1)[i]) if given[2] is not None else 1
        if not isinstance(old, int) or not isinstance(new, int):
            # Where the result may have any size: all of the axis, and of a longer one that is not the first, the rest
            rest = int(new is None and i > 0 and isinstance(old, int) and old > 2 and given[1] is None)
            starts.append(rest if given[0] is None else int(given[0].reshape(-1)[i]))
            ends.append(new if isinstance(new, (int, str)) else old if isinstance(old, int) else _ALL)
            continue
        start = 0 if given[1] is None else int(given[1].reshape(-1)[i]) - new * abs(step)
        start = int(given[0].reshape(-1)[i]) if given[0] is not None else (start if start >= 0 else 0)
        start = start + old if start < 0 else start
        starts.append(start)
        ends.append(start + new * step)
    return starts, ends, [1] * len(starts)


def ranges(site: Site) -> None:
    """Range: 0, the declared size, 1."""
    after = site.output_shape()
    size: Bound | None = after[0] if after else None
    values = [site.operand(place) for place in range(3)]
    start = values[0].scalar if values[0].scalar is not None else 0
    delta = values[2].scalar if values[2].scalar is not None else 1
    limit: Bound | None = None
    if isinstance(size, str):
        limit = size if start == 0 and delta == 1 else None
    elif size is not None and values[1].scalar is None:
        limit = start + size * delta
    elif size is not None and values[1].scalar is not None:
        start = values[1].scalar - size * delta
    if limit is None and size is None:  # how long it shall be is not declared, so nobody can be sure
        for trace in values[1].traces:
            few = sorted((start + 2 * delta, start + 5 * delta))
            site.findings.bounds([trace], site.node, Demand("is the limit", few[0], few[1], "size"))
    for place, number in ((0, start), (1, limit), (2, delta)):
        exact(site, place, [number], ("the start", "the limit", "the step")[place])


def split(site: Site) -> None:
    """Split: the declared sizes of the parts."""
    axis = int(site.attribute("axis", 0))
    parts = [site.output_shape(i) for i in range(len(site.node.output))]
    found = [p[axis] if p is not None and -len(p) <= axis < len(p) else None for p in parts]
    size = site.operand(0).size(axis)
    if any(item is None for item in found) and size is not None and size >= len(parts):
        found = [size // len(parts) + (1 if i < size % len(parts) else 0) for i in range(len(parts))]
    exact(site, 1, found, "the parts")


#: A depth that is fed and that no declared size tells.
_SOME_DEPTH = 10


def depth(site: Site) -> None:
    """OneHot: the declared size of the new axis is the depth, and ids stay below it."""
    after, axis = site.output_shape(), int(site.attribute("axis", -1))
    size = after[axis] if after is not None and -len(after) <= axis < len(after) else None
    exact(site, 1, [size], "the depth", (_SOME_DEPTH, _SOME_DEPTH))
    if site.operand(1).traces:
        size = size if isinstance(size, int) else _SOME_DEPTH
        site.findings.bounds(site.operand(0).traces, site.node, Demand(f"indexes {size} classes", 0, size - 1, "index"))


def compress(site: Site) -> None:
    """Compress: as many true ones as the declared size."""
    after = site.output_shape()
    axis = site.attribute("axis")
    length = length_of(site.operand(1))
    wanted = None
    if after is not None and length is not None:
        wanted = after[0 if axis is None else int(axis)] if after else None
    found = None
    if isinstance(wanted, int) and length is not None and wanted <= length:
        found = [1] * wanted + [0] * (length - wanted)
    if found is None:
        for trace in site.operand(1).traces:
            site.findings.add(Finding(trace.input, f"chooses rows in {named(site.node)}", "mask"))
        return
    exact(site, 1, found, "the choice")


RULES: Mapping[str, Sequence[Rule]] = {
    ":TopK": (top_k,),
    ":Slice": (slices,),
    ":Range": (ranges,),
    ":Split": (split,),
    ":OneHot": (depth,),
    ":Compress": (compress,),
}
