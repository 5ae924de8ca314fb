"""Nodes with subgraphs: If, Loop and Scan bodies are walked with the facts that flow into them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from onnx import GraphProto, NodeProto, TensorProto

from pytest_onnxaccel.graph.rebatch.edits import Edits, repeatable
from pytest_onnxaccel.graph.rebatch.facts import UNKNOWN, Fact
from pytest_onnxaccel.graph.rebatch.shape_values import attribute

#: Walks a body with facts for its formal inputs and gives the facts of its outputs.
Walk = Callable[[GraphProto, Sequence[Fact]], list[Fact]]

_SCALAR = Fact(TensorProto.INT64, (), (), fed=True)


def control(edits: Edits, node: NodeProto, facts: Sequence[Fact | None], walk: Walk) -> list[Fact]:
    """Return the facts of the outputs of a node that has subgraphs; unknown for kinds that are not followed."""
    inputs = [UNKNOWN if f is None else f for f in facts]
    if node.op_type == "If":
        return _branches(node, inputs, walk)
    if node.op_type == "Loop":
        return _loop(edits, node, inputs, walk)
    if node.op_type == "Scan":
        return _scan(edits, node, inputs, walk)
    return [UNKNOWN for _ in node.output]


def _branches(node: NodeProto, inputs: list[Fact], walk: Walk) -> list[Fact]:
    then = walk(attribute(node, "then_branch"), [])
    other = walk(attribute(node, "else_branch"), [])
    condition = inputs[0]
    merged: list[Fact] = []
    for a, b in zip(then, other, strict=False):
        fed = a.fed or b.fed or condition.fed
        alike = a.small == b.small and a.large == b.large
        # A branch that gives a table without a batch is broadcast or not by whoever uses it: follow the other
        chosen = a if alike or a.batch_axes else b
        merged.append(replace(chosen, fed=fed, before=None, after=None) if alike or chosen.batch_axes else UNKNOWN)
    return merged + [UNKNOWN] * (len(node.output) - len(merged))


def _carried(fact: Fact) -> Fact:
    return replace(fact, fed=True, before=None, after=None)


def _repeatable_axes(start: Fact, end: Fact) -> list[int]:
    """Return axes on which a state that starts without the batch comes back with it."""
    if start.small is None or end.small != start.small:
        return []
    return [axis for axis in end.batch_axes if repeatable(start, axis, start.small[axis])]


def _fixpoint(
    edits: Edits,
    node: NodeProto,
    states: list[Fact],
    slots: Sequence[int],
    body: Callable[[list[Fact]], list[Fact]],
) -> tuple[list[Fact], list[Fact]]:
    """Return states that a body leaves as it found them, and the body's outputs.

    A state that starts as a table for the original batch and comes back with the other batch is repeated
    first; a state that changes its shape otherwise is unknown.
    """
    states = list(states)
    repeats: list[tuple[int, int]] = []
    outputs: list[Fact] = []
    for _ in range(len(states) + 2):
        mark = edits.mark()
        outputs = body([_carried(s) for s in states])
        changed = False
        for i, (start, end) in enumerate(zip(states, outputs, strict=False)):
            if (start.small, start.large) == (end.small, end.large) or start is UNKNOWN:
                continue
            changed = True
            axes = _repeatable_axes(start, end)
            if not axes:
                states[i] = UNKNOWN
            for axis in axes:
                repeats.append((i, axis))
                large = list(start.large or ())
                large[axis] = (end.large or ())[axis]
                states[i] = replace(start, large=tuple(large), after=None)
        if not changed:
            break
        edits.back(mark)
    for i, axis in repeats:
        if states[i] is not UNKNOWN:
            edits.repeat(node, slots[i], replace(states[i], large=states[i].small), axis)
    return states, outputs


def _loop(edits: Edits, node: NodeProto, inputs: list[Fact], walk: Walk) -> list[Fact]:
    graph = attribute(node, "body")
    count = len(inputs) - 2

    def body(states: list[Fact]) -> list[Fact]:
        return walk(graph, [_SCALAR, replace(_SCALAR, elem=TensorProto.BOOL), *states])[1:]

    states, outputs = _fixpoint(edits, node, inputs[2:], range(2, 2 + count), body)
    return [_carried(s) for s in states] + [_stacked(o, None) for o in outputs[count:]]


def _stacked(fact: Fact, length: int | None, other: int | None = None) -> Fact:
    """Return what a scan output is: an axis of iterations in front."""
    if fact.small is None or fact.large is None:
        return UNKNOWN
    inner = {axis + 1: factor for axis, factor in fact.inner.items()}
    large = (length if other is None else other, *fact.large)
    return replace(fact, small=(length, *fact.small), large=large, inner=inner, fed=True, before=None, after=None)


def _scan(edits: Edits, node: NodeProto, inputs: list[Fact], walk: Walk) -> list[Fact]:
    graph = attribute(node, "body")
    scanned = int(attribute(node, "num_scan_inputs", 0))
    count = len(inputs) - scanned
    moved = [*(attribute(node, "scan_input_axes") or ()), *(attribute(node, "scan_output_axes") or ())]
    if any(moved) or not scanned or count < 0:
        return [UNKNOWN for _ in node.output]
    slices: list[Fact] = []
    for fact in inputs[count:]:
        if not fact.small or not fact.large:
            slices.append(UNKNOWN)
            continue
        if count and 0 in fact.batch_axes:  # without a state, one step per sample is not mixing
            edits.block(node, "it carries a state from sample to sample")
        inner = {axis - 1: factor for axis, factor in fact.inner.items() if axis}
        slices.append(replace(fact, small=fact.small[1:], large=fact.large[1:], inner=inner, before=None, after=None))

    def body(states: list[Fact]) -> list[Fact]:
        return walk(graph, [*states, *slices])

    states, outputs = _fixpoint(edits, node, inputs[:count], range(count), body)
    small, large = (inputs[count].small or (None,))[0], (inputs[count].large or (None,))[0]
    return [_carried(s) for s in states] + [_stacked(o, small, large) for o in outputs[count:]]
