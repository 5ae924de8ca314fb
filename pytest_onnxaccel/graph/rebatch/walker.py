"""Follow the batch through a graph, node by node, and write down what holds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from onnx import AttributeProto, GraphProto, NodeProto

from pytest_onnxaccel.graph.rebatch.edits import Edits
from pytest_onnxaccel.graph.rebatch.facts import (
    UNKNOWN,
    DoesNotFit,
    Fact,
    fact_of_tensor,
    fact_of_value,
    infer,
)
from pytest_onnxaccel.graph.rebatch.rules.control_flow import control
from pytest_onnxaccel.graph.rebatch.rules.mixing import mixes
from pytest_onnxaccel.graph.rebatch.rules.operands import OPERANDS, broadcast
from pytest_onnxaccel.graph.rebatch.rules.reshape import reshape
from pytest_onnxaccel.graph.rebatch.shape_values import attribute, evaluate

Facts = list[Fact | None]

#: Why of a node that no rule could make sense of.
UNREADABLE = "its operands are not what its operator takes"


class Walker:
    """Walks graphs of one model; what it finds is in *ledger*.

    Args:
        ledger: the two batches, and where to write.
        opsets: the model's operator sets.
        declared: shapes of values that the file declares, for operators that onnx does not know.
    """

    def __init__(self, edits: Edits, opsets: Sequence[Any], declared: Mapping[str, tuple[Any, ...]]) -> None:
        self.edits = edits
        self.opsets = opsets
        self.declared = declared
        self.opset = next((o.version for o in opsets if o.domain in ("", "ai.onnx")), 1)

    def graph(self, graph: GraphProto, formals: Mapping[str, Fact], outer: Mapping[str, Fact]) -> dict[str, Fact]:
        """Return the facts of every value of *graph*, the visible *outer* ones included."""
        env = dict(outer)
        for tensor in graph.initializer:
            env[tensor.name] = fact_of_tensor(tensor)
        env.update(formals)
        for node in graph.node:
            mark = self.edits.mark()
            try:
                found = self.node(node, env)
            except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
                # Operands or attributes of a kind that the operator does not take: the runtime's to refuse
                self.edits.back(mark)
                self.edits.note(node, UNREADABLE)
                found = [UNKNOWN for _ in node.output]
            env.update((name, fact) for name, fact in zip(node.output, found, strict=False) if name)
        return env

    def node(self, node: NodeProto, env: Mapping[str, Fact]) -> list[Fact]:
        """Return the facts of the node's outputs."""
        facts: Facts = [env.get(name, UNKNOWN) if name else None for name in node.input]
        if node.op_type == "Constant":
            return [_constant(node)]
        if any(a.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS) for a in node.attribute):
            return control(self.edits, node, facts, lambda g, formals: self._body(g, formals, env))
        standard = node.domain in ("", "ai.onnx")
        if standard and node.op_type in ("Shape", "Size"):
            return [_measured(node, facts[0])]
        if standard and node.op_type == "Reshape":
            shaped = reshape(self.edits, node, facts)
            if shaped is not None:
                return self._finish(node, facts, [shaped])
        if standard and node.op_type in OPERANDS:
            facts = OPERANDS[node.op_type](self.edits, node, facts)
        try:
            found = infer(self.edits.as_edited(node), facts, self.opsets)
        except DoesNotFit:
            facts = broadcast(self.edits, node, facts)
            try:
                found = infer(node, facts, self.opsets)
            except DoesNotFit:
                squeezes = node.op_type == "Squeeze"
                why = "it squeezes the batch axis away" if squeezes else "its shapes fit no other batch"
                self.edits.block(node, why)
                return [UNKNOWN for _ in node.output]
        if not standard:
            found = [self._guess(name, f, facts) for name, f in zip(node.output, found, strict=True)]
        return self._finish(node, facts, found)

    def _body(self, graph: GraphProto, formals: Sequence[Fact], env: Mapping[str, Fact]) -> list[Fact]:
        named = {value.name: fact for value, fact in zip(graph.input, formals, strict=False)}
        inside = self.graph(graph, named, env)
        return [inside.get(value.name, UNKNOWN) for value in graph.output]

    def _guess(self, name: str, fact: Fact, facts: Facts) -> Fact:
        """Return an operator that onnx does not know keeps samples on axis 0 where its neighbours have them."""
        shape = self.declared.get(name)
        if fact.small is not None or shape is None or not all(isinstance(d, int) for d in shape):
            return fact
        carried = any(f is not None and 0 in f.batch_axes for f in facts)
        large = (self.edits.scaled(shape[0]), *shape[1:]) if shape and carried else shape
        return replace(fact, small=shape, large=large)

    def _finish(self, node: NodeProto, facts: Facts, found: list[Fact]) -> list[Fact]:
        """Add values, the inner factors and taints to *found*, and look for samples that got mixed."""
        # CastLike takes the type of its second operand and nothing else
        ins = [f for f in (facts[:1] if node.op_type == "CastLike" else facts) if f is not None]
        fed = any(f.fed for f in ins)
        why = mixes(node, facts, self.opset) if fed else ""
        repeated = any(f.repeated for f in ins)
        lost_track = any(f.fed and (f.small is None or f.large is None) for f in ins)
        result: list[Fact] = []
        for fact in found:
            fact = replace(fact, fed=fed, inner=fact.inner or self._inner(node, fact, facts), repeated=repeated)
            if not fed and len(found) == 1:
                fact = _valued(node, facts, fact)
            why = why or (self._lost(fact, ins) if fed else "")
            if lost_track and fact.small == fact.large:
                fact = replace(fact, small=None, large=None)  # a constant size says nothing of the batch here
            result.append(fact)
        if why:
            self.edits.block(node, why)
        return result

    def _lost(self, fact: Fact, ins: Sequence[Fact]) -> str:
        """Return why the batch is no longer one axis of N samples in *fact*, or an empty string."""
        carriers = [f for f in ins if f.fed and f.batch_axes]
        if not carriers or fact.small is None or fact.large is None:
            return ""
        if len(fact.small) != len(fact.large):
            return ""  # a Squeeze without axes: what follows decides
        axes = fact.batch_axes
        if not axes and fact.known:
            return "its result has lost the batch axis"
        if len(axes) > 1 and all(len(f.batch_axes) == 1 for f in carriers):
            return "it relates the samples of a batch with each other"
        for axis in axes:
            small, large = fact.small[axis], fact.large[axis]
            if small and large and small * self.edits.n != large * self.edits.batch:
                return f"axis {axis} of its result does not grow with the batch"
        return ""

    def _inner(self, node: NodeProto, fact: Fact, facts: Facts) -> dict[int, int]:
        """Return the factor behind the batch in merged axes, taken from the input axis that it came from."""
        inner: dict[int, int] = {}
        for axis in fact.batch_axes:
            size = (fact.small or ())[axis]
            if size is None or size == self.edits.batch:
                continue
            for other in facts:
                for place, factor in other.inner.items() if other is not None else ():
                    same = other is not None and (other.small or ())[place : place + 1] == (size,)
                    if same or (node.op_type == "Concat" and place == axis):
                        inner[axis] = factor
            if node.op_type == "Concat" and axis not in inner:
                parts = {(f.small or (None,) * 9)[axis] for f in facts if f is not None and f.small}
                if parts == {self.edits.batch}:
                    inner[axis] = 1  # one batch after the other
        return inner


def _constant(node: NodeProto) -> Fact:
    for name, dtype in (("value_ints", np.int64), ("value_int", np.int64), ("value_floats", np.float32)):
        given = attribute(node, name)
        if given is not None:
            return fact_of_value(np.asarray(given, dtype))
    if attribute(node, "value_float") is not None:
        return fact_of_value(np.asarray(attribute(node, "value_float"), np.float32))
    tensor = attribute(node, "value")
    return Fact() if tensor is None else fact_of_tensor(tensor)


def _measured(node: NodeProto, fact: Fact | None) -> Fact:
    """Follow Shape and Size: numbers that follow the batch, free of the data."""
    if fact is None or fact.small is None or fact.large is None:
        return UNKNOWN
    start, end = int(attribute(node, "start", 0)), attribute(node, "end")
    pair = [tuple(shape)[start:end] for shape in (fact.small, fact.large)]
    if any(d is None for shape in pair for d in shape):
        open_value = fact_of_value(np.zeros(len(pair[0]), np.int64))
        return replace(open_value, before=None, after=None)
    before, after = (np.asarray(shape, np.int64) for shape in pair)
    if node.op_type == "Size":
        before, after = np.asarray(before.prod()), np.asarray(after.prod())
    return replace(fact_of_value(before), large=after.shape, after=after)


def _valued(node: NodeProto, facts: Facts, fact: Fact) -> Fact:
    """Return *fact* with its value, and the shape that the value proves, where it can be computed."""
    before = evaluate(node, [None if f is None else f.before for f in facts])
    after = evaluate(node, [None if f is None else f.after for f in facts])
    if before is not None and after is not None:
        return replace(fact, small=before.shape, large=after.shape, before=before, after=after)
    return fact
