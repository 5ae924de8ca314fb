"""Compute the small integer tensors from which a graph builds its shapes (chains of Shape, Gather, Concat, Reshape).

Only what exporters write for shapes is known here; anything else counts as unknown, which is always safe.
Sizes are bounded, since the graph may ask for anything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, helper, numpy_helper

from pytest_onnxaccel.graph.files import FOLLOWED

Array = NDArray[Any]


def attribute(node: NodeProto, name: str, default: Any = None) -> Any:
    """Return the value of the node's attribute *name* in builtins (protos stay protos)."""
    for item in node.attribute:
        if item.name == name:
            return helper.get_attribute_value(item)
    return default


def axes_of(node: NodeProto, inputs: Sequence[Array | None], slot: int = 1) -> list[int] | None:
    """Return axes of a node, from its attribute (old opsets) or from input *slot*; None when it has none."""
    given = attribute(node, "axes")
    if given is not None:
        return [int(a) for a in given]
    if len(node.input) > slot and node.input[slot]:
        value = inputs[slot] if slot < len(inputs) else None
        if value is None:
            raise LookupError("axes are computed")
        return [int(a) for a in np.ravel(value)]
    return None


def _unsqueeze(node: NodeProto, ins: Sequence[Any]) -> Array:
    axes = axes_of(node, ins)
    return np.asarray(np.expand_dims(ins[0], tuple(axes or ())))


def _squeeze(node: NodeProto, ins: Sequence[Any]) -> Array:
    axes = axes_of(node, ins)
    return np.asarray(np.squeeze(ins[0], None if axes is None else tuple(axes)))


def slice_bounds(node: NodeProto, ins: Sequence[Array | None]) -> list[tuple[int, int, int, int]]:
    """Return (axis, start, end, step) of each sliced axis, from attributes (opset < 10) or inputs.

    Raises:
        LookupError: a bound is computed from data.
    """
    if attribute(node, "starts") is not None:
        starts, ends = list(attribute(node, "starts")), list(attribute(node, "ends"))
        axes = list(attribute(node, "axes") or range(len(starts)))
        return [(a, s, e, 1) for a, s, e in zip(axes, starts, ends, strict=True)]
    given = [ins[i] if i < len(ins) else None for i in range(5)]
    if any(len(node.input) > i and node.input[i] and given[i] is None for i in range(1, 5)):
        raise LookupError("bounds are computed")
    if given[1] is None or given[2] is None:
        raise LookupError("bounds are missing")
    starts, ends = [int(v) for v in np.ravel(given[1])], [int(v) for v in np.ravel(given[2])]
    axes = list(range(len(starts))) if given[3] is None else [int(v) for v in np.ravel(given[3])]
    steps = [1] * len(starts) if given[4] is None else [int(v) for v in np.ravel(given[4])]
    return list(zip(axes, starts, ends, steps, strict=True))


def _slice(node: NodeProto, ins: Sequence[Any]) -> Array:
    index: list[slice] = [slice(None)] * ins[0].ndim
    for axis, start, end, step in slice_bounds(node, ins):
        # ONNX ends a backward slice before element 0 by any number below -size
        stop = None if step < 0 and end < -ins[0].shape[axis] else end
        index[axis] = slice(start, stop, step)
    return np.asarray(ins[0][tuple(index)])


def _divide(a: Array, b: Array) -> Array:
    if np.issubdtype(a.dtype, np.integer):
        return np.asarray(np.trunc(np.true_divide(a, b))).astype(a.dtype)  # ONNX rounds towards zero
    return np.asarray(a / b)


def _sized(node: NodeProto, ins: Sequence[Any]) -> Array:
    fill = attribute(node, "value")
    dims = tuple(int(d) for d in ins[0])
    if np.prod(dims, dtype=float) > FOLLOWED:
        raise LookupError("too large")
    if fill is None:
        return np.zeros(dims, np.float32)
    return np.full(dims, numpy_helper.to_array(fill).ravel()[0])


def _range(node: NodeProto, ins: Sequence[Any]) -> Array:
    start, limit, delta = (v.item() for v in ins)
    if not delta or abs(limit - start) / abs(delta) > FOLLOWED:
        raise LookupError("too large")
    return np.arange(start, limit, delta, dtype=ins[0].dtype)


def _cast(node: NodeProto, ins: Sequence[Any]) -> Array:
    return np.asarray(ins[0]).astype(helper.tensor_dtype_to_np_dtype(attribute(node, "to")))


def _expand(node: NodeProto, ins: Sequence[Any]) -> Array:
    dims = np.broadcast_shapes(ins[0].shape, tuple(int(d) for d in ins[1]))
    if np.prod(dims, dtype=float) > FOLLOWED:
        raise LookupError("too large")
    return np.broadcast_to(ins[0], dims)


def _product(node: NodeProto, ins: Sequence[Any]) -> Array:
    axes = axes_of(node, ins)
    keep = bool(attribute(node, "keepdims", 1))
    return np.asarray(np.prod(ins[0], axis=None if axes is None else tuple(axes), keepdims=keep, dtype=ins[0].dtype))


def _reshape(node: NodeProto, ins: Sequence[Any]) -> Array:
    target = [ins[0].shape[i] if d == 0 else int(d) for i, d in enumerate(ins[1])]
    return np.asarray(ins[0]).reshape(target)


_KNOWN: dict[str, Callable[[NodeProto, Sequence[Any]], Array]] = {
    "Gather": lambda n, i: np.take(i[0], i[1].astype(np.int64), axis=int(attribute(n, "axis", 0))),
    "Concat": lambda n, i: np.concatenate(i, axis=int(attribute(n, "axis", 1))),
    "Unsqueeze": _unsqueeze,
    "Squeeze": _squeeze,
    "Slice": _slice,
    "Cast": _cast,
    "Identity": lambda n, i: i[0],
    "Add": lambda n, i: i[0] + i[1],
    "Sub": lambda n, i: i[0] - i[1],
    "Mul": lambda n, i: i[0] * i[1],
    "Div": lambda n, i: _divide(i[0], i[1]),
    "Mod": lambda n, i: (np.fmod if attribute(n, "fmod", 0) else np.mod)(i[0], i[1]),
    "Neg": lambda n, i: -i[0],
    "Floor": lambda n, i: np.floor(i[0]),
    "Ceil": lambda n, i: np.ceil(i[0]),
    "Min": lambda n, i: np.minimum.reduce(list(i)),
    "Max": lambda n, i: np.maximum.reduce(list(i)),
    "Equal": lambda n, i: np.equal(i[0], i[1]),
    "Where": lambda n, i: np.where(i[0], i[1], i[2]),
    "ReduceProd": _product,
    "Range": _range,
    "ConstantOfShape": _sized,
    "Expand": _expand,
    "Reshape": _reshape,
}


def evaluate(node: NodeProto, inputs: Sequence[Array | None]) -> Array | None:
    """Return the value of the node's only output, or None when it is not known or too large to follow."""
    compute = _KNOWN.get(node.op_type)
    missing = any(name and value is None for name, value in zip(node.input, inputs, strict=True))
    if compute is None or node.domain not in ("", "ai.onnx") or missing:
        return None
    try:
        value = np.asarray(compute(node, inputs))
    except (ValueError, IndexError, LookupError, TypeError, OverflowError, ZeroDivisionError, KeyError):
        return None
    return value if value.size <= FOLLOWED else None
