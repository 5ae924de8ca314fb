"""Method ``unroll``: one copy of the graph per block of the original batch, with the constants shared."""

from __future__ import annotations

from onnx import ModelProto

from pytest_onnxaccel.graph.rebatch.batch_axis import cannot
from pytest_onnxaccel.graph.rebatch.methods.copies import Builder, copies, dependents, renamed
from pytest_onnxaccel.graph.rebatch.methods.dims import declare, set_dims
from pytest_onnxaccel.graph.rebatch.survey import Survey, base_shape

#: Most nodes of an unrolled graph; a runtime takes minutes to load larger ones.
NODE_LIMIT = 100_000


def unroll(model: ModelProto, found: Survey, n: int) -> list[str]:
    """Build a graph that splits the inputs, runs a copy on each block and joins the outputs.

    What does not depend on the inputs is computed once. Right for every deterministic model, samples that the
    original mixes included, since each copy sees one block alone.

    Raises:
        ModelError: *n* is not a multiple of the original batch, or the result would pass :data:`NODE_LIMIT`.
    """
    graph, count = model.graph, copies(found, n)
    copied = dependents(graph, found.batch.inputs)
    if len(copied) * count > NODE_LIMIT:
        raise cannot(f"unrolling {len(copied)} nodes {count} times passes the limit of {NODE_LIMIT} nodes")
    moving = {name for node in copied for name in node.output if name} | set(found.batch.inputs)
    build = Builder(model)
    if build.opset < 2:
        raise cannot(f"opset {build.opset} has no Split and Concat of the form that unrolling needs")
    shared = [node for node in graph.node if not any(node is other for other in copied)]
    names = [{name: build.names.fresh(f"{name}_run{i}") for name in sorted(moving)} for i in range(count)]
    for name in found.batch.inputs:
        if count == 1:
            build.node("Identity", [name], [names[0][name]])
        else:
            build.split(name, [run[name] for run in names], found.batch.size)
    for i, run in enumerate(names):
        for node in copied:
            copy = renamed(node, run)
            copy.name = build.names.fresh(f"{node.name}_run{i}") if node.name else ""
            build.nodes.append(copy)
    for value in graph.output:
        if value.name in moving and value.name not in found.batch.inputs:  # such an output is the batch already
            _join(build, [run[value.name] for run in names], value.name, found)
    del graph.node[:]
    graph.node.extend([*shared, *build.nodes])
    for value in [v for v in graph.value_info if v.name in moving]:
        graph.value_info.remove(value)
    shapes = {v.name: base_shape(v, found) for v in graph.output}
    told = f"unrolled: {count} copies of {len(copied)} nodes, {len(shared)} shared"
    edited = [told, *set_dims(model, found, n, inside=False)]
    for value in graph.output:
        base = shapes[value.name]
        if found.joins[value.name]["join"] == "stack" and base is not None and count > 1:
            declare(value, [count, *base])
    return edited


def _join(build: Builder, parts: list[str], target: str, found: Survey) -> None:
    how = found.joins[target]
    if how["join"] == "same" or len(parts) == 1:
        build.node("Identity", [parts[0]], [target])
        return
    if how["join"] == "stack":
        rows = [build.names.fresh(f"{part}_row") for part in parts]
        for part, row in zip(parts, rows, strict=True):
            build.with_axes("Unsqueeze", part, row, 0)
        parts = rows
    build.node("Concat", parts, [target], axis=int(how["axis"]))
