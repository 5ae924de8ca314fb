"""Gives every value and node of a graph a name that TensorFlow takes."""

from __future__ import annotations

import keyword
import re

import onnx

_ILLEGAL = re.compile(r"[^A-Za-z0-9_]")


class Namer:
    """Hands out identifiers, each once; two that differ only in case count as one, as in TensorFlow."""

    def __init__(self) -> None:
        self._taken = {"self", "inputs", "outputs"}

    def fresh(self, wanted: str, fallback: str = "value") -> str:
        """Return an identifier not handed out before, as near to *wanted* as it can be."""
        plain = _ILLEGAL.sub("_", wanted).strip("_") or fallback
        if not plain[0].isalpha() or keyword.iskeyword(plain):
            plain = f"{fallback}_{plain}"
        name, number = plain, 0
        while name.lower() in self._taken:
            number += 1
            name = f"{plain}_{number}"
        self._taken.add(name.lower())
        return name


def rename(model: onnx.ModelProto) -> tuple[dict[str, str], dict[str, str]]:
    """Rename in place; the inputs and the outputs as {new name: old name}, in the declared order.

    Values of sibling subgraphs get names of their own: onnx-tf keeps the initializers of all graphs in one
    dict.
    """
    values, operations = Namer(), Namer()
    inputs, outputs = list(model.graph.input), list(model.graph.output)
    before = [info.name for info in inputs], [info.name for info in outputs]
    _rename_graph(model.graph, {"": ""}, values, operations)
    return (
        {info.name: old for info, old in zip(inputs, before[0], strict=True)},
        {info.name: old for info, old in zip(outputs, before[1], strict=True)},
    )


def _rename_graph(graph: onnx.GraphProto, outer: dict[str, str], values: Namer, operations: Namer) -> None:
    known = dict(outer)

    def define(name: str, fallback: str = "value") -> str:
        if name:
            known[name] = values.fresh(name, fallback)
        return known[name]

    # Inputs and outputs first: theirs are the names that users see
    own = {info.name for info in graph.input} | {weight.name for weight in graph.initializer}
    own |= {weight.values.name for weight in graph.sparse_initializer}
    own |= {name for node in graph.node for name in node.output}
    for info in graph.input:
        info.name = define(info.name, "input")
    for info in graph.output:
        if info.name in own and known.get(info.name) == outer.get(info.name):
            define(info.name, "output")
        info.name = known.get(info.name, info.name)
    for name in sorted(own - {""}):
        if known.get(name) == outer.get(name):
            define(name)
    for weight in graph.initializer:
        weight.name = known[weight.name]
    for weight in graph.sparse_initializer:
        weight.values.name = known[weight.values.name]
    kept = [info for info in graph.value_info if info.name in own]
    del graph.value_info[:]
    for info in kept:
        info.name = known[info.name]
    graph.value_info.extend(kept)
    for node in graph.node:
        node.name = operations.fresh(node.name or node.op_type, node.op_type or "node")
        node.input[:] = [known.get(name, name) for name in node.input]
        node.output[:] = [known[name] for name in node.output]
        for attribute in node.attribute:
            for inner in [attribute.g] if attribute.HasField("g") else attribute.graphs:
                _rename_graph(inner, known, values, operations)
    del graph.quantization_annotation[:]
