"""Operands that carry the batch: constant sizes to change, tensors with a row per sample to repeat."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from onnx import NodeProto

from pytest_onnxaccel.graph.rebatch.edits import Edits, grows, repeatable
from pytest_onnxaccel.graph.rebatch.facts import Fact
from pytest_onnxaccel.graph.rebatch.shape_values import attribute, slice_bounds

Facts = list[Fact | None]


def _rank(fact: Fact | None) -> int:
    return len(fact.small) if fact is not None and fact.small is not None else 0


def _at(fact: Fact | None, axis: int) -> int | None:
    return fact.small[axis] if fact is not None and fact.small is not None and axis < len(fact.small) else None


def _positive(axis: int, rank: int) -> int:
    return axis + rank if axis < 0 else axis


def _replaced(edits: Edits, node: NodeProto, facts: Facts, slot: int, old: Sequence[int], new: Sequence[int]) -> Facts:
    """Return *facts* with the constant in *slot* changed from *old* to *new*, written down as an edit."""
    fact = facts[slot]
    if fact is None or fact.after is None:
        return facts
    edits.set_value(node, slot, old, new, fact.after.dtype)
    changed = replace(fact, after=np.asarray(list(new), fact.after.dtype).reshape(fact.after.shape))
    return [*facts[:slot], changed, *facts[slot + 1 :]]


def _sizes(edits: Edits, node: NodeProto, facts: Facts, slot: int, axes: Sequence[int]) -> Facts:
    """Return the constant list in *slot* gives the size of each of *axes* of input 0: follow the batch."""
    data, sizes = facts[0], facts[slot] if slot < len(facts) else None
    if data is None or data.large is None or sizes is None or sizes.before is None or sizes.after is None:
        return facts
    old, new = [int(v) for v in sizes.before.ravel()], [int(v) for v in sizes.after.ravel()]
    for entry, axis in enumerate(axes):
        if entry < len(new) and grows(data, axis) and old[entry] == new[entry] == _at(data, axis):
            new[entry] = data.large[axis] or 0
    if new == [int(v) for v in sizes.after.ravel()]:
        return facts
    return _replaced(edits, node, facts, slot, old, new)


def _expand(edits: Edits, node: NodeProto, facts: Facts) -> Facts:
    """Return the target is aligned with the last axis; a size of 1 broadcasts, so the batch passes by itself."""
    target, rank = facts[1], _rank(facts[0])
    shift = (0 if target is None or target.before is None else target.before.size) - rank
    if shift < 0 or any(grows(facts[0], axis) and _at(facts[0], axis) == 1 for axis in range(rank)):
        return facts
    return _sizes(edits, node, facts, 1, [entry - shift for entry in range(rank + shift)])


def _resize(edits: Edits, node: NodeProto, facts: Facts) -> Facts:
    rank = _rank(facts[0])
    axes = [_positive(int(a), rank) for a in attribute(node, "axes") or range(rank)]
    return _sizes(edits, node, facts, 3, axes)


def _slice(edits: Edits, node: NodeProto, facts: Facts) -> Facts:
    """Return a slice that takes whole batches at the original size must take as many at the other one."""
    data = facts[0]
    try:
        bounds = slice_bounds(node, [None if f is None else f.before for f in facts])
        others = slice_bounds(node, [None if f is None else f.after for f in facts])
    except LookupError:
        return facts
    if data is None or data.large is None:
        return facts
    ends = [end for _, _, end, _ in others]
    for entry, (axis, start, end, step) in enumerate(bounds):
        axis = _positive(axis, _rank(data))
        size, large = _at(data, axis), data.large[axis]
        if not grows(data, axis) or size is None or large is None:
            continue
        unit = edits.batch * data.inner.get(axis, size // edits.batch)
        begin, stop, _ = slice(start, end, step).indices(size)
        want = (edits.scaled(begin), edits.scaled(stop), 1)
        got = slice(others[entry][1], others[entry][2], others[entry][3]).indices(large)
        if step != 1 or begin % unit or stop % unit:
            edits.block(node, "it cuts or turns round the batch axis")
            return facts
        if got == want:
            continue
        if got[0] != want[0] or others[entry][1:3] != (start, end):
            edits.block(node, "it takes a constant part of the batch axis")
            return facts
        ends[entry] = want[1]
    old = [end for _, _, end, _ in others]
    if ends == old:
        return facts
    if attribute(node, "ends") is not None:
        edits.set_attribute(node, "ends", old, ends)
        return facts
    return _replaced(edits, node, facts, 2, old, ends)


def _split(edits: Edits, node: NodeProto, facts: Facts) -> Facts:
    """Follow Concat along the batch: parts can grow when each is a whole number of batches."""
    data = facts[0]
    axis = _positive(int(attribute(node, "axis", 0)), _rank(data))
    size = _at(data, axis)
    if data is None or size is None or not grows(data, axis):
        return facts
    unit = edits.batch * data.inner.get(axis, size // edits.batch)
    sizes = attribute(node, "split")
    if sizes is None and len(facts) > 1 and facts[1] is not None and facts[1].after is not None:
        sizes = facts[1].after.tolist()
    if sizes is None:
        if len(facts) > 1 or (size // unit) % len(node.output):
            edits.block(node, "it splits the batch axis")
        return facts
    if sum(sizes) != size:
        return facts  # computed from the input's shape, so right already
    if any(part % unit for part in sizes):
        edits.block(node, "it splits the batch axis")
        return facts
    new = [edits.scaled(part) for part in sizes]
    if attribute(node, "split") is not None:
        edits.set_attribute(node, "split", sizes, new)
        return facts
    return _replaced(edits, node, facts, 1, sizes, new)


def _concat(edits: Edits, node: NodeProto, facts: Facts) -> Facts:
    """Follow Concat: all parts are equally long on the batch axis, unless they are joined on it."""
    rank = max((_rank(f) for f in facts), default=0)
    joined = _positive(int(attribute(node, "axis", 1)), rank)
    return _match(edits, node, facts, range(len(facts)), skip={joined})


def _match(edits: Edits, node: NodeProto, facts: Facts, slots: Sequence[int], skip: set[int]) -> Facts:
    """Repeat every operand among *slots* that lacks the batch on an axis where another has it."""
    result = list(facts)
    slots = [s for s in slots if s < len(facts)]
    carriers = [(axis, _at(f, axis)) for f in (facts[s] for s in slots) if f is not None for axis in f.batch_axes]
    for axis, size in dict(carriers).items():
        for slot in slots:
            if axis not in skip and repeatable(result[slot], axis, size):
                result[slot] = edits.repeat(node, slot, result[slot], axis)  # type: ignore[arg-type]
    return result


def _recurrent(edits: Edits, node: NodeProto, facts: Facts) -> Facts:
    """Return initial states and sequence lengths have a row per sample, which no inference checks."""
    layout = int(attribute(node, "layout", 0))
    batch_axis = 0 if layout else 1
    if not grows(facts[0], batch_axis):
        return facts
    result, size = list(facts), _at(facts[0], batch_axis)
    for slot, axis in ((4, 0), (5, batch_axis), (6, batch_axis)):
        if slot < len(result) and repeatable(result[slot], axis, size):
            result[slot] = edits.repeat(node, slot, result[slot], axis)  # type: ignore[arg-type]
    return result


def _elements(edits: Edits, node: NodeProto, facts: Facts) -> Facts:
    axis = _positive(int(attribute(node, "axis", 0)), _rank(facts[0]))
    return _match(edits, node, facts, range(len(facts)), skip={axis})


def _scatter_nd(edits: Edits, node: NodeProto, facts: Facts) -> Facts:
    """Return updates with a batch need data with a batch: data axis q + i takes update axis r - 1 + i."""
    data, indices, updates = facts
    depth, lead = _at(indices, _rank(indices) - 1), _rank(indices) - 1
    if data is None or updates is None or depth is None:
        return facts
    for axis in updates.batch_axes:
        place = depth + axis - lead
        if axis < lead and not (indices and indices.batch_axes):
            edits.block(node, "it writes to constant positions of the batch axis")
        elif axis >= lead and repeatable(data, place, _at(updates, axis)):
            data = edits.repeat(node, 0, data, place)
    return [data, indices, updates]


def _grid(edits: Edits, node: NodeProto, facts: Facts) -> Facts:
    return _match(edits, node, facts, (0, 1), skip=set(range(1, 8)))


def broadcast(edits: Edits, node: NodeProto, facts: Facts) -> Facts:
    """Repeat operands of an element-wise node that have a row per sample of a batch above 1."""
    rank = max((_rank(f) for f in facts), default=0)
    result = list(facts)
    for fact in facts:
        for axis in fact.batch_axes if fact is not None else ():
            for slot, other in enumerate(result):
                place = axis - _rank(fact) + _rank(other)
                size = _at(fact, axis)
                if place >= 0 and size != 1 and rank and repeatable(other, place, size):
                    result[slot] = edits.repeat(node, slot, other, place)  # type: ignore[arg-type]
    return result


#: Nodes whose operands carry the batch by their nature.
OPERANDS: dict[str, Callable[[Edits, NodeProto, Facts], Facts]] = {
    "Expand": _expand,
    "Resize": _resize,
    "AffineGrid": lambda edits, node, facts: _sizes(edits, node, facts, 1, [0]),
    "MaxUnpool": lambda edits, node, facts: _sizes(edits, node, facts, 2, range(_rank(facts[0]))),
    "Slice": _slice,
    "Split": _split,
    "Concat": _concat,
    "LSTM": _recurrent,
    "GRU": _recurrent,
    "RNN": _recurrent,
    "GatherElements": _elements,
    "ScatterElements": _elements,
    "ScatterND": _scatter_nd,
    "GridSample": _grid,
}
