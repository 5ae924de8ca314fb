"""Which entry of a Reshape target is the batch, found from where the batch is among the elements.

A reshape keeps the row-major order, so the batch factor stays between the same two products: ``before``, of
the leading axes, and ``after``, of the trailing ones. The entry of the target that spans it must grow.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
from onnx import NodeProto

from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.graph.rebatch.edits import Edits
from pytest_onnxaccel.graph.rebatch.facts import Fact
from pytest_onnxaccel.graph.rebatch.shape_values import attribute


@record(frozen=True)
class Place:
    """Entry *index* of the target holds the batch, followed inside that entry by a factor *inner*."""

    index: int
    inner: int


def resolve(target: Sequence[int], shape: Sequence[int], allowzero: bool = False) -> tuple[int, ...] | None:
    """Return the shape that *target* (with 0 and -1) gives a tensor of *shape*; None when it cannot."""
    if not allowzero and any(d == 0 and i >= len(shape) for i, d in enumerate(target)):
        return None
    dims = [shape[i] if d == 0 and not allowzero else d for i, d in enumerate(target)]
    rest, total = prod(d for d in dims if d != -1), prod(shape)
    if dims.count(-1) > 1 or (-1 in dims and (rest == 0 or total % rest)):
        return None
    dims = [total // rest if d == -1 else d for d in dims]
    return tuple(dims) if prod(dims) == total else None


def place_of_batch(
    fact: Fact, small: Sequence[int], raw: Sequence[int], own: Sequence[int] | None, batch: int
) -> Place | None:
    """Return where the batch of *fact* is in the reshaped tensor.

    Args:
        fact: the reshaped tensor, with one batch axis and all sizes known.
        small: the resulting shape at the original batch.
        raw: the target as the graph gives it.
        own: what the target gives at the other batch as it stands; None when it does not fit there.
        batch: the original batch.

    Returns:
        None when no entry spans the batch.
    """
    (axis,) = fact.batch_axes
    shape = [d for d in fact.small or () if d is not None]
    inner = fact.inner.get(axis, shape[axis] // batch)
    before = prod(shape[:axis]) * (shape[axis] // (batch * inner))
    after = inner * prod(shape[axis + 1 :])
    found: list[tuple[int, int, int]] = []  # entry, factor before and after the batch within it
    for index, size in enumerate(small):
        left, right = prod(small[:index]), prod(small[index + 1 :])
        if not left or not right or before % left or after % right:
            continue
        if (before // left) * batch * (after // right) == size:
            found.append((index, before // left, after // right))
    exact = [f for f in found if f[1] == f[2] == 1]
    if exact:
        # Several sizes of 1 may lie side by side: the one that the graph itself lets grow, else the one that
        # stayed where it was, else the first
        grown = [f for f in exact if own is not None and len(own) == len(small) and own[f[0]] != small[f[0]]]
        stayed = [f for f in exact if f[0] == axis and tuple(small[:axis]) == tuple(shape[:axis])]
        best = (grown or stayed or exact)[0]
    elif len(found) > 1:
        free = [f for f in found if f[0] < len(raw) and raw[f[0]] == -1]
        # Between two axes: a split behind the batch (E -> heads, E/heads) leaves it with the heads, otherwise
        # it has been merged with what stands before it (length, batch -> length * batch)
        behind = len(shape) - axis - 1 + (inner > 1)
        split = len(small) - found[-1][0] > behind
        best = free[0] if free else found[-1 if split else 0]
    elif found:
        best = found[0]
    else:
        return None
    return Place(best[0], best[2])


def reshape(edits: Edits, node: NodeProto, facts: Sequence[Fact | None]) -> Fact | None:
    """Return the reshaped tensor, with the edit that lets the batch through; None to leave the node to inference."""
    data = facts[0]
    old, new = _targets(node, facts)
    if data is None or old is None or new is None:
        return None
    if not data.known:
        return _open_reshape(edits, node, data, old, new)
    zero = bool(attribute(node, "allowzero", 0))
    small = resolve(old, [d or 0 for d in data.small or ()], zero)
    grown = [d or 0 for d in data.large or ()]
    own = resolve(new, grown, zero)
    if small is None:
        return None
    axes = data.batch_axes
    place = place_of_batch(data, small, old, own, edits.batch) if len(axes) == 1 else None
    if place is None:
        if axes or own is None:
            edits.block(node, f"its target {old} spreads the batch")
        return Fact(data.elem, small, own)
    want = list(small)
    want[place.index] = edits.scaled(want[place.index])
    if own != tuple(want):
        target = list(new)
        target[place.index] = want[place.index]
        _retarget(edits, node, old, target if resolve(target, grown, zero) == tuple(want) else want)
    return Fact(data.elem, small, tuple(want), {place.index: place.inner})


def _open_reshape(edits: Edits, node: NodeProto, data: Fact, old: list[int], new: list[int]) -> Fact | None:
    """Follow a Reshape with open sizes, where only a leading batch is known."""
    batch, n = edits.batch, edits.n
    if data.small is None or data.batch_axes != [0] or data.small[0] != batch or not old:
        return None
    if old[0] == new[0] == batch:
        _retarget(edits, node, old, [n, *new[1:]])
    elif old[0] != 0 and new[0] != n:
        return None
    copied = [data.small[i] if i < len(data.small) else None for i in range(len(old))]
    rest = [copied[i] if d == 0 else (None if d == -1 else d) for i, d in enumerate(old)][1:]
    return Fact(data.elem, (batch, *rest), (n, *rest))


def _retarget(edits: Edits, node: NodeProto, old: list[int], target: Sequence[int]) -> None:
    if attribute(node, "shape") is not None:
        edits.set_attribute(node, "shape", old, target)
    else:
        edits.set_value(node, 1, old, target, np.int64)


def _targets(node: NodeProto, facts: Sequence[Fact | None]) -> tuple[list[int] | None, list[int] | None]:
    """Return a Reshape's target at the two batches; an attribute before opset 5."""
    given = attribute(node, "shape")
    if given is not None:
        return list(given), list(given)
    fact = facts[1] if len(facts) > 1 else None
    if fact is None or fact.before is None or fact.after is None:
        return None, None
    return [int(v) for v in fact.before.ravel()], [int(v) for v in fact.after.ravel()]
