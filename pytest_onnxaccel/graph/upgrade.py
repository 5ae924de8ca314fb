"""Brings an old graph to a newer opset with the same meaning; corrects what onnx's converter changes in silence."""

from __future__ import annotations

import onnx
from onnx import helper, version_converter

from pytest_onnxaccel.core.errors import ModelError, printable
from pytest_onnxaccel.graph.files import all_graphs


def all_nodes(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """Return every node of *model*, subgraphs included."""
    return [node for graph in all_graphs(model) for node in graph.node]


def opset_of(model: onnx.ModelProto) -> int:
    """Return the version of the default operator domain; 0 when the model imports none."""
    return next((item.version for item in model.opset_import if item.domain == ""), 0)


def upgraded(model: onnx.ModelProto, target: int) -> onnx.ModelProto:
    """Return *model* at opset *target*, which is newer than its own.

    Raises:
        Exception: of many kinds, from onnx's converter, when an operator has no newer form.
    """
    before = opset_of(model)
    model = version_converter.convert_version(model, target)
    if before < 11:
        # The converter leaves Resize to the defaults of opset 11, which sample at other places
        for node in all_nodes(model):
            if node.op_type == "Resize" and not node.domain:
                node.attribute.append(helper.make_attribute("coordinate_transformation_mode", "asymmetric"))
                node.attribute.append(helper.make_attribute("nearest_mode", "floor"))
    return model


def upgrade(source: str, target: str, opset: int) -> dict[str, int]:
    """Write the model at *source*, at *opset*, to *target*.

    Returns:
        ``from_opset``.

    Raises:
        ModelError: ``E_SCHEMA``: an operator has no newer form.
    """
    try:
        model = onnx.load(source)
        onnx.save(upgraded(model, opset), target)
    except Exception as error:
        raise ModelError(
            f"cannot be upgraded to opset {opset}: {printable(str(error), 200)}", code="E_SCHEMA"
        ) from None
    return {"from_opset": opset_of(model)}
