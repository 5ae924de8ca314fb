"""Walk from the inputs over the operators that read them, subgraphs and functions included, and gather facts.

What a value is made of flows forward (``flow/``); what an operator demands of its operands is looked up by its name
in the rules of its family. The walk is one pass over the nodes: it computes nothing but small constants.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import onnx

from pytest_onnxaccel.graph.files import fed_values
from pytest_onnxaccel.graph.inputs.backward import carried_back
from pytest_onnxaccel.graph.inputs.findings import Findings
from pytest_onnxaccel.graph.inputs.flow.bodies import either, formals, graphs_of, with_attributes
from pytest_onnxaccel.graph.inputs.flow.constants import add_constants
from pytest_onnxaccel.graph.inputs.flow.operator import Operator
from pytest_onnxaccel.graph.inputs.flow.outputs import outputs
from pytest_onnxaccel.graph.inputs.flow.shapes import declared_shapes
from pytest_onnxaccel.graph.inputs.trace import UNKNOWN, Trace, Value, computed, union

#: Subgraphs and functions are walked to this depth.
_DEEPEST = 12
#: Nodes that a walk looks at, calls of functions counted each: a function may be called by functions many times.
_MOST_NODES = 200_000


class Site:
    """One node with what is known of its operands.

    Attributes:
        operator: what holds for every node of its operator.
        operands: of the node's inputs in order; None for one that is left out.
        outputs: names of the node's outputs.
        declared: sizes that the file declares for a value, by name.
        opset: version of the default operator domain.
    """

    __slots__ = ("declared", "findings", "node", "operands", "operator", "opset", "outputs")

    def __init__(
        self,
        node: Any,
        operator: Operator,
        operands: tuple[Value | None, ...],
        findings: Findings,
        declared: Mapping[str, tuple[int | str | None, ...]],
        opset: int,
    ) -> None:
        self.node = node
        self.operator = operator
        self.operands = operands
        self.outputs: Sequence[str] = node.output
        self.findings = findings
        self.declared = declared
        self.opset = opset

    def operand(self, place: int) -> Value:
        """Return operand *place*; one that is left out is unknown."""
        found = self.operands[place] if place < len(self.operands) else None
        return UNKNOWN if found is None else found

    def attribute(self, name: str, default: Any = None) -> Any:
        """Return an attribute's value."""
        for item in self.node.attribute:
            if item.name == name:
                return onnx.helper.get_attribute_value(item)
        return default

    def output_shape(self, place: int = 0) -> tuple[int | str | None, ...] | None:
        """Return what the file declares for output *place*."""
        names = self.outputs
        return self.declared.get(names[place]) if place < len(names) else None


Rule = Callable[[Site], None]


class Walk:
    """One walk over one model.

    Args:
        rules: by ``domain:operator``; the default domain is empty.
    """

    def __init__(self, model: Any, rules: Mapping[str, Sequence[Rule]]) -> None:
        self.findings = Findings()
        self._model = model
        self._rules = rules
        self._functions = {(f.domain, f.name, f.overload): f for f in model.functions}
        self._opset = next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), 1)
        self._declared = carried_back(model.graph, declared_shapes(model.graph))
        self._seen = 0
        self._operators: dict[tuple[str, str], tuple[Operator, Sequence[Rule]]] = {}

    def run(self) -> dict[str, Value]:
        """Walk the main graph.

        Returns:
            What is known of each of its values.
        """
        env: dict[str, Value] = {}
        for value in fed_values(self._model.graph):
            tensor = value.type.tensor_type if value.type.HasField("tensor_type") else None
            env[value.name] = Value(
                (Trace(value.name),),
                shape=self._declared.get(value.name),
                by=frozenset({value.name}),
                elem_type=tensor.elem_type if tensor is not None else 0,
            )
        return self._graph(self._model.graph, env, 0)

    def _graph(self, graph: Any, outer: Mapping[str, Value], depth: int) -> dict[str, Value]:
        env = dict(outer)
        add_constants(graph, env)
        for node in graph.node:
            self._node(node, env, depth)
        return env

    def _node(self, node: Any, env: dict[str, Value], depth: int) -> None:
        self._seen += 1
        if self._seen > _MOST_NODES:
            return
        operands = tuple([env.get(name, UNKNOWN) if name else None for name in node.input])
        key = (node.domain, node.op_type)
        operator, rules = self._operators.get(key) or self._looked_up(key)
        function = self._functions.get((*key, node.overload)) if self._functions else None
        made: Sequence[Value] | None = None
        if function is not None:
            made = self._call(node, function, operands, depth)
        site = Site(node, operator, operands, self.findings, self._declared, self._opset)
        if rules and True in [v is not None and v.fed for v in operands]:
            for rule in rules:
                try:
                    rule(site)
                except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
                    continue  # operands or attributes that the operator does not take: the runtime's to refuse
        if made is None:
            made = self._bodies(node, operands, env, depth)
        if made is None:
            try:
                made = outputs(site)
            except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
                by = union([v.by for v in operands if v is not None])
                made = [computed(by, by)] * len(site.outputs)
        for name, value in zip(site.outputs, made, strict=False):
            if name:
                env[name] = value

    def _looked_up(self, key: tuple[str, str]) -> tuple[Operator, Sequence[Rule]]:
        operator = Operator(*key)
        rules = self._rules.get(f"{'' if operator.standard else operator.domain}:{operator.name}", ())
        self._operators[key] = operator, rules
        return operator, rules

    def _call(self, node: Any, function: Any, operands: Sequence[Value | None], depth: int) -> Sequence[Value] | None:
        if depth >= _DEEPEST:
            return None
        env = {name: v for name, v in zip(function.input, operands, strict=False) if v is not None}
        for inner in function.node:
            self._node(with_attributes(inner, node, function), env, depth + 1)
        return [env.get(name, UNKNOWN) for name in function.output]

    def _bodies(
        self, node: Any, operands: Sequence[Value | None], env: Mapping[str, Value], depth: int
    ) -> Sequence[Value] | None:
        """Return the outputs of a node with subgraphs, which see the values around them; None for a node without."""
        attributes = node.attribute
        bodies = [body for item in attributes for body in graphs_of(item)] if attributes else []
        if not bodies:
            return None
        by = frozenset[str]().union(*(v.by | v.sized_by for v in operands if v is not None))
        results: list[list[Value]] = []
        for body in bodies if depth < _DEEPEST else ():
            inside = self._graph(body, {**env, **formals(node, body, operands)}, depth + 1)
            results.append([inside.get(value.name, UNKNOWN) for value in body.output])
        if node.op_type == "If" and len(results) == 2 and len(results[0]) == len(results[1]):
            chosen = frozenset[str]().union(*(v.by for v in operands if v is not None))
            return [either(a, b, chosen) for a, b in zip(*results, strict=True)]
        by = by.union(*(v.by | v.sized_by for result in results for v in result))
        # How often a body runs, and which one, may decide how much comes out of it
        return [Value(by=by, sized_by=by if node.op_type in ("Loop", "If") else frozenset()) for _ in node.output]
