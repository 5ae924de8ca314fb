"""The image input of a model, and the nodes that bring an image of uint8 into its form."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.graph.files import all_graphs

#: Layouts that the new input may have.
LAYOUTS = ("NHWC", "HWC", "NCHW")

_FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE)
#: Before that, arithmetic broadcasts by an attribute.
_LEAST_OPSET = 7


@record(frozen=True)
class ImageInput:
    """An input N x C x H x W of floats; *dims* are sizes or symbols, None where open."""

    name: str
    dtype: int
    dims: tuple[int | str | None, ...]
    channels: int
    opset: int


def image_input(model: ModelProto, name: str) -> ImageInput:
    """Return the input *name*, or the only one that can be an image.

    Raises:
        ModelError: ``E_CONVERT``: there is none, or several.
    """
    opset = next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 0)
    if opset < _LEAST_OPSET:
        raise _cannot(f"opset {opset} is older than {_LEAST_OPSET}", "export the model with a newer opset")
    weights = {tensor.name for tensor in model.graph.initializer}
    found = []
    for entry in model.graph.input:
        tensor = entry.type.tensor_type
        dims = tuple(dim.dim_value or dim.dim_param or None for dim in tensor.shape.dim)
        fits = len(dims) == 4 and tensor.elem_type in _FLOATS and isinstance(dims[1], int)
        if entry.name not in weights and fits and name in ("", entry.name):
            found.append(ImageInput(entry.name, tensor.elem_type, dims, int(dims[1] or 0), opset))
    if len(found) == 1:
        return found[0]
    if found:
        raise _cannot(f"inputs {[image.name for image in found]} can all be an image", "name one of them")
    wanted = f"no input {name!r}" if name else "no input"
    raise _cannot(f"{wanted} that is N x C x H x W of floats with a fixed C", "only images can be folded in")


def _cannot(cause: str, remedy: str) -> ModelError:
    return ModelError(cause, code="E_CONVERT", remedy=remedy)


def rename(model: ModelProto, name: str) -> str:
    """Give what the model's nodes read as *name* another name, and return it: the input keeps its own."""
    if any(output.name == name for output in model.graph.output):
        raise _cannot(f"the input {name!r} is an output too", "only inputs of nodes can be folded in")
    used = {value for graph in all_graphs(model) for node in graph.node for value in (*node.input, *node.output)}
    inside = f"{name}/normalised"
    while inside in used:
        inside += "_"
    functions = {id(function) for function in model.functions}
    for graph in all_graphs(model):
        if id(graph) in functions:
            continue  # a function has names of its own
        for node in graph.node:
            for index, value in enumerate(node.input):
                if value == name:
                    node.input[index] = inside
    return inside


def front(image: ImageInput, layout: str, reverse: bool) -> tuple[list[NodeProto], str]:
    """Return the nodes from the uint8 input to N x C x H x W of the model's dtype, and the name of their result.

    What moves elements comes before the Cast: bytes are moved, not floats.

    Args:
        image: the input of the model.
        layout: of the new input: ``NHWC``, ``HWC`` or ``NCHW``.
        reverse: put the channels in the opposite order.
    """
    last, nodes = image.name, []

    def step(op: str, *more: str, **attributes: Any) -> None:
        nonlocal last
        result = f"{image.name}/{op.lower()}"
        nodes.append(helper.make_node(op, [last, *more], [result], name=f"{image.name}/{op}", **attributes))
        last = result

    def constant(name: str, values: list[int]) -> str:
        tensor = numpy_helper.from_array(np.asarray(values, np.int64), name)
        nodes.append(helper.make_node("Constant", [], [name], value=tensor))
        return name

    if layout == "HWC":
        if image.opset < 13:
            step("Unsqueeze", axes=[0])
        else:
            step("Unsqueeze", constant(f"{image.name}/axes", [0]))
    if layout != "NCHW":
        step("Transpose", perm=[0, 3, 1, 2])
    if reverse:
        # After the Transpose: whole planes are moved, not single bytes (15 times as slow in ONNX Runtime)
        step("Gather", constant(f"{image.name}/channels", list(range(image.channels))[::-1]), axis=1)
    step("Cast", to=image.dtype)
    return nodes, last


def make_uint8(model: ModelProto, image: ImageInput, layout: str) -> None:
    """Declare the input as uint8 in *layout*."""
    batch, channels, height, width = image.dims
    dims = {
        "NHWC": [batch, height, width, channels],
        "HWC": [height, width, channels],
        "NCHW": [batch, channels, height, width],
    }[layout]
    fresh = helper.make_tensor_value_info(image.name, TensorProto.UINT8, dims)
    entry = next(entry for entry in model.graph.input if entry.name == image.name)
    entry.type.CopyFrom(fresh.type)
