"""What a node makes of the values that it reads: which elements of which inputs its results are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import numpy_helper

from pytest_onnxaccel.core.dims import base_names
from pytest_onnxaccel.graph.inputs.backward import ELEMENTWISE, SAME_SHAPE
from pytest_onnxaccel.graph.inputs.columns import of_one_column, through
from pytest_onnxaccel.graph.inputs.infinities import infinite
from pytest_onnxaccel.graph.inputs.sizing import sized_by
from pytest_onnxaccel.graph.inputs.trace import MOST_ELEMENTS, MOST_TRACES, UNKNOWN, Trace, Value, constant, union

if TYPE_CHECKING:
    from pytest_onnxaccel.graph.inputs.walk import Site

#: Operators whose result holds all elements of the first operand in its order.
_KEEPS_ORDER = frozenset(
    {"Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Dropout", "Optional", "OptionalGetElement"}
)
#: Operators whose result holds elements of the first operand, some of them, or in another order.
_MOVES = frozenset({
    "Transpose", "Slice", "Gather", "GatherElements", "GatherND", "Split", "Expand", "Tile", "ReverseSequence",
    "Compress", "DepthToSpace", "SpaceToDepth", "Trilu", "Pad", "SplitToSequence", "SequenceAt", "Unique", "TopK",
    "MaxPool", "GlobalMaxPool", "ReduceMax", "ReduceMin", "CenterCropPad",
})  # fmt: skip
#: Operators whose results are shares where an operand is.
_KEEPS_SHARES = _KEEPS_ORDER | _MOVES | {"Concat", "ReduceMean", "Where", "Max", "Min"}
#: Elementwise comparisons and logic: their results are not the input's values.
_FLOATS = frozenset({1, 10, 11, 16})


def declared_shapes(graph: Any) -> dict[str, tuple[int | str | None, ...]]:
    """Return sizes by name of a value, as inputs, outputs and values in between declare them."""
    found: dict[str, tuple[int | str | None, ...]] = {}
    for value in [*graph.value_info, *graph.output, *graph.input]:
        if value.type.HasField("tensor_type") and value.type.tensor_type.HasField("shape"):
            found[value.name] = tuple(_dim(dim) for dim in value.type.tensor_type.shape.dim)
    # A name that no input has says nothing of a size: exporters make them up for what they do not know
    names = {dim for value in graph.input for dim in found.get(value.name, ()) if isinstance(dim, str)}
    known = set(base_names(sorted(names)))
    foreign = {dim for shape in found.values() for dim in shape if isinstance(dim, str) and dim not in names}
    unknown = {dim for dim in foreign if not known.issuperset(base_names([dim]))}
    if not unknown:
        return found
    return {
        name: shape if unknown.isdisjoint(shape) else tuple(None if dim in unknown else dim for dim in shape)
        for name, shape in found.items()
    }


def _dim(dim: Any) -> int | str | None:
    if dim.HasField("dim_value"):
        return int(dim.dim_value) if dim.dim_value >= 0 else None
    return dim.dim_param or None


def add_constants(graph: Any, env: dict[str, Value]) -> None:
    """Put the initializers of *graph* into *env*; the large ones by their shape alone."""
    for tensor in graph.initializer:
        env[tensor.name] = of_tensor(tensor)
    for sparse in graph.sparse_initializer:
        env[sparse.values.name] = Value(shape=tuple(sparse.dims))


def of_tensor(tensor: Any) -> Value:
    """Return a constant of the file; its elements where they are few and in the file itself."""
    shape = tuple(int(d) for d in tensor.dims)
    external = tensor.data_location == onnx.TensorProto.EXTERNAL
    count = int(np.prod(shape, dtype=np.int64)) if shape else 1
    if external or not 0 <= count <= MOST_ELEMENTS:
        return UNKNOWN.with_(shape=shape, elem_type=tensor.data_type)
    try:
        array = numpy_helper.to_array(tensor)
    except Exception:  # data that does not fill the shape: the checker's to refuse
        return UNKNOWN.with_(shape=shape, elem_type=tensor.data_type)
    return constant(array).with_(elem_type=tensor.data_type)


def graphs_of(attribute: Any) -> Iterator[Any]:
    """Yield the subgraphs that an attribute holds."""
    if attribute.type == onnx.AttributeProto.GRAPH:
        yield attribute.g
    elif attribute.type == onnx.AttributeProto.GRAPHS:
        yield from attribute.graphs


def with_attributes(inner: Any, call: Any, function: Any) -> Any:
    """Return a node of *function* with the attributes that *call* gives it in place of their names."""
    if not any(item.ref_attr_name for item in inner.attribute):
        return inner
    given = {item.name: item for item in [*function.attribute_proto, *call.attribute]}
    made = onnx.NodeProto()
    made.CopyFrom(inner)
    del made.attribute[:]
    for item in inner.attribute:
        if not item.ref_attr_name:
            made.attribute.append(item)
        elif item.ref_attr_name in given:
            copied = made.attribute.add()
            copied.CopyFrom(given[item.ref_attr_name])
            copied.name = item.name
    return made


def formals(node: Any, body: Any, operands: Sequence[Value | None]) -> dict[str, Value]:
    """Return the inputs of a subgraph by name: what Loop and Scan hand to it the first time."""
    names = [value.name for value in body.input]
    if node.op_type == "Loop":
        given: list[Value | None] = [UNKNOWN, UNKNOWN, *operands[2:]]
    elif node.op_type == "Scan":
        states = len(names) - next((item.i for item in node.attribute if item.name == "num_scan_inputs"), len(names))
        given = [*operands[:states], *(_element(v) for v in operands[states:])]
    else:
        given = list(operands)
    return {name: v if v is not None else UNKNOWN for name, v in zip(names, given, strict=False)}


def _element(value: Value | None) -> Value:
    if value is None:
        return UNKNOWN
    shape = value.shape[1:] if value.shape else None
    return Value(_parts(value.traces), shape=shape, by=value.by, sized_by=value.sized_by, elem_type=value.elem_type)


def either(a: Value, b: Value, chosen: frozenset[str]) -> Value:
    """Return what one of two values is; *chosen*: the inputs that decide which."""
    shape = a.shape if a.shape == b.shape else None
    sized = a.sized_by | b.sized_by | (chosen if a.shape is None or a.shape != b.shape else frozenset())
    return Value(
        _joined([a, b]),
        shape=shape,
        by=a.by | b.by | chosen,
        sized_by=sized,
        elem_type=a.elem_type or b.elem_type,
        share=a.share or b.share,
    )


def _parts(traces: Sequence[Trace]) -> tuple[Trace, ...]:
    return tuple(trace.moved() for trace in traces)


def _joined(values: Sequence[Value]) -> tuple[Trace, ...]:
    return tuple(dict.fromkeys(trace for v in values for trace in _parts(v.traces)))[:MOST_TRACES]


def outputs(site: Site) -> list[Value]:
    """Return what the node's results are, as far as it is known."""
    node, op, count = site.node, site.node.op_type, len(site.node.output)
    standard = node.domain in ("", "ai.onnx")
    values = [v for v in site.operands if v is not None]
    if op == "Constant" and standard:
        return [_constant(node)]
    by = union([v.by for v in values])
    sized = sized_by(site)
    made = UNKNOWN.with_(by=by, sized_by=sized, shape=site.output_shape(), summed=_summed(site))
    maker = _MAKERS.get(op) if standard else None
    by_column = through(site, made)
    if by_column is not None:
        made = by_column
    elif maker is not None:
        made = maker(site, made)
    if not by and made.constant is None:
        made = _folded(site, made)
    if made.shape is None:
        shape = _shape_alike(site)
        made = made if shape is None else made.with_(shape=shape)
    if op in ("Gather", "Slice", "Split") and site.operand(0).traces:
        one = of_one_column(site)
        made = made.with_(traces=one) if one else made
    results = [made]
    if count > 1:
        rest = made if op in ("Split", "Unique") else UNKNOWN.with_(by=by, sized_by=sized)
        results += [rest.with_(shape=site.output_shape(i), constant=None) for i in range(1, count)]
        if op == "Split" and made.traces and made.traces[0].column is not None:
            results[1:] = [v.with_(traces=of_one_column(site, i) or ()) for i, v in enumerate(results[1:], 1)]
    if standard and _share(site, values):
        results = [v.with_(share=True) for v in results]
    if not standard:
        return results
    return [v.with_(infinite=True) if infinite(site, i) else v for i, v in enumerate(results)]


def _summed(site: Site) -> tuple[Trace, ...]:
    """Return the elements of inputs that the node adds up."""
    source = site.operand(0)
    if site.node.op_type in ("ReduceSum", "ReduceMean"):
        return source.traces
    return source.summed if site.node.op_type in SAME_SHAPE or site.node.op_type in _KEEPS_ORDER else ()


def _shape_alike(site: Site) -> tuple[int | str | None, ...] | None:
    """Return the shape of an elementwise result; None where it is not known."""
    if site.node.op_type in SAME_SHAPE:
        return site.operand(0).shape
    if site.node.op_type == "MatMul":
        first, second = site.operand(0).shape, site.operand(1).shape
        return (*first[:-1], second[1]) if first and second is not None and len(second) == 2 else None
    shapes = [value.shape for value in site.operands if value is not None]
    if site.node.op_type not in ELEMENTWISE or not shapes or any(shape is None for shape in shapes):
        return None
    return tuple(map(_broadcast, *_padded([shape for shape in shapes if shape is not None])))


def _padded(shapes: Sequence[tuple[int | str | None, ...]]) -> list[tuple[int | str | None, ...]]:
    rank = max(map(len, shapes))
    return [(*[1] * (rank - len(shape)), *shape) for shape in shapes]


def _broadcast(*sizes: int | str | None) -> int | str | None:
    wide = {size for size in sizes if size != 1}
    return 1 if not wide else wide.pop() if len(wide) == 1 else None


def _share(site: Site, values: Sequence[Value]) -> bool:
    op = site.node.op_type
    return op == "Sigmoid" or (op in _KEEPS_SHARES and any(v.share for v in values))


def _constant(node: Any) -> Value:
    for item in node.attribute:
        if item.name == "value":
            return of_tensor(item.t)
        if item.name in ("value_int", "value_float"):
            return constant(np.asarray(onnx.helper.get_attribute_value(item)))
        if item.name in ("value_ints", "value_floats"):
            return constant(np.asarray(onnx.helper.get_attribute_value(item)))
    return UNKNOWN


def _kept(site: Site, made: Value) -> Value:
    source = site.operand(0)
    shape = made.shape or (source.shape if site.node.op_type in ("Identity", "Dropout") else None)
    found = None
    if source.constant is not None and site.node.op_type in (
        "Identity",
        "Dropout",
        "Flatten",
        "Squeeze",
        "Unsqueeze",
        "Reshape",
    ):
        found = source.constant  # a scalar or a list keeps its numbers; the shape is told apart
        shape = source.shape if site.node.op_type == "Identity" else shape
    same = site.node.op_type in ("Identity", "Dropout", "Optional", "OptionalGetElement")
    traces = source.traces if same else tuple(trace.moved(whole=True) for trace in source.traces)
    return made.with_(
        traces=traces,
        inverted=source.inverted,
        constant=found,
        shape=shape,
        shape_of=source.shape_of,
        elem_type=source.elem_type,
    )


def _moved(site: Site, made: Value) -> Value:
    source = site.operand(0)
    moved = site.node.op_type == "Transpose"
    parts = tuple(trace.moved(whole=True) for trace in source.traces) if moved else _parts(source.traces)
    shape = made.shape
    if site.node.op_type == "Transpose" and source.shape is not None and shape is None:
        order = site.attribute("perm") or list(range(len(source.shape)))[::-1]
        shape = tuple(source.shape[axis] for axis in order)
    shape_of = source.shape_of if site.node.op_type in ("Slice", "Gather") else ""
    return made.with_(
        traces=parts, inverted=_parts(source.inverted), shape=shape, shape_of=shape_of, elem_type=source.elem_type
    )


def _concatenated(site: Site, made: Value) -> Value:
    values = [v for v in site.operands if v is not None]
    shape_of = next((v.shape_of for v in values if v.shape_of), "")
    return made.with_(traces=_joined(values), shape_of=shape_of, inverted=())


def _cast(site: Site, made: Value) -> Value:
    source = site.operand(0)
    to = int(site.attribute("to", 0)) if site.node.op_type == "Cast" else site.operand(1).elem_type
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
        elem_type=to,
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
    return UNKNOWN.with_(constant=found, by=source.sized_by, shape_of=shape_of, shape=made.shape, elem_type=7)


def _affine(site: Site, made: Value) -> Value:
    """Return sums and products with one number: the trace goes on, scaled."""
    a, b = site.operand(0), site.operand(1)
    op = site.node.op_type
    flipped = not a.traces and bool(b.traces)
    source, number = (b, a.scalar) if flipped else (a, b.scalar)
    shape = made.shape or source.shape
    if not source.traces or number is None:
        return made.with_(shape=made.shape, shape_of=a.shape_of or b.shape_of)

    def changed(trace: Trace) -> Trace | None:
        one = shifted(trace)
        if one is None or trace.columns is None:
            return one
        # The columns go the same way: what 0 and 1 become tells how
        zero, unit = shifted(Trace("", 0.0, 0.0)), shifted(Trace("", 1.0, 0.0))
        assert zero is not None
        assert unit is not None
        slope = unit.scale + unit.offset - zero.offset
        return one.with_(columns=tuple(
            c.with_(scale=c.scale * slope, offset=c.offset * slope + zero.offset) for c in trace.columns
        ))  # fmt: skip

    def shifted(trace: Trace) -> Trace | None:
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

    if op == "Mul" and number == 0 and source.shape == ():
        return made.with_(constant=np.zeros(()), shape=(), by=frozenset(), sized_by=frozenset())
    traces = tuple(filter(None, map(changed, source.traces)))
    return made.with_(traces=traces, shape=shape, elem_type=source.elem_type)


def _negated(site: Site, made: Value) -> Value:
    source = site.operand(0)
    traces = tuple(trace.negated() for trace in source.traces)
    return made.with_(traces=traces, shape=made.shape or source.shape, elem_type=source.elem_type)


def _opposite(site: Site, made: Value) -> Value:
    source = site.operand(0)
    return made.with_(traces=source.inverted, inverted=source.traces, shape=made.shape or source.shape, elem_type=9)


def _flags(site: Site, made: Value) -> Value:
    """Return two masks as one: what is left out by either, or by both."""
    values = [v for v in site.operands if v is not None]
    inverted = tuple(dict.fromkeys(trace for v in values for trace in _parts(v.inverted)))[:MOST_TRACES]
    return made.with_(traces=_joined(values), inverted=inverted, elem_type=9)


def _counting(site: Site, made: Value) -> Value:
    """Return numbers that count up to the length of an input, where the operands do."""
    shape_of = next((v.shape_of for v in site.operands if v is not None and v.shape_of), "")
    return made.with_(shape_of=shape_of, shape=made.shape or _shape_alike(site))


def _running(site: Site, made: Value) -> Value:
    """Return the sums along a mask of tokens: they count up to how many there are."""
    by = site.operand(0).by
    return made.with_(shape_of=next(iter(by)) if len(by) == 1 else "", shape=made.shape or site.operand(0).shape)


def _chosen(site: Site, made: Value) -> Value:
    conditions = site.operand(0).by
    traces = _joined([site.operand(1), site.operand(2)])
    return made.with_(traces=tuple(t.with_(guarded=t.guarded or t.input in conditions) for t in traces))


def _clipped(site: Site, made: Value) -> Value:
    source = site.operand(0)
    return made.with_(traces=(), shape=made.shape or source.shape, elem_type=source.elem_type)


_MAKERS: Mapping[str, Callable[[Site, Value], Value]] = {
    **dict.fromkeys(_KEEPS_ORDER, _kept),
    **dict.fromkeys(_MOVES, _moved),
    **dict.fromkeys(("Concat", "Max", "Min", "ScatterElements", "ScatterND", "SequenceConstruct"), _concatenated),
    **dict.fromkeys(("Cast", "CastLike"), _cast),
    **dict.fromkeys(("Add", "Sub", "Mul", "Div"), _affine),
    "Shape": _shape,
    **dict.fromkeys(("Range", "Abs", "Floor", "Log", "Mod"), _counting),
    "CumSum": _running,
    "Neg": _negated,
    "Not": _opposite,
    **dict.fromkeys(("And", "Or"), _flags),
    "Where": _chosen,
    "Clip": _clipped,
}

#: Operators on small constants that are worth computing: they make the tables, axes and sizes that rules ask for.
_FOLDABLE: Mapping[str, Callable[..., Any]] = {
    "Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Neg": np.negative, "Equal": np.equal, "Sqrt": np.sqrt,
}  # fmt: skip


def _folded(site: Site, made: Value) -> Value:
    """Return a small constant computed from small constants."""
    function = _FOLDABLE.get(site.node.op_type)
    arrays = [v.constant if v is not None else None for v in site.operands]
    if function is None or not arrays or any(array is None for array in arrays):
        return made
    with np.errstate(all="ignore"):
        found = np.asarray(function(*arrays))
    return made.with_(constant=found if found.size <= MOST_ELEMENTS else None, shape=tuple(found.shape))
