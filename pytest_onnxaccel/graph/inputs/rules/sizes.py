"""Operands that are sizes, counts and axes: the declared shape of a result says which values they must have."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from pytest_onnxaccel.core.domains import Bound
from pytest_onnxaccel.graph.inputs.findings import Demand, Finding, named
from pytest_onnxaccel.graph.inputs.trace import Value
from pytest_onnxaccel.graph.inputs.walk import Rule, Site

Shape = tuple[int | str | None, ...]
#: Elements that are chosen where nothing says how many.
_FEW = 3
#: An end past the end of any axis: all of it.
_ALL = (1 << 31) - 1


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


def _shapes(site: Site, place: int = 0) -> tuple[Shape | None, Shape | None]:
    """Shape of the data, and the one declared for the result."""
    return site.operand(place).shape, site.output_shape()


def _length(value: Value) -> int | None:
    return value.size(0) if value.shape is not None and len(value.shape) == 1 else None


def shape(site: Site) -> None:
    """Reshape: the shape that is declared for the result."""
    exact(site, 1, site.output_shape(), "the shape")


def expand(site: Site) -> None:
    """Expand: the declared shape, of which the operand may hold fewer axes at its start."""
    wanted, length = site.output_shape(), _length(site.operand(1))
    exact(site, 1, wanted if wanted is None or length is None else wanted[len(wanted) - length :], "the shape")


def filled(site: Site) -> None:
    """ConstantOfShape and random fills: the operand is the shape."""
    exact(site, 0, site.output_shape(), "the shape", (1, 8))


def repeats(site: Site) -> None:
    """Tile: how often each axis is repeated."""
    before, after = _shapes(site)
    found: list[Bound | None] | None = None
    if before is not None and after is not None and len(before) == len(after):
        found = [_quotient(b, a) for b, a in zip(before, after, strict=True)]
    exact(site, 1, found, "the repeats", (1, 3))


def _quotient(before: int | str | None, after: int | str | None) -> Bound | None:
    if before == after and before is not None:
        return 1
    if isinstance(before, int) and isinstance(after, int) and before > 0 and after % before == 0:
        return after // before
    return f"({after}) // ({before})" if before is not None and after is not None and before != 0 else None


def pads(site: Site) -> None:
    """Pad: what each axis grows by, the larger half behind."""
    before, after = _shapes(site)
    axes = _axes(site, 3, before)
    found: list[Bound | None] | None = None
    if before is not None and after is not None and len(before) == len(after) and axes is not None:
        grown = [_growth(b, a, i) for i, (b, a) in enumerate(zip(before, after, strict=True))]
        rows = [grown[axis] for axis in axes]
        found = [*(None if g is None else g // 2 for g in rows), *(None if g is None else g - g // 2 for g in rows)]
    exact(site, 1, found, "the padding", (0, 2))


def _growth(before: int | str | None, after: int | str | None, axis: int) -> int | None:
    """Return what an axis grows by; where that is open, the first one stays and the others grow on both sides."""
    if after is None:
        return 2 if axis else 0
    return after - before if isinstance(after, int) and isinstance(before, int) else (0 if after == before else None)


def _axes(site: Site, place: int, before: Shape | None) -> list[int] | None:
    """Return the axes that an operand names; all of them where it is left out; None where they are fed."""
    value = site.operands[place] if place < len(site.operands) else None
    if value is None:
        return None if before is None else list(range(len(before)))
    if value.constant is None or before is None:
        return None
    return [int(axis) % len(before) for axis in value.constant.reshape(-1)]


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
    before, after = _shapes(site)
    count = next((n for n in (_length(site.operand(place)) for place in (1, 2, 3)) if n is not None), None)
    axes = _axes(site, 3, before)
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


def resize(site: Site) -> None:
    """Resize and Upsample: scales and sizes for which the declared sizes come out."""
    before, after = _shapes(site)
    axes = site.attribute("axes")
    chosen = range(len(before)) if before is not None and axes is None else [int(axis) for axis in axes or ()]
    places = {"Upsample": (1, None)}.get(site.node.op_type, (2, 3) if site.opset >= 11 else (1, None))
    scales: list[Bound | None] | None = None
    sizes: list[Bound | None] | None = None
    if before is not None and after is not None and len(before) == len(after):
        pairs = [(before[a], after[a]) for a in chosen]
        pairs = [
            (old, _enlarged(old, axis) if new is None else new) for axis, (old, new) in zip(chosen, pairs, strict=True)
        ]
        sizes = [new if isinstance(new, (int, str)) else None for _, new in pairs]
        policy = site.attribute("keep_aspect_ratio_policy", b"stretch")
        sizes = sizes if policy == b"stretch" else _in_proportion(pairs, policy == b"not_larger")
        scales = [_ratio(old, new) for old, new in pairs]
    exact(site, places[0], scales, "the scales", (1, 2))
    if places[1] is not None:
        exact(site, places[1], sizes, "the sizes", (4, 16))


def _enlarged(old: int | str | None, axis: int) -> int | str | None:
    """Return a size for an axis of which the result may have any: twice as large, the first two as they are."""
    if axis < 2 or old is None:
        return old
    return 2 * old if isinstance(old, int) else f"2 * ({old})"


def _in_proportion(pairs: Sequence[tuple[object, object]], larger: bool) -> list[Bound | None] | None:
    """Sizes of which one decides the scale of all axes, so that the declared ones come out."""
    for place, (old, new) in enumerate(pairs):
        numbers = [(o, n) for o, n in pairs if isinstance(o, int) and isinstance(n, int) and o > 0]
        if len(numbers) < len(pairs) or not isinstance(old, int) or not isinstance(new, int):
            return None
        if all(math.floor(o * new / old + 0.5) == n for o, n in numbers):
            rest = [math.ceil(o * new / old) + 1 if larger else 1 for o, _ in numbers]
            return [new if i == place else size for i, size in enumerate(rest)]
    return None


def _ratio(old: object, new: object) -> Bound | None:
    if isinstance(old, int) and isinstance(new, int) and old > 0:
        # Rounded down on the way to a size: a hair above the quotient gives just that size
        exact = new / old
        return exact if math.floor(old * exact) == new else math.nextafter(exact, math.inf)
    if isinstance(new, str) and new == f"2 * ({old})":
        return 2.0
    return 1.0 if old == new and old is not None else None


def reduced(site: Site) -> None:
    """ReduceX: the axes that are 1, or gone, in the declared result."""
    before, after = _shapes(site)
    keep = int(site.attribute("keepdims", 1))
    found: list[Bound | None] | None = None
    if before is not None and after is not None:
        if keep and len(before) == len(after):
            found = [i for i, (b, a) in enumerate(zip(before, after, strict=True)) if a == 1 and b != 1]
            found = found or [i for i, a in enumerate(after) if a == 1]
        elif not keep:
            found = _removed(before, after)
    count = _length(site.operand(1))
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
    before, after = _shapes(site)
    found: list[Bound | None] | None = None
    if before is not None and after is not None:
        longer, shorter = (after, before) if site.node.op_type == "Unsqueeze" else (before, after)
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


def split(site: Site) -> None:
    """Split: the declared sizes of the parts."""
    axis = int(site.attribute("axis", 0))
    parts = [site.output_shape(i) for i in range(len(site.node.output))]
    found = [p[axis] if p is not None and -len(p) <= axis < len(p) else None for p in parts]
    size = site.operand(0).size(axis)
    if any(item is None for item in found) and size is not None and size >= len(parts):
        found = [size // len(parts) + (1 if i < size % len(parts) else 0) for i in range(len(parts))]
    exact(site, 1, found, "the parts")


def depth(site: Site) -> None:
    """OneHot: the declared size of the new axis is the depth, and ids stay below it."""
    after, axis = site.output_shape(), int(site.attribute("axis", -1))
    size = after[axis] if after is not None and -len(after) <= axis < len(after) else None
    exact(site, 1, [size], "the depth")
    if site.operand(1).traces and isinstance(size, int):
        site.findings.bounds(site.operand(0).traces, site.node, Demand(f"indexes {size} classes", 0, size - 1, "index"))


def trips(site: Site) -> None:
    """Loop: a few turns; the condition holds at its start."""
    for trace in site.operand(0).traces:
        site.findings.add(
            Finding(trace.input, f"is the trip count of {named(site.node)}", "number", 1, 5, points=(1, 3))
        )
    for trace in site.operand(1).traces:
        site.findings.add(Finding(trace.input, f"lets {named(site.node)} begin", "category", choices=(1,)))


def compress(site: Site) -> None:
    """Compress: as many true ones as the declared size."""
    after = site.output_shape()
    axis = site.attribute("axis")
    length = _length(site.operand(1))
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


def lengths(place: int, batch_axis: int = 1) -> Rule:
    """Return an operand with the length of each sequence: 1 to the size of the axis of time."""

    def rule(site: Site) -> None:
        data = site.operand(0).shape
        time = int(site.attribute("time_axis", 0)) if site.node.op_type == "ReverseSequence" else 0
        if site.attribute("layout", 0):
            time = 1
        size = data[time] if data is not None and time < len(data) else None
        for trace in site.operand(place).traces:
            high: Bound = size if size is not None else 1
            site.findings.add(
                Finding(trace.input, f"is the length of sequences in {named(site.node)}", "length", 1, high)
            )

    return rule


def small(place: int, low: float, high: float, what: str, kind: str = "number") -> Rule:
    """Return an operand between two numbers, whatever is declared."""

    def rule(site: Site) -> None:
        site.findings.bounds(site.operand(place).traces, site.node, Demand(what, low, high, kind))

    return rule


def recurrent(site: Site) -> None:
    """LSTM, GRU, RNN: time and batch are axes 0 and 1 of the data and of the state."""
    first = int(site.attribute("layout", 0)) == 1
    for place, axis_of_batch in ((0, 1), (4, 0), (5, 1), (6, 1)):
        for trace in site.operand(place).traces:
            if trace.ordered:
                site.findings.batch_axes[trace.input] = 0 if first else axis_of_batch


def scanned(site: Site) -> None:
    """Scan: what it goes through is time, so the batch is on another axis."""
    axes = site.attribute("scan_input_axes") or ()
    count = int(site.attribute("num_scan_inputs", 0))
    for place, value in enumerate(site.operands[len(site.operands) - count :]):
        for trace in value.traces if value is not None and site.opset >= 9 else ():
            time = int(axes[place]) if place < len(axes) else 0
            if trace.ordered and value is not None and len(value.shape or ()) > 1:
                site.findings.batch_axes[trace.input] = 1 if time == 0 else 0


_RECURRENT = (lengths(4), recurrent)
_FILLED = (filled,)

RULES: Mapping[str, Sequence[Rule]] = {
    ":Reshape": (shape,),
    ":Expand": (expand,),
    ":ConstantOfShape": _FILLED,
    ":Tile": (repeats,),
    ":Pad": (pads,),
    ":TopK": (top_k,),
    ":Slice": (slices,),
    ":Range": (ranges,),
    ":Resize": (resize,),
    ":Upsample": (resize,),
    ":Squeeze": (unsqueezed,),
    ":Unsqueeze": (unsqueezed,),
    ":Split": (split,),
    ":OneHot": (depth,),
    ":Loop": (trips,),
    ":Scan": (scanned,),
    ":Compress": (compress,),
    ":CumSum": (axis(1),),
    ":CumProd": (axis(1),),
    ":LSTM": _RECURRENT,
    ":GRU": _RECURRENT,
    ":RNN": _RECURRENT,
    ":ReverseSequence": (lengths(1),),
    ":Dropout": (small(1, 0, 0.5, "is a share"),),
    **{
        f":Reduce{name}": (reduced,)
        for name in ("Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "LogSum", "LogSumExp", "SumSquare")
    },
}
