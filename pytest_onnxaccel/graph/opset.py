"""Brings a graph to an opset that onnx-tf takes: functions expanded, then converted.

onnx-tf 1.10 registers handlers up to opset 15; of the operators that opset 16 only widened to more types
(LeakyRelu, PRelu, Where, If, Loop ...) it has none for 16. So 15 is the aim, and 17 what remains when an
operator has no older form.
"""

from __future__ import annotations

import onnx
from onnx import defs, helper, inliner, numpy_helper, shape_inference, version_converter

from pytest_onnxaccel.core.errors import ModelError, printable
from pytest_onnxaccel.graph.files import all_graphs
from pytest_onnxaccel.graph.upgrade import all_nodes, opset_of, upgraded

#: The opset aimed at, and the newest one that is handed over.
PREFERRED, NEWEST = 15, 17

#: Operators that onnx-tf lacks and that the standard defines as a function of others.
_EXPANDED = (
    "AffineGrid", "Attention", "BlackmanWindow", "CenterCropPad", "Gelu", "GroupNormalization",
    "HammingWindow", "HannWindow", "LayerNormalization", "Mish", "NegativeLogLikelihoodLoss",
    "RMSNormalization", "RotaryEmbedding", "SequenceMap", "SoftmaxCrossEntropyLoss", "Swish",
)  # fmt: skip
#: Operators that opset 16 changed in nothing but the types that they take.
_WIDENED = frozenset(("GreaterOrEqual", "Identity", "If", "LeakyRelu", "LessOrEqual", "Loop", "PRelu", "Scan", "Where"))
#: Attributes of opset 16 and 18, with the value that means what the older form always did.
_NEUTRAL = {
    ("ScatterElements", "reduction"): b"none",
    ("ScatterND", "reduction"): b"none",
    ("RoiAlign", "coordinate_transformation_mode"): b"output_half_pixel",
    ("LpPool", "ceil_mode"): 0,
}
#: Operators that the version converter cannot take down to opset 17 though their plain form is the same.
_HIDDEN = ("ConstantOfShape", "GlobalMaxPool", "LpPool", "Pad", "Split")
_HIDING_PLACE = "onnxaccel.hidden"


def lowered(model: onnx.ModelProto) -> tuple[onnx.ModelProto, list[str]]:
    """Return *model* at opset 15 where that says the same, else at 17 or as it was, and notes on what was done.

    Raises:
        ModelError: ``E_SCHEMA``, the graph is newer than opset 17 and cannot be converted.
    """
    plain_domains(model)
    model, notes = _expanded(model)
    opset = opset_of(model)
    if 0 < opset < PREFERRED:
        try:
            return upgraded(model, PREFERRED), notes
        except Exception as error:
            # onnx-tf reads old opsets itself
            return model, [*notes, f"kept at opset {opset}: {_reason(error)}"]
    if opset > NEWEST:
        model = _downgraded(model)
    if opset_of(model) > PREFERRED:
        blocked = _relabel(model)
        if blocked:
            notes.append(f"kept at opset {opset_of(model)}: {', '.join(blocked)} differ in opset {PREFERRED}")
    return model, notes


def plain_domains(model: onnx.ModelProto) -> None:
    """Replace ``ai.onnx``, the long name of the default domain, in place: interpreters know the short one."""
    for item in model.opset_import:
        item.domain = "" if item.domain == "ai.onnx" else item.domain
    for node in all_nodes(model):
        node.domain = "" if node.domain == "ai.onnx" else node.domain


def _expanded(model: onnx.ModelProto) -> tuple[onnx.ModelProto, list[str]]:
    """Return *model* without local functions and without the standard's functions that onnx-tf lacks."""
    if model.functions:
        model = inliner.inline_local_functions(model, True)
    found = sorted({node.op_type for node in all_nodes(model) if node.domain == ""} & set(_EXPANDED))
    if not found:
        return model, []
    try:
        model = shape_inference.infer_shapes(model)
        # The inliner asks for the type of every operand and does not look at initializers
        known = {info.name for info in model.graph.value_info} | {info.name for info in model.graph.input}
        for tensor in model.graph.initializer:
            if tensor.name not in known:
                info = helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
                model.graph.value_info.append(info)
        model = inliner.inline_selected_functions(model, [("", name) for name in found], False, True)
    except Exception as error:
        return model, [f"{', '.join(found)} not expanded: {_reason(error)}"]
    weights = {tensor.name for tensor in model.graph.initializer}
    kept = [info for info in model.graph.value_info if info.name not in weights]
    del model.graph.value_info[:]
    model.graph.value_info.extend(kept)
    return model, [f"expanded into simpler operators: {', '.join(found)}"]


def _downgraded(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return *model* from opset 18 or newer at opset 17."""
    opset = opset_of(model)
    try:
        model = shape_inference.infer_shapes(model)
        _older_forms(model)
        hidden = [node for node in all_nodes(model) if node.domain == "" and node.op_type in _HIDDEN]
        for node in hidden:
            node.domain = _HIDING_PLACE
        if hidden:
            model.opset_import.append(helper.make_opsetid(_HIDING_PLACE, 1))
        model = version_converter.convert_version(model, NEWEST)
    except Exception as error:
        raise ModelError(
            f"opset {opset} cannot be brought to {NEWEST} for onnx-tf: {_reason(error)}",
            code="E_SCHEMA",
            remedy=f"export the model at opset {NEWEST} or older",
        ) from error
    for node in all_nodes(model):
        node.domain = "" if node.domain == _HIDING_PLACE else node.domain
    kept = [item for item in model.opset_import if item.domain != _HIDING_PLACE]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    return model


def _older_forms(model: onnx.ModelProto) -> None:
    """Write Split, Pad, LpPool and the reductions in a form that means the same before opset 18."""
    shapes = known_shapes(model)
    places = [(graph, node) for graph in all_graphs(model) for node in graph.node if not node.domain]
    for number, (graph, node) in enumerate(places):
        attributes = {item.name: helper.get_attribute_value(item) for item in node.attribute}
        shape = shapes.get(node.input[0]) if node.input else None
        if node.op_type == "Split" and "num_outputs" in attributes:
            axis, parts = attributes.get("axis", 0), attributes["num_outputs"]
            size = shape[axis] if shape else None
            if size is not None:
                whole = -(-size // parts)
                sizes = [whole] * (parts - 1) + [size - whole * (parts - 1)]
                node.input.append(constant(graph, f"onnxaccel_split_{number}", sizes))
            # without known sizes the old form divides evenly or fails, it never divides otherwise
            drop_attribute(node, "num_outputs")
        elif node.op_type == "Pad" and len(node.input) > 3 and node.input[3]:
            pads, axes = (constant_value(model, graph, node.input[i]) for i in (1, 3))
            if pads is None or axes is None or shape is None:
                raise ValueError("Pad takes axes that are not constant, or the rank of its input is unknown")
            full, half = [0] * (2 * len(shape)), len(pads) // 2
            for i, axis in enumerate(axes):
                full[axis % len(shape)] = pads[i]
                full[axis % len(shape) + len(shape)] = pads[half + i]
            node.input[1] = constant(graph, f"onnxaccel_pads_{number}", full)
            del node.input[3:]
        elif node.op_type == "LpPool":
            if any(step != 1 for step in attributes.get("dilations", ())) or attributes.get("ceil_mode", 0):
                raise ValueError("LpPool has dilations or ceil_mode, which are new in opset 18")
            drop_attribute(node, "dilations")
            drop_attribute(node, "ceil_mode")
        elif node.op_type.startswith("Reduce") and node.op_type != "ReduceSum":
            if attributes.get("noop_with_empty_axes", 0) and not (len(node.input) > 1 and node.input[1]):
                raise ValueError(f"{node.op_type} has noop_with_empty_axes, which is new in opset 18")
            drop_attribute(node, "noop_with_empty_axes")


def _relabel(model: onnx.ModelProto) -> list[str]:
    """Call opset 16 or 17 opset 15 where each node means the same; else the operators that forbid it."""
    opset, blocked, neutral = opset_of(model), set(), []
    for node in all_nodes(model):
        if node.domain or _since(node.op_type, opset) == _since(node.op_type, PREFERRED):
            continue
        new = [item for item in node.attribute if (node.op_type, item.name) in _NEUTRAL]
        needed = {name for operator, name in _NEUTRAL if operator == node.op_type}
        same = all(helper.get_attribute_value(item) == _NEUTRAL[node.op_type, item.name] for item in new)
        if node.op_type == "RoiAlign":
            same = same and bool(new)  # its default changed
        if not same or not (needed or node.op_type in _WIDENED):
            blocked.add(node.op_type)
        neutral += [(node, item.name) for item in new]
    if not blocked:
        for node, name in neutral:
            drop_attribute(node, name)
        for imported in model.opset_import:
            imported.version = PREFERRED if imported.domain == "" else imported.version
    return sorted(blocked)


def _since(operator: str, opset: int) -> int:
    try:
        return int(defs.get_schema(operator, opset, "").since_version)
    except defs.SchemaError:
        return 0


def _reason(error: Exception) -> str:
    """Return the converter's own words without the C++ source line before them."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return printable(lines[0].rpartition("failed: ")[2], 160)


def known_shapes(model: onnx.ModelProto) -> dict[str, list[int | None]]:
    """Return the shape by value name where the rank is known; None for a size that is not."""
    shapes: dict[str, list[int | None]] = {}
    for graph in all_graphs(model):
        for info in (*graph.input, *graph.output, *graph.value_info):
            tensor = info.type.tensor_type
            if tensor.HasField("shape"):
                shapes[info.name] = [d.dim_value if d.HasField("dim_value") else None for d in tensor.shape.dim]
        for weight in graph.initializer:
            shapes[weight.name] = list(weight.dims)
    return shapes


def constant(graph: onnx.GraphProto, name: str, values: list[int]) -> str:
    """Add an int64 vector to *graph* and return its name."""
    graph.initializer.append(helper.make_tensor(name, onnx.TensorProto.INT64, [len(values)], values))
    return name


def constant_value(model: onnx.ModelProto, graph: onnx.GraphProto, name: str) -> list[int] | None:
    """Return the integers of an initializer or Constant node, flattened; None when *name* is neither."""
    for place in (graph, model.graph):
        for tensor in place.initializer:
            if tensor.name == name:
                return [int(value) for value in numpy_helper.to_array(tensor).ravel()]
        for node in place.node:
            if node.op_type == "Constant" and name in node.output:
                value = helper.get_attribute_value(node.attribute[0])
                if isinstance(value, onnx.TensorProto):
                    return [int(item) for item in numpy_helper.to_array(value).ravel()]
                return [int(item) for item in (value if isinstance(value, list) else [value])]
    return None


def drop_attribute(node: onnx.NodeProto, name: str) -> None:
    """Remove attribute *name* where it is there."""
    kept = [item for item in node.attribute if item.name != name]
    del node.attribute[:]
    node.attribute.extend(kept)
