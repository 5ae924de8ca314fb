"""Method ``scan``: the original graph as the body of an ONNX Scan, one block of its own batch a step."""

from __future__ import annotations

from onnx import ModelProto, ValueInfoProto, helper

from pytest_onnxaccel.graph.rebatch.batch_axis import cannot
from pytest_onnxaccel.graph.rebatch.join import Join
from pytest_onnxaccel.graph.rebatch.methods.copies import Builder, copies, dependents, renamed
from pytest_onnxaccel.graph.rebatch.methods.dims import declare, set_dims
from pytest_onnxaccel.graph.rebatch.survey import Survey, base_shape

#: First opset with the Scan used here; the Scan of opset 8 has other inputs and a batch axis of its own.
LEAST_OPSET = 9


def scan(model: ModelProto, found: Survey, n: int) -> list[str]:
    """Put all that depends on the inputs into a Scan; constants stay outside, where the body sees them.

    The outer inputs and outputs keep their names; right for every deterministic model, like ``unroll``, with
    the graph stored once.

    Raises:
        ModelError: the opset is below 9, *n* is not a multiple of the original batch, no output depends on an
            input, or open sizes hide how blocks are to be laid out.
    """
    graph, count = model.graph, copies(found, n)
    build = Builder(model)
    if build.opset < LEAST_OPSET:
        raise cannot(f"opset {build.opset} has no Scan of the form of opset {LEAST_OPSET}")
    inside = dependents(graph, found.batch.inputs)
    moving = {name for node in inside for name in node.output if name} | set(found.batch.inputs)
    # An input that is an output as well passes by: it is the batch already
    outputs = [v for v in graph.output if v.name in moving and v.name not in found.batch.inputs]
    if not outputs:
        raise cannot("no output depends on an input")
    blocks = {name: build.names.fresh(f"{name}_block") for name in found.batch.inputs}
    results = {v.name: build.names.fresh(f"{v.name}_block") for v in outputs}
    stacks = {v.name: build.names.fresh(f"{v.name}_blocks") for v in outputs}
    nodes = [renamed(node, blocks | results) for node in inside]
    body_outputs = [_typed(v, results[v.name], base_shape(v, found)) for v in outputs]
    by_name = {v.name: v for v in graph.input}
    body_inputs = [_block_input(by_name[name], blocks[name], found) for name in found.batch.inputs]
    body = helper.make_graph(nodes, build.names.fresh("batch_body"), body_inputs, body_outputs)
    feeds = [_blocks(build, by_name[name], found, count) for name in found.batch.inputs]
    axes = [int(found.joins[v.name]["axis"]) for v in outputs]
    attributes = {"scan_output_axes": axes} if any(axes) else {}
    build.node("Scan", feeds, [stacks[v.name] for v in outputs], body=body, num_scan_inputs=len(feeds), **attributes)
    for value in outputs:
        _unstack(build, stacks[value.name], value, found.joins[value.name], base_shape(value, found), count)
    shared = [node for node in graph.node if not any(node is other for other in inside)]
    del graph.node[:]
    graph.node.extend([*shared, *build.nodes])
    for value in [v for v in graph.value_info if v.name in moving]:
        graph.value_info.remove(value)
    return _declare(model, found, n, count, len(inside))


def _declare(model: ModelProto, found: Survey, n: int, count: int, inside: int) -> list[str]:
    shapes = {v.name: base_shape(v, found) for v in model.graph.output}
    edited = [f"scan: {count} steps over a body of {inside} nodes", *set_dims(model, found, n, inside=False)]
    for value in model.graph.output:
        base = shapes[value.name]
        if found.joins[value.name]["join"] == "stack" and base is not None and count > 1:
            declare(value, [count, *base])
    return edited


def _typed(value: ValueInfoProto, name: str, shape: list[int | None] | None) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, value.type.tensor_type.elem_type, shape)


def _block_input(value: ValueInfoProto, name: str, found: Survey) -> ValueInfoProto:
    return _typed(value, name, list(found.facts[value.name].small or ()))


def _blocks(build: Builder, value: ValueInfoProto, found: Survey, count: int) -> str:
    """Lay the input out as (steps, original batch, ...); gives the new name."""
    shape = list(found.facts[value.name].small or ())
    target = build.names.fresh(f"{value.name}_blocks")
    if found.batch.size == 1:
        build.with_axes("Unsqueeze", value.name, target, 1)
    elif shape.count(None) > 1:
        raise cannot(f"input '{value.name}' leaves several sizes open, so blocks of {shape[0]} cannot be laid out")
    else:
        build.reshape(value.name, target, [count, *(-1 if d is None else d for d in shape)])
    return target


def _unstack(
    build: Builder, stacked: str, value: ValueInfoProto, how: Join, base: list[int | None] | None, count: int
) -> None:
    """Convert the Scan's (..., steps, ...) to the output as the join says."""
    axis = int(how["axis"])
    if how["join"] == "same" or (how["join"] == "stack" and count == 1):
        build.node("Gather", [stacked, build.constant(0)], [value.name], axis=0)
    elif how["join"] == "stack":
        build.node("Identity", [stacked], [value.name])
    elif base is not None and axis < len(base) and base[axis] == 1:
        build.with_axes("Squeeze", stacked, value.name, axis + 1)
    elif base is None or base.count(None) > 1 or axis >= len(base):
        raise cannot(f"output '{value.name}' leaves its sizes open, so the steps' results cannot be laid side by side")
    else:
        size = base[axis]
        merged = [*base[:axis], None if size is None else size * count, *base[axis + 1 :]]
        build.reshape(stacked, value.name, [-1 if d is None else d for d in merged])
