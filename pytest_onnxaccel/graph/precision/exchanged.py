"""The original with the nodes of its conversion that are other ones: what they change shows in float32."""

from __future__ import annotations

from typing import Any

from onnx import AttributeProto, NodeProto

from pytest_onnxaccel.graph.precision.kept_constants import Nodes, exchanged_nodes
from pytest_onnxaccel.graph.precision.operators import label
from pytest_onnxaccel.graph.rebatch_files import read_whole, write_model

#: Attributes that hold no graph and no weights.
_PLAIN = (AttributeProto.INT, AttributeProto.INTS, AttributeProto.FLOAT, AttributeProto.FLOATS, AttributeProto.STRING)
#: Approximations of these are taken on purpose where digits are few.
_APPROXIMATED = frozenset({"Gelu", "FastGelu", "QuickGelu"})
#: What keeps a division from 0 is made larger where the narrow type cannot hold it.
_LEAST = 1e-6


def exchanged(candidate: str, reference: str, target: str, dtype: str) -> dict[str, Any]:
    """Write the model at *reference*, with the nodes that are other ones in the model at *candidate*, to *target*.

    Args:
        candidate: path of a conversion to *dtype*.
        reference: path of its float32 original.
        target: path that is written, where there is such a node.
        dtype: ``float16`` or ``bfloat16``.

    Returns:
        ``nodes``: each with ``node`` (in words) and ``text``. Empty, and nothing is written, where the graphs are not
        the same but for a few nodes, or one of these cannot be put in: it has another number of operands, weights or
        graphs in its attributes, or another version.

    Raises:
        ModelError: as :func:`~pytest_onnxaccel.graph.rebatch_files.read_whole`.
    """
    made, model = read_whole(candidate), read_whole(reference)
    ours, theirs = Nodes(made), Nodes(model)
    ours.order_as(theirs)
    found = [(node, other, text) for node, other, text in exchanged_nodes(ours, theirs, dtype) or ()]
    found = [one for one in found if not _on_purpose(one[0], one[1])]
    versions = [{item.domain or "ai.onnx": item.version for item in one.opset_import} for one in (made, model)]
    alike = versions[0].get("ai.onnx") == versions[1].get("ai.onnx")
    if not found or not alike or not all(_fits(node, other) for node, other, _ in found):
        return {"nodes": []}
    for node, other, _ in found:
        other.op_type = node.op_type
        del other.attribute[:]
        other.attribute.extend(node.attribute)
    write_model(model, reference, target)
    return {"nodes": [{"node": label(node), "text": text} for node, _, text in found]}


def _fits(node: NodeProto, other: NodeProto) -> bool:
    """Return whether *node* can take the place of *other*."""
    plain = all(item.type in _PLAIN for one in (node, other) for item in one.attribute)
    sizes = (len(node.input), len(node.output)) == (len(other.input), len(other.output))
    return plain and sizes and all(one.domain in ("", "ai.onnx") for one in (node, other))


def _on_purpose(node: NodeProto, other: NodeProto) -> bool:
    """Return whether the narrow type is reason enough for the change."""
    if _APPROXIMATED & {node.op_type, other.op_type}:
        return True
    if node.op_type != other.op_type:
        return False
    mine, original = ({a.name: a.SerializeToString(deterministic=True) for a in n.attribute} for n in (node, other))
    changed = {name for name in mine.keys() | original.keys() if mine.get(name) != original.get(name)}
    return changed == {"epsilon"} and any(a.name == "epsilon" and a.f < _LEAST for a in other.attribute)
