"""What an exported file declares: the names that were asked for, of inputs, outputs and open sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pytest_onnxaccel.convert.from_pytorch.example_inputs import Examples
from pytest_onnxaccel.core.dims import names_in


def declare(
    path: str,
    inputs: Sequence[str],
    outputs: Sequence[str],
    given: Examples,
    axes: Mapping[str, Mapping[int, str]],
) -> None:
    """Give the file at *path* the names that were asked for; a value of the exporter with one of them gets another.

    Args:
        path: the ONNX file; it is written again.
        inputs: names for the inputs, in order.
        outputs: names for the outputs, in order.
        given: the examples that it was exported with.
        axes: open axes of the outputs with their names; empty for one that follows from no name.
    """
    import onnx

    model = onnx.load(path, load_external_data=False)
    before = model.SerializeToString(deterministic=True)
    graph = model.graph
    if len(graph.output) == len(outputs):
        _name_outputs(graph, outputs, set(inputs))
    renamed = {}
    for value in graph.input:
        for axis, dim in enumerate(value.type.tensor_type.shape.dim):
            wanted = given.axes.get(value.name, {}).get(axis, "")
            if dim.HasField("dim_param") and wanted.isidentifier() and dim.dim_param.isidentifier():
                renamed[dim.dim_param] = wanted
    _name_sizes(graph, renamed, given, axes)
    if model.SerializeToString(deterministic=True) != before:
        onnx.save(model, path)


def separate(graph: Any, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """Let no other value of a graph in memory, whose exporter names the outputs whatever they are, have their names.

    Args:
        graph: of ``onnx_ir``.
        inputs: names of the inputs.
        outputs: names of the outputs.
    """
    kept = {id(value) for value in (*graph.inputs, *graph.outputs)}
    asked = {*inputs, *outputs}
    values = [value for node in graph.all_nodes() for value in node.outputs]
    values += graph.initializers.values()
    used = {value.name for value in values} | asked
    for value in values:
        if value.name in asked and id(value) not in kept:
            value.name = _free(value.name, used)


def _name_outputs(graph: Any, wanted: Sequence[str], inputs: set[str]) -> None:
    import onnx

    found = [value.name for value in graph.output]
    if found == list(wanted):
        return
    used = {name for one in _graphs(graph) for name in _names(one)} | set(wanted)
    own = {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}
    renamed: dict[str, str] = {}
    for name, want in zip(found, wanted, strict=True):
        if name == want:
            continue
        if name in own or name in renamed or found.count(name) > 1 or want in inputs:
            if want not in own:  # one value under two names: it needs a node of its own
                graph.node.append(onnx.helper.make_node("Identity", [name], [want]))
            continue
        renamed[name] = want
    for name in set(wanted) - set(found):
        if name in used - own:
            renamed.setdefault(name, _free(name, used))
    for one in _graphs(graph):
        _rename(one, renamed)
    for value, want in zip(graph.output, wanted, strict=True):
        value.name = want


def _free(name: str, used: set[str]) -> str:
    number = next(n for n in range(1, len(used) + 2) if f"{name}_inner_{n}" not in used)
    used.add(f"{name}_inner_{number}")
    return f"{name}_inner_{number}"


def _graphs(graph: Any) -> Iterator[Any]:
    """Yield *graph* and what is nested in it."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs) if attribute.type in (5, 10) else ():
                yield from _graphs(inner)


def _names(graph: Any) -> Iterator[str]:
    for values in (graph.input, graph.output, graph.value_info, graph.initializer):
        yield from (value.name for value in values)
    for node in graph.node:
        yield from node.input
        yield from node.output


def _rename(graph: Any, renamed: Mapping[str, str]) -> None:
    for node in graph.node:
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                if name in renamed:
                    names[index] = renamed[name]
    for values in (graph.input, graph.output, graph.value_info, graph.initializer):
        for value in values:
            value.name = renamed.get(value.name, value.name)


def _name_sizes(
    graph: Any,
    renamed: Mapping[str, str],
    given: Examples,
    axes: Mapping[str, Mapping[int, str]],
) -> None:
    """Name open sizes: those of the inputs as asked, those of the outputs as they follow from them."""
    for value in graph.input:
        for axis, dim in enumerate(value.type.tensor_type.shape.dim):
            if dim.HasField("dim_param"):
                dim.dim_param = given.axes.get(value.name, {}).get(axis, dim.dim_param)
    for value in graph.output:
        for axis, dim in enumerate(value.type.tensor_type.shape.dim):
            seen = axes.get(value.name, {}).get(axis)
            if seen:
                dim.dim_param = seen
            elif seen is not None and not (dim.dim_param and set(names_in(dim.dim_param)) <= set(given.sizes)):
                dim.dim_param = f"{value.name}_dim_{axis}"
            elif dim.HasField("dim_param"):
                dim.dim_param = renamed.get(dim.dim_param, dim.dim_param)
    for value in graph.value_info:
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param in renamed:
                dim.dim_param = renamed[dim.dim_param]
