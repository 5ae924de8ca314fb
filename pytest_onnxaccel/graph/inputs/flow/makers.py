"""What single operators make of the elements of inputs that they read."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import onnx

from pytest_onnxaccel.graph.inputs.flow.shapes import Shape, shape_alike
from pytest_onnxaccel.graph.inputs.flow.traces import joined, moved
from pytest_onnxaccel.graph.inputs.flow.windows import both, stepped, windowed
from pytest_onnxaccel.graph.inputs.trace import MOST_TRACES, UNKNOWN, Trace, Value

if TYPE_CHECKING:
    from pytest_onnxaccel.graph.inputs.walk import Site


#: Operators whose result holds all elements of the first operand in its order.
KEEPS_ORDER = frozenset(
    {"Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Dropout", "Optional", "OptionalGetElement"}
)
#: Operators whose result holds elements of the first operand, some of them, or in another order.
MOVES = frozenset({
    "Transpose", "Slice", "Gather", "GatherElements", "GatherND", "Split", "Expand", "Tile", "ReverseSequence",
    "Compress", "DepthToSpace", "SpaceToDepth", "Trilu", "Pad", "SplitToSequence", "SequenceAt", "Unique", "TopK",
    "MaxPool", "GlobalMaxPool", "ReduceMax", "ReduceMin", "CenterCropPad",
})  # fmt: skip
#: Of the operators that keep the order, those whose result of a constant has its numbers.
_KEEPS_NUMBERS = frozenset({"Identity", "Dropout", "Flatten", "Squeeze", "Unsqueeze", "Reshape"})
#: Operators whose result has the numbers of the first operand and no others; the shape is told apart.
_REPEATS = frozenset({"Expand", "Tile"})
#: And those that pick some of its elements.
_PICKS = frozenset({"Gather", "GatherElements", "GatherND"})
#: A sum of more inputs than these is not followed.
_MOST_TERMS = 4
#: Elementwise comparisons and logic: their results are not the input's values.
_FLOATS = frozenset({1, 10, 11, 16})


def _kept(site: Site, made: Value) -> Value:
    source = site.operand(0)
    shape = made.shape or (source.shape if site.operator.name in ("Identity", "Dropout") else None)
    found = None
    if site.operator.name in _KEEPS_NUMBERS and source.constant is not None:
        found = source.constant  # a scalar or a list keeps its numbers; the shape is told apart
        shape = source.shape if site.operator.name == "Identity" else shape
    if shape is None:
        shape = _reshaped(site, source)
    if found is None and shape == made.shape and source.blank:
        return made
    same = site.operator.name in ("Identity", "Dropout", "Optional", "OptionalGetElement")
    traces = source.traces if same else tuple(trace.moved(whole=True) for trace in source.traces)
    return made.with_(
        traces=traces,
        inverted=source.inverted,
        constant=found,
        shape=shape,
        shape_of=source.shape_of,
        window=source.window,
        count=source.count,
        elem_type=source.elem_type,
    )


def _reshaped(site: Site, source: Value) -> tuple[int | str | None, ...] | None:
    """Return the shape behind Reshape, Unsqueeze and Squeeze, as far as constants tell it."""
    op, wanted = site.operator.name, site.operand(1).constant
    if op == "Reshape" and wanted is not None and wanted.ndim == 1:
        return tuple(int(size) if size > 0 else None for size in wanted)
    if op not in ("Unsqueeze", "Squeeze") or source.shape is None:
        return None
    listed = site.attribute("axes") if wanted is None else wanted.reshape(-1)
    if listed is None:
        return None
    rank = len(source.shape) + (len(listed) if op == "Unsqueeze" else 0)
    axes = {int(axis) % rank for axis in listed}
    if op == "Squeeze":
        return tuple(size for axis, size in enumerate(source.shape) if axis not in axes)
    rest = iter(source.shape)
    return tuple(1 if axis in axes else next(rest) for axis in range(rank))


def _moved(site: Site, made: Value) -> Value:
    source = site.operand(0)
    turned = site.operator.name == "Transpose"
    shape = made.shape
    if turned and source.shape is not None and shape is None:
        order = site.attribute("perm") or list(range(len(source.shape)))[::-1]
        shape = tuple(source.shape[axis] for axis in order)
    numbers = source.constant if site.operator.name in _REPEATS else None
    table = source if site.operator.name in _PICKS and not source.fed else None
    if site.operator.name == "Gather" and shape is None:
        shape = _gathered(site, source.shape, site.operand(1).shape)
    if source.blank and shape == made.shape and numbers is None and table is None:
        return made
    parts = tuple(trace.moved(whole=True) for trace in source.traces) if turned else moved(source.traces)
    shape_of = source.shape_of if site.operator.name in ("Slice", "Gather") else ""
    return made.with_(
        traces=parts,
        inverted=moved(source.inverted),
        constant=numbers,
        table=table,
        shape=shape,
        shape_of=shape_of,
        window=source.window,
        count=source.count,
        elem_type=source.elem_type,
    )


def _gathered(site: Site, data: Shape | None, indices: Shape | None) -> Shape | None:
    """Return the shape of rows that are looked up."""
    if data is None or indices is None:
        return None
    axis = int(site.attribute("axis", 0)) % max(len(data), 1)
    return (*data[:axis], *indices, *data[axis + 1 :])


def _concatenated(site: Site, made: Value) -> Value:
    values = [v for v in site.operands if v is not None]
    shape_of = next((v.shape_of for v in values if v.shape_of), "")
    traces = joined(values)
    limits = [v.scalar for v in values if v.scalar is not None] if site.operator.name in ("Max", "Min") else []
    if limits:
        side = {"least": max(limits)} if site.operator.name == "Max" else {"most": min(limits)}
        traces = tuple(trace.with_(guarded=True, **side) for trace in traces)
    return made.with_(traces=traces, shape_of=shape_of, inverted=())


def _cast(site: Site, made: Value) -> Value:
    source = site.operand(0)
    to = int(site.attribute("to", 0)) if site.operator.name == "Cast" else site.operand(1).elem_type
    traces = tuple(trace.with_(cast=to) for trace in source.traces)
    found = source.constant
    if found is not None and to not in _FLOATS:
        try:
            found = found.astype(onnx.helper.tensor_dtype_to_np_dtype(to))
        except (KeyError, TypeError, ValueError):
            found = None
    return made.with_(
        traces=traces,
        inverted=source.inverted,
        constant=found,
        shape=made.shape or source.shape,
        shape_of=source.shape_of,
        window=source.window,
        count=source.count,
        elem_type=to,
        equal=source.equal,
        gap=source.gap,
    )


def _shape(site: Site, made: Value) -> Value:
    source = site.operand(0)
    names = [trace.input for trace in source.traces if trace.whole]
    found = None
    if source.shape is not None and all(isinstance(d, int) for d in source.shape):
        start, end = site.attribute("start", 0), site.attribute("end", None)
        found = np.asarray(source.shape[start:end], np.int64)
    # What hangs on sizes alone hangs on no value, unless a value decided the size
    shape_of = names[0] if names else ""
    made = UNKNOWN.with_(constant=found, by=source.sized_by, shape_of=shape_of, shape=made.shape, elem_type=7)
    if source.shape is None or not shape_of:
        return made
    start, end = site.attribute("start", 0), site.attribute("end", None)
    return made.with_(sizes=source.shape[start:end])


def _elements(site: Site, made: Value) -> Value:
    """Return how many elements an input has: Size, or the product of its shape."""
    shaped = _shape(site, made) if site.operator.name == "Size" else site.operand(0)
    if not shaped.shape_of or shaped.sizes is None:
        return made
    count = math.prod(size for size in shaped.sizes if isinstance(size, int))
    return UNKNOWN.with_(
        by=shaped.by, shape_of=shaped.shape_of, shape=made.shape or (), elem_type=7, count=(float(count), 0.0)
    )


def _affine(site: Site, made: Value) -> Value:
    """Return sums and products with one number: the trace goes on, scaled."""
    a, b = site.operand(0), site.operand(1)
    flipped = not a.traces and bool(b.traces)
    source, other = (b, a) if flipped else (a, b)
    number = other.scalar if source.traces else None
    if not source.traces or number is None:
        if site.operator.name in ("Add", "Sub") and (terms := _terms(a, b, site.operator.name == "Sub")):
            made = made.with_(terms=terms, elem_type=a.elem_type, shape=made.shape or shape_alike(site))
        if site.operator.name == "Sub" and (gap := _gap(a, b)):
            made = made.with_(gap=gap, elem_type=a.elem_type, shape=made.shape or shape_alike(site))
        if not a.shape_of and not b.shape_of:
            return made
        counted = a if a.shape_of else b
        count = _counted(site.operator.name, counted, a if b is counted else b)
        return made.with_(shape_of=counted.shape_of, count=count, window=stepped(site))
    if site.operator.name == "Mul" and number == 0 and source.shape == ():
        return made.with_(constant=np.zeros(()), shape=(), by=frozenset(), sized_by=frozenset())
    traces = tuple(filter(None, (_scaled(site.operator.name, trace, number, flipped) for trace in source.traces)))
    return made.with_(traces=traces, shape=made.shape or source.shape, elem_type=source.elem_type)


def _counted(op: str, counted: Value, other: Value) -> tuple[float, float]:
    """Return how a number that counts a length goes on, where the other operand is a number."""
    number, (scale, offset) = other.scalar, counted.count
    if number is None:
        return counted.count
    if op in ("Add", "Sub"):
        return scale, offset + (number if op == "Add" else -number)
    factor = number if op == "Mul" else 1 / number if number else 1.0
    return scale * factor, offset * factor


def _terms(a: Value, b: Value, taken_off: bool) -> tuple[Trace, ...]:
    """Return what is added up of several inputs, one trace of each; nothing where it is not that."""
    second = b.terms or b.traces
    found = (*(a.terms or a.traces), *(tuple(trace.negated() for trace in second) if taken_off else second))
    inputs = {trace.input for trace in found}
    both = (a.terms or a.traces) and (b.terms or b.traces)
    return found if both and len(inputs) == len(found) <= _MOST_TERMS else ()


def _gap(a: Value, b: Value) -> tuple[Trace, Trace] | None:
    """Return two columns of one input of which one is taken off the other; None where it is not that."""
    if len(a.traces) != 1 or len(b.traces) != 1:
        return None
    first, second = a.traces[0], b.traces[0]
    columns = (first.column, second.column)
    plain = first.plain and second.plain and None not in columns and columns[0] != columns[1]
    return (first, second) if plain and first.input == second.input else None


def _scaled(op: str, trace: Trace, number: float, flipped: bool) -> Trace | None:
    one = _shifted(op, trace, number, flipped)
    if one is None or trace.columns is None:
        return one
    # The columns go the same way: what 0 and 1 become tells how
    zero, unit = (_shifted(op, Trace("", scale, 0.0), number, flipped) for scale in (0.0, 1.0))
    assert zero is not None
    assert unit is not None
    slope = unit.scale + unit.offset - zero.offset
    return one.with_(
        columns=tuple(c.with_(scale=c.scale * slope, offset=c.offset * slope + zero.offset) for c in trace.columns)
    )


def _shifted(op: str, trace: Trace, number: float, flipped: bool) -> Trace | None:
    if trace.least is not None or trace.most is not None:
        trace = trace.with_(least=None, most=None)
    scale, offset = trace.scale, trace.offset
    if op == "Add":
        return trace.with_(offset=offset + number)
    if op == "Sub":
        return trace.with_(scale=-scale, offset=number - offset) if flipped else trace.with_(offset=offset - number)
    if op == "Mul" and number:
        return trace.with_(scale=scale * number, offset=offset * number)
    if op == "Div" and number and not flipped:
        return trace.with_(scale=scale / number, offset=offset / number)
    return None


def _negated(site: Site, made: Value) -> Value:
    source = site.operand(0)
    traces = tuple(trace.negated() for trace in source.traces)
    return made.with_(traces=traces, shape=made.shape or source.shape, elem_type=source.elem_type)


def _opposite(site: Site, made: Value) -> Value:
    source = site.operand(0)
    return made.with_(
        traces=source.inverted,
        inverted=source.traces,
        shape=made.shape or source.shape,
        elem_type=9,
        equal=source.equal,
    )


def _equal(site: Site, made: Value) -> Value:
    """Return which elements are told to be a number: whole rows of it may be padding."""
    number = site.operand(1).scalar
    traces = site.operand(0).traces if number is not None else ()
    shape = made.shape or shape_alike(site)
    return made.with_(
        shape=shape, equal=tuple((t, number) for t in traces if t.plain and t.ordered and number is not None)
    )


def _flags(site: Site, made: Value) -> Value:
    """Return two masks as one: what is left out by either, or by both."""
    values = [v for v in site.operands if v is not None]
    inverted = tuple(dict.fromkeys(trace for v in values for trace in moved(v.inverted)))[:MOST_TRACES]
    window = both(values) if site.operator.name == "And" else None
    return made.with_(traces=joined(values), inverted=inverted, elem_type=9, window=window)


def _counting(site: Site, made: Value) -> Value:
    """Return numbers that count up to the length of an input, where the operands do."""
    shape_of = next((v.shape_of for v in site.operands if v is not None and v.shape_of), "")
    rank_one = (None,) if site.operator.name == "Range" else None
    window = site.operand(0).window if site.operator.name == "Abs" else None
    return made.with_(shape_of=shape_of, window=window, shape=made.shape or rank_one or shape_alike(site))


def _running(site: Site, made: Value) -> Value:
    """Return the sums along a mask of tokens: they count up to how many there are."""
    by = site.operand(0).by
    return made.with_(shape_of=next(iter(by)) if len(by) == 1 else "", shape=made.shape or site.operand(0).shape)


def _chosen(site: Site, made: Value) -> Value:
    conditions = site.operand(0).by
    traces = joined([site.operand(1), site.operand(2)])
    return made.with_(traces=tuple(t.with_(guarded=t.guarded or t.input in conditions) for t in traces))


def _clipped(site: Site, made: Value) -> Value:
    source = site.operand(0)
    return made.with_(traces=(), shape=made.shape or source.shape, elem_type=source.elem_type)


MAKERS: Mapping[str, Callable[[Site, Value], Value]] = {
    **dict.fromkeys(KEEPS_ORDER, _kept),
    **dict.fromkeys(MOVES, _moved),
    **dict.fromkeys(("Concat", "Max", "Min", "ScatterElements", "ScatterND", "SequenceConstruct"), _concatenated),
    **dict.fromkeys(("Cast", "CastLike"), _cast),
    **dict.fromkeys(("Add", "Sub", "Mul", "Div"), _affine),
    "Shape": _shape,
    **dict.fromkeys(("Size", "ReduceProd"), _elements),
    **dict.fromkeys(("Range", "Abs", "Floor", "Log", "Mod"), _counting),
    "CumSum": _running,
    "Neg": _negated,
    "Not": _opposite,
    "Equal": _equal,
    **dict.fromkeys(("And", "Or"), _flags),
    **dict.fromkeys(("Greater", "GreaterOrEqual", "Less", "LessOrEqual"), windowed),
    "Where": _chosen,
    "Clip": _clipped,
}
