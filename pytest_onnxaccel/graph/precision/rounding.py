"""A float32 model as a right conversion to a narrower type would round it: how far that is off is the type's own noise.

Every float value between two nodes, and every weight, is rounded to the narrow type and back. So the tolerance of a
conversion is measured on the original alone, and a conversion that is damaged cannot widen it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.graph.precision.facts import element_types
from pytest_onnxaccel.graph.rebatch_files import read_whole, write_model

_TYPES = {"float16": TensorProto.FLOAT16, "bfloat16": TensorProto.BFLOAT16}
_LARGEST = {"float16": 65504.0, "bfloat16": 2.0**127 * (2 - 2.0**-7)}
#: Inputs behind the first that are sizes and scales: rounded, the graph would have another shape.
_SIZES = ("Resize", "Upsample")
#: So many draws: in each, other weights are rounded up instead of down.
DRAWS = 3


def rounded_to(source: str, target: str, dtype: str, seed: int) -> dict[str, Any]:
    """Write the model at *source*, with its values rounded to *dtype* between its nodes, to *target*.

    Args:
        source: path of the model.
        target: path that is written.
        dtype: ``float16`` or ``bfloat16``.
        seed: 0 rounds weights to the nearest number; others move every second one to a neighbour of that, at random.

    Returns:
        ``values`` and ``weights``: how many were rounded.

    Raises:
        ModelError: ``E_CONVERT``: no such type, or the model has an opset before 13, where bfloat16 has no Cast.
    """
    model = read_whole(source)
    if dtype not in _TYPES:
        raise ModelError(f"there is no rounding to {dtype!r}", code="E_CONVERT")
    opset = next((item.version for item in model.opset_import if item.domain == ""), 0)
    if dtype == "bfloat16" and opset < 13:
        raise ModelError(f"opset {opset} has no Cast to bfloat16", code="E_CONVERT")
    weights = _weights(model, dtype, np.random.default_rng(seed) if seed else None)
    values = _values(model, dtype)
    write_model(model, source, target)
    return {"values": values, "weights": weights}


def _weights(model: onnx.ModelProto, dtype: str, random: np.random.Generator | None) -> int:
    kept = {name for node in model.graph.node if node.op_type in _SIZES for name in node.input[1:]}
    narrow = helper.tensor_dtype_to_np_dtype(_TYPES[dtype])
    count = 0
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or tensor.name in kept:
            continue
        _round(tensor, narrow, random)
        count += 1
    for node in model.graph.node:
        for item in node.attribute if node.op_type == "Constant" and node.output[0] not in kept else ():
            if item.name == "value" and item.t.data_type == TensorProto.FLOAT:
                _round(item.t, narrow, random)
                count += 1
    return count


def _round(tensor: TensorProto, narrow: Any, random: np.random.Generator | None) -> None:
    """Replace the numbers of *tensor* by those of the type *narrow*, and what lies past its range by a large one.

    A mask's lowest float32 stands for "not this one", which converters keep: as an infinity it would make a NaN of a
    product with 0. Of half the largest number, two may be added up.
    """
    content = numpy_helper.to_array(tensor)
    with np.errstate(over="ignore"):
        few = content.astype(narrow)
        past = np.isfinite(content) & ~np.isfinite(few.astype(np.float32))
        large = np.float32(_LARGEST[str(narrow)]) / 2
        few = np.where(past, np.copysign(large, content).astype(narrow), few)
    if random is not None:
        few = _moved(few, random)
    wide = np.where(content == 0, content, few.astype(np.float32)).astype(np.float32)
    tensor.CopyFrom(numpy_helper.from_array(wide.reshape(content.shape), tensor.name))


def _moved(content: Any, random: np.random.Generator) -> Any:
    """Replace every second number by one of its two neighbours; the largest and zeros stay."""
    bits = np.ascontiguousarray(content).view(np.uint16)
    dice = random.random(content.shape)
    step = np.where(dice < 0.25, 1, np.where(dice < 0.5, -1, 0))
    size = (bits & 0x7FFF).astype(np.int32)
    inside = (size > 1) & (size < 0x7BFE)
    moved = (bits.astype(np.int32) + np.where(inside, step, 0)).astype(np.uint16)
    return moved.view(content.dtype).reshape(content.shape)


def _values(model: onnx.ModelProto, dtype: str) -> int:
    """Round every float32 value of the main graph, inputs included, right after it is there."""
    types = element_types(model)
    graph = model.graph
    fixed = {tensor.name for tensor in graph.initializer}
    nodes: list[NodeProto] = []
    read_as: dict[str, str] = {}
    count = 0
    for value in graph.input:
        if value.name not in fixed and types.get(value.name) == TensorProto.FLOAT:
            read_as[value.name] = f"{value.name}__rounded"
            nodes += _rounding(value.name, read_as[value.name], dtype)
            count += 1
    for node in graph.node:
        for place, name in enumerate(node.input):
            sized = node.op_type in _SIZES and place > 0
            node.input[place] = name if sized else read_as.get(name, name)
        behind: list[NodeProto] = []
        for place, name in enumerate(node.output):
            if not name or types.get(name) != TensorProto.FLOAT or node.op_type == "Constant":
                continue
            exact = f"{name}__exact"
            node.output[place] = exact
            behind += _rounding(exact, name, dtype)
            count += 1
        nodes += [node, *behind]
    made = [NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(made)
    return count


def _rounding(name: str, result: str, dtype: str) -> list[NodeProto]:
    few = f"{result}__{dtype}"
    return [
        helper.make_node("Cast", [name], [few], to=_TYPES[dtype]),
        helper.make_node("Cast", [few], [result], to=TensorProto.FLOAT),
    ]
