"""Writes operators that onnx-tf lacks in terms of those that it has, where the result is the same."""

from __future__ import annotations

import onnx
from onnx import TensorProto, helper, shape_inference

from pytest_onnxaccel.graph.files import all_graphs
from pytest_onnxaccel.graph.opset import constant, constant_value, known_shapes


def rewritten(model: onnx.ModelProto) -> tuple[onnx.ModelProto, list[str]]:
    """Return *model* without Squeeze and Unsqueeze of opset 13, Sum, and Resize's ``pytorch_half_pixel``, and notes.

    A node that cannot be written otherwise stays as it is; onnx-tf then refuses it by name.
    """
    model = shape_inference.infer_shapes(model, data_prop=True)
    shapes = known_shapes(model)
    changed: set[str] = set()
    for number, graph in enumerate(all_graphs(model)):
        nodes: list[onnx.NodeProto] = []
        for position, node in enumerate(graph.node):
            tag = f"onnxaccel_{number}_{position}"
            new = None
            while node.input and not node.input[-1]:
                node.input.pop()  # an optional input that is left out; some handlers count them
            if not node.domain and node.op_type in ("Squeeze", "Unsqueeze"):
                new = _reshape(model, graph, node, shapes, tag)
            elif not node.domain and node.op_type == "Sum" and len(node.input) > 1:
                new = _additions(node, tag)
            elif not node.domain and node.op_type == "Resize" and _half_pixel(node, shapes):
                changed.add("Resize")
            changed |= {node.op_type} if new else set()
            nodes += new or [node]
        del graph.node[:]
        graph.node.extend(nodes)
    return model, [f"rewritten for onnx-tf: {', '.join(sorted(changed))}"] if changed else []


def _reshape(
    model: onnx.ModelProto,
    graph: onnx.GraphProto,
    node: onnx.NodeProto,
    shapes: dict[str, list[int | None]],
    tag: str,
) -> list[onnx.NodeProto] | None:
    """Return (Un)squeeze as a Reshape, to a constant shape where at most one size is free, else to a computed."""
    if any(item.name == "axes" for item in node.attribute):
        return None  # the form of opset 12 and older, which onnx-tf has
    named = len(node.input) > 1 and bool(node.input[1])
    axes = constant_value(model, graph, node.input[1]) if named else None
    shape = shapes.get(node.input[0])
    if shape is None or (named and axes is None):
        return None
    # Where each size of the result comes from: an axis of the input, or -1 for a new axis of size one
    if node.op_type == "Squeeze":
        if axes is None:
            if None in shape:
                return None
            axes = [axis for axis, size in enumerate(shape) if size == 1]
        gone = {axis % len(shape) for axis in axes} if shape else set()
        source = [axis for axis in range(len(shape)) if axis not in gone]
    else:
        rank = len(shape) + len(axes or ())
        new, rest = {axis % rank for axis in axes or ()}, iter(range(len(shape)))
        source = [-1 if axis in new else next(rest) for axis in range(rank)]
    target = [1 if axis < 0 else shape[axis] for axis in source]
    if target.count(None) <= 1 and 0 not in target:
        sizes = constant(graph, f"{tag}_shape", [-1 if size is None else size for size in target])
        return [helper.make_node("Reshape", [node.input[0], sizes], node.output, name=f"{node.name}_{tag}")]
    one = constant(graph, f"{tag}_one", [1])
    order = constant(graph, f"{tag}_order", [len(shape) if axis < 0 else axis for axis in source])
    return [
        helper.make_node("Shape", [node.input[0]], [f"{tag}_in"], name=f"{tag}_in"),
        helper.make_node("Concat", [f"{tag}_in", one], [f"{tag}_pool"], name=f"{tag}_pool", axis=0),
        helper.make_node("Gather", [f"{tag}_pool", order], [f"{tag}_out"], name=f"{tag}_out", axis=0),
        helper.make_node("Reshape", [node.input[0], f"{tag}_out"], node.output, name=f"{node.name}_{tag}"),
    ]


def _additions(node: onnx.NodeProto, tag: str) -> list[onnx.NodeProto]:
    """Return the sum as a chain of Add: onnx-tf's Sum does not broadcast."""
    added, left = [], node.input[0]
    for position, right in enumerate(node.input[1:]):
        last = position == len(node.input) - 2
        name = f"{node.name}_{tag}_{position}"
        added.append(helper.make_node("Add", [left, right], [node.output[0] if last else name], name=name))
        left = name
    return added


def _half_pixel(node: onnx.NodeProto, shapes: dict[str, list[int | None]]) -> bool:
    """Replace ``pytorch_half_pixel``, which differs from ``half_pixel`` only for a result axis of one element."""
    result = shapes.get(node.output[0])
    for attribute in node.attribute:
        if attribute.name == "coordinate_transformation_mode" and attribute.s == b"pytorch_half_pixel":
            if result is None or len(result) < 3 or any(size is None or size < 2 for size in result[2:]):
                return False
            attribute.s = b"half_pixel"
            return True
    return False


def is_float16(model: onnx.ModelProto) -> bool:
    """Return whether the model computes in float16, which ONNX Runtime on a CPU does in float32."""
    return any(
        info.type.tensor_type.elem_type == TensorProto.FLOAT16 for info in (*model.graph.input, *model.graph.output)
    ) or any(weight.data_type == TensorProto.FLOAT16 for weight in model.graph.initializer)
