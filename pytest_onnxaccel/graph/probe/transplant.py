"""A copy of a candidate in which chosen nodes are as they are in the reference: what ends a difference is its cause."""

from __future__ import annotations

from collections.abc import Sequence

from onnx import ModelProto, NodeProto, TensorProto
from onnx.external_data_helper import uses_external_data

from pytest_onnxaccel.graph.files import load_graph
from pytest_onnxaccel.graph.probe.expose import write_beside


def transplant(candidate: str, reference: str, pairs: Sequence[Sequence[str]], target: str) -> dict[str, list[str]]:
    """Write the model at *candidate* to *target*, with attributes and weights of some nodes from *reference*.

    Args:
        candidate: path of the model that is copied.
        reference: path of the model that attributes and weights come from.
        pairs: value of the candidate and its counterpart, each the result of a node to be replaced.
        target: path of the copy.

    Returns:
        ``replaced``: the candidate's values whose nodes were; others have another operator, other inputs, or weights
        in an external file.

    Raises:
        ModelError: ``E_FILE`` or ``E_PARSE``.
    """
    model = ModelProto()
    model.CopyFrom(load_graph(candidate))
    other = load_graph(reference)
    theirs = {name: node for node in other.graph.node for name in node.output}
    stored = {tensor.name: tensor for tensor in other.graph.initializer}
    ours = {name: node for node in model.graph.node for name in node.output}
    own = {tensor.name: tensor for tensor in model.graph.initializer}
    replaced = []
    for value, counterpart in pairs:
        if value in ours and counterpart in theirs:
            new = _replaced(ours[value], theirs[counterpart], own, stored)
            if new is not None:
                model.graph.initializer.extend(new)
                replaced.append(value)
    write_beside(model, candidate, target)
    return {"replaced": replaced}


def _replaced(
    node: NodeProto, by: NodeProto, own: dict[str, TensorProto], stored: dict[str, TensorProto]
) -> list[TensorProto] | None:
    """Make *node* as *by* is, in place; the weights that it reads then, or None where that cannot be done."""
    if (node.op_type, node.domain, len(node.input)) != (by.op_type, by.domain, len(by.input)):
        return None
    new = []
    for place, (mine, its) in enumerate(zip(node.input, by.input, strict=True)):
        if (mine in own) != (its in stored):
            return None
        if its in stored:
            if uses_external_data(stored[its]):
                return None
            tensor = TensorProto()
            tensor.CopyFrom(stored[its])
            tensor.name = f"{node.output[0]}/from the reference/{place}"
            new.append(tensor)
    for place, its in enumerate(by.input):
        if its in stored:
            node.input[place] = f"{node.output[0]}/from the reference/{place}"
    del node.attribute[:]
    node.attribute.extend(by.attribute)
    return new
