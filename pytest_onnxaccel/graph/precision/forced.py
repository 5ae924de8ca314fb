"""A graph that is fed the right values all along: what each part loses by itself. Runs in a worker, gives JSON.

Where a value is turned into whole numbers at once, it is cut behind them: so a node's loss is that of its weights and
of the numbers that it gives its result in, and a rectifier that these do the work of is not missed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from onnx import ModelProto, NodeProto, helper

from pytest_onnxaccel.graph.files import load_graph
from pytest_onnxaccel.graph.precision.operators import written_by
from pytest_onnxaccel.graph.precision.quantised import WHOLE
from pytest_onnxaccel.graph.probe.anatomy import captured
from pytest_onnxaccel.graph.probe.expose import declared, element_type, write_beside
from pytest_onnxaccel.graph.probe.unsteady import drop_dead

#: Behind the name of a value: the input that takes its place for all who read it, and its floats as an output.
FED, SHOWN = "__fed", "__shown"


class Cut(NamedTuple):
    """One place where the graph is cut.

    Attributes:
        original: the original's value that belongs there.
        value: the graph's own.
        scale, zero: names of the constants that its whole numbers mean; empty where it is a float.
    """

    original: str
    value: str
    scale: str = ""
    zero: str = ""


def forced(source: str, target: str, values: Mapping[str, Sequence[object]]) -> dict[str, object]:
    """Write the model at *source* to *target*, in which a node that reads one of *values* reads an input instead.

    Args:
        source: path of the quantised model.
        target: path that is written.
        values: ``[element type as NumPy names it, shape]`` by the name that the original has for it.

    Returns:
        ``cuts``: each with ``original``, ``value`` (where it is cut), ``fed`` (the input, or empty where nothing reads
        it), ``shown`` (the output that holds it) and ``whole`` (it is fed in whole numbers).
    """
    model = ModelProto()
    model.CopyFrom(load_graph(source))
    graph = model.graph
    inner = {name for node in graph.node for name in captured(node)}
    present = {value.name for value in graph.output}
    read = {name for node in graph.node for name in node.input}
    found = [cut for cut in _cuts(model, values) if cut.value not in inner]
    taken = {cut.value for cut in found}
    for node in graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = name + FED if name in taken else name
    told = []
    for cut in found:
        dtype, shape = values[cut.original]
        assert isinstance(shape, Sequence)
        sizes = [int(size) for size in shape]
        fed = f"{cut.value}{FED}" if not cut.scale else f"{cut.value}{FED}_float"
        shown = cut.value if not cut.scale else f"{cut.value}{SHOWN}"
        if cut.scale:
            steps = [name for name in (cut.scale, cut.zero) if name]
            graph.node.insert(0, helper.make_node("QuantizeLinear", [fed, *steps], [cut.value + FED], name=fed))
            graph.node.append(helper.make_node("DequantizeLinear", [cut.value, *steps], [shown], name=shown))
        if shown not in present:
            graph.output.append(declared(shown, (None, dtype, sizes), None))
        if cut.value in read:
            graph.input.append(helper.make_tensor_value_info(fed, element_type(str(dtype)), sizes))
        elif cut.scale:
            del graph.node[0]
        told.append(
            {
                "original": cut.original,
                "value": cut.value,
                "fed": fed if cut.value in read else "",
                "shown": shown,
                "whole": bool(cut.scale),
            }
        )
    graph.ClearField("value_info")
    write_beside(model, source, target)
    return {"cuts": told}


def part_of(source: str, target: str, output: str) -> dict[str, object]:
    """Write of the model at *source* to *target* what *output* follows from.

    Returns:
        ``inputs``: names of the inputs that are left.
    """
    model = ModelProto()
    model.CopyFrom(load_graph(source))
    graph = model.graph
    kept = [value for value in graph.output if value.name == output]
    del graph.output[:]
    graph.output.extend(kept)
    read = drop_dead(graph)
    for values in (graph.input, graph.initializer):
        left = [value for value in values if value.name in read]
        del values[:]
        values.extend(left)
    write_beside(model, source, target)
    return {"inputs": [value.name for value in graph.input]}


def _cuts(model: ModelProto, values: Mapping[str, Sequence[object]]) -> Iterator[Cut]:
    readers: dict[str, list[NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    outputs = {value.name for value in model.graph.output}
    made = {name for node in model.graph.node for name in node.output}
    for name in values:
        behind = readers.get(name, [])
        if behind and name not in outputs and all(node.op_type == "QuantizeLinear" for node in behind):
            back = [d for node in behind for d in readers.get(node.output[0], []) if d.op_type == "DequantizeLinear"]
            yield from (Cut(name, node.output[0]) for node in back)
            if not back:  # its numbers are read as they are
                yield from (Cut(name, node.output[0], *(written_by(node) or ())) for node in behind)
        elif name in made:
            yield Cut(name, name)
    for node in model.graph.node:
        original = node.output[0].removesuffix(WHOLE) if node.output else ""
        steps = written_by(node)
        if steps is not None and node.op_type != "QuantizeLinear" and original in values and original not in made:
            yield Cut(original, node.output[0], *steps)
