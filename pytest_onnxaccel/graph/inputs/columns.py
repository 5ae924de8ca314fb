"""Which column of a table comes from which column of an input, and what was done to it on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.graph.inputs.trace import MOST_COLUMNS, MOST_TRACES, Column, Trace, Value

if TYPE_CHECKING:
    from pytest_onnxaccel.graph.inputs.walk import Site

__all__ = ["Column", "columns_of", "through"]


def columns_of(trace: Trace, width: int) -> tuple[Column, ...]:
    """Return the columns of a value by their place, as far as they come from the input of *trace*.

    Args:
        trace: where the value comes from.
        width: of the value, where it is the input itself.
    """
    if trace.columns is not None:
        return trace.columns
    if not trace.ordered or not trace.scale or width > MOST_COLUMNS:
        return ()
    return tuple(Column(place, place, trace.scale, trace.offset) for place in range(width))


def through(site: Site, made: Value) -> Value | None:
    """Return what is known of the columns of a node's result; None where the node does not keep columns apart."""
    maker = site.operator.columns
    if maker is None or True not in [v is not None and bool(v.traces) for v in site.operands]:
        return None  # of constants alone there is nothing to follow
    return maker(site, made)


def _with(made: Value, source: Value, traces: Sequence[Trace]) -> Value:
    return made.with_(traces=tuple(traces), shape=made.shape or source.shape, elem_type=source.elem_type)


def _tracked(trace: Trace, columns: Sequence[Column]) -> Trace:
    """Return some columns of *trace*, in places of their own."""
    return trace.moved().with_(columns=tuple(columns))


def _scaled(site: Site, made: Value, scales: Sequence[float], offsets: Sequence[float]) -> Value | None:
    """Return the trace in which each column is ``scale * column + offset``."""
    source = site.operand(0)
    width = source.size(-1) or max(len(scales), len(offsets))
    found = []
    for trace in source.traces:
        columns = [
            c.with_(scale=c.scale * scale, offset=c.offset * scale + _at(offsets, c.place))
            for c in columns_of(trace, width)
            if (scale := _at(scales, c.place))
        ]  # fmt: skip
        # Of what each column has a scale of its own, bounds of the whole do not go back
        found.append(_tracked(trace, columns).with_(scale=0.0))
    return _with(made, source, found)


def _at(numbers: Sequence[float], place: int) -> float:
    return numbers[0] if len(numbers) == 1 else numbers[place] if place < len(numbers) else 0.0


def _scaler(site: Site, made: Value) -> Value | None:
    scales = [float(v) for v in site.attribute("scale") or (1.0,)]
    offsets = [float(v) for v in site.attribute("offset") or (0.0,)]
    count = max(len(scales), len(offsets))
    return _scaled(
        site, made, scales, [-_at(offsets, i) * _at(scales, i) for i in range(count)]
    )  # (x - offset) * scale


def _rows(site: Site, made: Value) -> Value | None:
    """Return sums and products with a row of numbers, one for each column."""
    a, b = site.operand(0), site.operand(1)
    array: Any = b.constant
    if not a.traces or array is None or array.dtype.kind not in "fiu" or not 1 < array.size <= MOST_COLUMNS:
        return None
    if array.size != array.shape[-1]:
        return None
    row = [float(v) for v in array.reshape(-1)]
    ones, zeros = [1.0], [0.0]
    op = site.operator.name
    if op == "Div":
        return _scaled(site, made, [1 / v if v else 0.0 for v in row], zeros)
    if op == "Mul":
        return _scaled(site, made, row, zeros)
    return _scaled(site, made, ones, row if op == "Add" else [-v for v in row])


def _joined(site: Site, made: Value) -> Value | None:
    """Join tables side by side."""
    values = [v for v in site.operands if v is not None]
    if site.operator.name == "Concat":
        rank = next((len(v.shape) for v in values if v.shape is not None), 0)
        axis = int(site.attribute("axis", 0))
        if rank < 2 or axis not in (-1, rank - 1):
            return None
    start, found = 0, []
    for value in values:
        width = value.size(-1)
        if width is None or start + width > MOST_COLUMNS:
            return None
        for trace in value.traces:
            columns = [c.with_(place=c.place + start) for c in columns_of(trace, width)]
            found.append(_tracked(trace, columns))
        start += width
    shape = made.shape or (*(values[0].shape or (None,))[:-1], start)
    return made.with_(traces=tuple(found)[:MOST_TRACES], shape=shape, elem_type=values[0].elem_type)


def _picked(site: Site, made: Value) -> Value | None:
    """Return the columns chosen by a list of their numbers."""
    source, wanted = site.operand(0), site.operand(1).constant
    if site.operator.name == "Gather":
        rank = len(source.shape or ())
        if rank < 2 or int(site.attribute("axis", 0)) not in (-1, rank - 1) or wanted is None or wanted.ndim != 1:
            return None
    width = source.size(-1)
    if wanted is None or width is None or width > MOST_COLUMNS or wanted.size > MOST_COLUMNS:
        return None
    numbers = [int(n) % width for n in np.asarray(wanted).reshape(-1)]
    found = []
    for trace in source.traces:
        known = {c.place: c for c in columns_of(trace, width)}
        columns = [known[n].with_(place=place) for place, n in enumerate(numbers) if n in known]
        found.append(_tracked(trace, columns))
    shape = made.shape or (*(source.shape or (None,))[:-1], len(numbers))
    return made.with_(traces=tuple(found), shape=shape, elem_type=source.elem_type)


def of_one_column(site: Site, place: int = 0) -> tuple[Trace, ...] | None:
    """Return the traces of output *place*, which holds one column of a table; None where it does not."""
    source = site.operand(0)
    width, rank = source.size(-1), len(source.shape or ())
    number = _number_of(site, rank, place) if rank > 1 and width is not None else None
    if number is None or width is None or not -width <= number < width:
        return None
    known = [(trace, {c.place: c.source for c in columns_of(trace, width)}) for trace in source.traces]
    number %= width
    return tuple(
        trace.moved().with_(column=columns[number]) for trace, columns in known if number in columns and trace.plain
    )


def _number_of(site: Site, rank: int, place: int) -> int | None:
    """Return which column output *place* of the node holds."""
    constants = [v.constant if v is not None else None for v in site.operands]
    if site.operator.name == "Gather":
        last = int(site.attribute("axis", 0)) in (-1, rank - 1)
        return (
            int(constants[1].reshape(-1)[0]) if last and constants[1] is not None and constants[1].size == 1 else None
        )
    if site.operator.name == "Slice" and len(constants) > 3:
        start, end, axis = constants[1:4]
        if start is None or end is None or axis is None or any(one.size != 1 for one in (start, end, axis)):
            return None
        if int(axis.reshape(-1)[0]) not in (-1, rank - 1):
            return None
        first, last_one = int(start.reshape(-1)[0]), int(end.reshape(-1)[0])
        return first if last_one - first == 1 or (first == -1 and last_one > 0) else None
    if site.operator.name == "Split" and int(site.attribute("axis", 0)) in (-1, rank - 1):
        return place if len(site.node.output) == site.operand(0).size(-1) else None
    return None


def _kept(site: Site, made: Value) -> Value | None:
    source = site.operand(0)
    return _with(made, source, source.traces)


_ML = "ai.onnx.ml"
COLUMN_MAKERS: Mapping[tuple[str, str], Callable[[Site, Value], Value | None]] = {
    (_ML, "Scaler"): _scaler,
    (_ML, "Imputer"): _kept,
    (_ML, "FeatureVectorizer"): _joined,
    (_ML, "ArrayFeatureExtractor"): _picked,
    ("", "Gather"): _picked,
    ("", "Concat"): _joined,
    ("", "Add"): _rows,
    ("", "Sub"): _rows,
    ("", "Mul"): _rows,
    ("", "Div"): _rows,
}
