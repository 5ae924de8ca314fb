"""Facts of one input, gathered on the way through a graph, and the domain that they make together."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pytest_onnxaccel.core.domains import Bound, Domain
from pytest_onnxaccel.core.errors import printable
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.graph.inputs.trace import Trace, Value

#: At most so many telling points are kept of one input.
_MOST_POINTS = 512
#: A loop is told to turn no more often than this.
_MOST_TURNS = 256
#: And so many levels.
_MOST_LEVELS = 16
#: At most so many facts are told of one input.
_MOST_FACTS = 6
#: An end below this stands for 0, which is left out: the logarithm of less is an ordinary number too.
_NEXT_TO_ZERO = 0.01
#: Types of whole numbers, flags and texts.
_WHOLE = frozenset({2, 3, 4, 5, 6, 7, 8, 9, 12, 13})
#: What decides where facts of two kinds meet.
_ORDER = ("size", "text", "category", "length", "index", "padding", "mask", "number")


@record(frozen=True)
class Finding:
    """One fact: bounds, numbers that are not legal, numbers that tell, or a kind of values."""

    input: str
    text: str
    kind: str = "number"
    low: Bound | None = None
    high: Bound | None = None
    exclude: tuple[float, ...] = ()
    points: tuple[int | float | str, ...] = ()
    choices: tuple[int | float | str, ...] = ()
    exact: tuple[Bound, ...] | None = None
    columns: tuple[tuple[float | str, ...], ...] = ()
    apart: tuple[float, ...] = ()
    never_all: tuple[float, ...] = ()
    guards: tuple[float, ...] = ()
    guarded: bool = False
    ranges: tuple[tuple[int, Bound | None, Bound | None], ...] = ()
    filled: tuple[float, ...] = ()
    ordered: tuple[tuple[int, int], ...] = ()
    window: int | None = None
    levels: tuple[float, ...] = ()
    near: tuple[tuple[float, ...], ...] = ()


@record(frozen=True)
class Demand:
    """What an operator demands of numbers that it reads.

    Attributes:
        text: it as a sentence without its subject (``indexes 10 rows``).
        low: least legal number; None for no limit.
        high: greatest legal number, itself legal; None for no limit.
        kind: of the values, as a domain has it.
        exclude: numbers between the two that are not legal.
        points: numbers that tell.
        guards: of those, the ones that a condition or a limit replaces, where it does.
        leaps: of those, the ones at which the result leaps: what is computed may come out on either side.
    """

    text: str
    low: float | None = None
    high: float | None = None
    kind: str = "number"
    exclude: Sequence[float] = ()
    points: Sequence[float] = ()
    guards: Sequence[float] = ()
    leaps: Sequence[float] = ()


class Findings:
    """Facts by input."""

    def __init__(self) -> None:
        self._found: dict[str, list[Finding]] = {}
        #: Axis of the batch by input, as an operator has it that reads the input as it is
        self.batch_axes: dict[str, int] = {}
        #: Rows of the longest table that the length of an input counts, by input
        self.longest: dict[str, int] = {}
        #: Sizes that a condition tells apart, by the input whose size is compared
        self.compared_sizes: dict[str, dict[int, None]] = {}
        #: Something that is computed of inputs meets a limit or chooses a row
        self.limited = False

    def add(self, finding: Finding) -> None:
        """Keep *finding*."""
        self._found.setdefault(finding.input, []).append(finding)

    def bounds(self, traces: Iterable[Trace], node: Any, demand: Demand) -> None:
        """Bound the values of *traces* by what *node* demands."""
        for trace in traces:
            if not trace.scale or not math.isfinite(trace.scale):
                continue
            ends = _open_ends(trace, demand)
            low, high = (None if end is None else trace.back(end) for end in ends)
            if trace.scale < 0:
                low, high = high, low
            text = f"{demand.text} in {named(node)}"
            if trace.turns:  # a loop may turn as often as it is told, and what it reads has an end
                told = tuple(n for n in map(trace.back, demand.points) if 1 <= n <= _MOST_TURNS)
                self.add(Finding(trace.input, text, high=high if demand.kind == "index" else None, apart=told))
                continue
            if trace.column is not None and demand.kind == "index":  # of one column of a table alone
                self.add(Finding(trace.input, text, demand.kind, ranges=((trace.column, low, high),)))
                continue
            self.add(
                Finding(
                    trace.input,
                    text,
                    demand.kind,
                    low,
                    high,
                    exclude=tuple(trace.back(v) for v in demand.exclude if trace.least is None or trace.least <= v),
                    points=tuple(map(trace.back, demand.points)),
                    guards=tuple(map(trace.back, demand.guards)),
                    guarded=trace.guarded,
                )
            )

    def points(self, value: Value, node: Any, demand: Demand) -> None:
        """Bound the elements of inputs in *value* by *demand*; of what is computed of inputs, only add its points."""
        self.bounds(value.traces, node, demand)
        text = f"{demand.text} in {named(node)}"
        for curve in value.curves:
            told = [point for point in demand.points if curve.exact or point not in demand.leaps]
            found = tuple(dict.fromkeys(number for point in told for number in curve.back(point)))
            if found and curve.level:
                self.add(Finding(curve.trace.input, text, levels=found))
            elif found:
                self.add(Finding(curve.trace.input, text, points=found))
        for trace in value.terms:
            if trace.scale:
                self.add(Finding(trace.input, text, points=tuple(map(trace.back, demand.points))))

    def limits(self, value: Value) -> None:
        """Note that *value* meets a limit: where it is computed, only other inputs than the usual ones get there."""
        known = value.traces or value.curves or value.terms or value.shape_of or value.elem_type in _WHOLE
        self.limited = self.limited or bool(value.by and not known)

    def domains(self, dtypes: Mapping[str, str]) -> dict[str, Domain]:
        """Return the domain of each input of which there are facts."""
        return {name: merged(name, found, dtypes.get(name, "")) for name, found in self._found.items()}


def _open_ends(trace: Trace, demand: Demand) -> tuple[float | None, float | None]:
    """Return the ends that an operator demands, but those that a limit before it keeps anyway."""
    low, high = demand.low, demand.high
    if demand.kind != "number":  # rows are told by each of them, and what a limit replaces comes in addition
        return low, high
    if low is not None and trace.least is not None and (trace.least >= low or 0 < trace.least < low < _NEXT_TO_ZERO):
        low = None
    if high is not None and trace.most is not None and trace.most <= high:
        high = None
    return low, high


def merged(name: str, findings: Sequence[Finding], dtype: str) -> Domain:
    """Return all of *findings* at once: the narrowest bounds, every point inside them."""
    kind = min((f.kind for f in findings), key=_ORDER.index)
    deciding = [f for f in findings if f.kind == kind]
    low = _narrowest([f.low for f in findings], max)
    high = _narrowest([f.high for f in findings], min)
    if _empty(low, high):
        # Facts that exclude each other hold on paths that never run together: the deciding ones are kept
        low, high = _narrowest([f.low for f in deciding], max), _narrowest([f.high for f in deciding], min)
        if _empty(low, high):  # on each path another range: rows that are counted from the end as well
            low, high = _narrowest([f.low for f in deciding], min), _narrowest([f.high for f in deciding], max)
    whole = dtype.startswith(("int", "uint")) or dtype == "bool"
    exclude = tuple(dict.fromkeys(_number(v, whole) for f in findings for v in f.exclude))
    points = dict.fromkeys(v if isinstance(v, str) else _number(v, whole) for f in findings for v in f.points)
    choices = dict.fromkeys(v for f in deciding for v in f.choices)
    exact = next((f.exact for f in deciding if f.exact is not None), None)
    guarded = kind == "index" and all(f.guarded for f in deciding)
    replaced = [v for f in findings for v in f.guards] if guarded else []
    apart = tuple(dict.fromkeys(_number(v, whole) for v in (*replaced, *(v for f in findings for v in f.apart))))
    columns = _columns([f.columns for f in findings if f.columns], whole)
    return Domain(
        name,
        kind,
        _end(low, whole, math.ceil),
        _end(high, whole, math.floor),
        exclude,
        tuple(points)[:_MOST_POINTS],
        tuple(choices),
        exact,
        "graph",
        tuple(dict.fromkeys(f.text for f in findings))[:_MOST_FACTS],
        columns=columns,
        apart=apart,
        ranges=_ranges(findings),
        window=min((f.window for f in findings if f.window is not None), default=None),
        ordered=tuple(dict.fromkeys(pair for f in findings for pair in f.ordered)),
        filled=tuple(dict.fromkeys(_number(v, whole) for f in findings for v in f.filled)),
        never_all=tuple(dict.fromkeys(_number(v, whole) for f in findings for v in f.never_all)),
        levels=tuple(dict.fromkeys(_number(v, whole) for f in findings for v in f.levels))[:_MOST_LEVELS],
        near=next((f.near for f in findings if f.near), ()),
    )


def _ranges(findings: Sequence[Finding]) -> tuple[tuple[int, int, int], ...]:
    """Return the range of each column that has one of its own: the narrowest of them."""
    found: dict[int, tuple[int, int]] = {}
    for column, low, high in (one for f in findings for one in f.ranges):
        if isinstance(low, (int, float)) and isinstance(high, (int, float)):
            first, last = found.get(column, (math.ceil(low), math.floor(high)))
            found[column] = (max(first, math.ceil(low)), min(last, math.floor(high)))
    return tuple((column, *ends) for column, ends in sorted(found.items()) if ends[0] <= ends[1])


def _empty(low: Bound | None, high: Bound | None) -> bool:
    return (
        not isinstance(low, str) and not isinstance(high, str) and low is not None and high is not None and low > high
    )


def _columns(found: Sequence[tuple[tuple[float | str, ...], ...]], whole: bool) -> tuple[tuple[float | str, ...], ...]:
    """Return all telling numbers or texts of each column; of whole numbers, those next to each of them."""
    width = max(map(len, found), default=0)
    joined = [dict.fromkeys(v for one in found if place < len(one) for v in one[place]) for place in range(width)]
    return tuple(_column(tuple(one), whole) for one in joined)


def _column(found: tuple[float | str, ...], whole: bool) -> tuple[float | str, ...]:
    numbers = [v for v in found if not isinstance(v, str)]
    if len(numbers) < len(found):
        return tuple(v for v in found if isinstance(v, str))
    known = sorted({v for v in numbers if not math.isnan(v)})
    if whole:
        return tuple(sorted({side for v in known for side in (math.floor(v), math.ceil(v))}))
    return (*known, math.nan) if any(map(math.isnan, numbers)) else tuple(known)


def _narrowest(ends: Iterable[Bound | None], pick: Any) -> Bound | None:
    known = [end for end in ends if end is not None]
    numbers = [end for end in known if not isinstance(end, str)]
    if numbers and len(numbers) == len(known):
        found: Bound = pick(numbers)
        return found
    return next((end for end in known if isinstance(end, str)), None)


def _end(value: Bound | None, whole: bool, rounded: Any) -> Bound | None:
    return rounded(value) if whole and isinstance(value, float) and math.isfinite(value) else value


def _number(value: Any, whole: bool) -> Any:
    return round(value) if whole and math.isfinite(value) else value


def named(node: Any) -> str:
    """Return a node for a message: operator, and its name or its first output."""
    label = node.name or next(iter(node.output), "")
    return f"{printable(node.op_type, 40)} {printable(label, 60)!r}"
