"""Nodes that draw numbers or normalise by the batch: found, and in a copy put at rest. Runs in a worker, gives JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.graph.files import all_graphs, load_graph
from pytest_onnxaccel.graph.probe.anatomy import captured
from pytest_onnxaccel.graph.probe.expose import write_beside
from pytest_onnxaccel.graph.probe.modules import module_of
from pytest_onnxaccel.graph.upgrade import opset_of

#: Operators that draw numbers each time they run.
RANDOM = (
    "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli",
)  # fmt: skip


def unsteady(path: str) -> dict[str, Any]:
    """Return the nodes of the model at *path* that draw numbers, or whose result depends on the whole batch.

    Returns:
        ``nodes``, those of the main graph in order and then those of subgraphs, each with ``kind`` (``random``,
        ``dropout`` or ``batch statistics``), ``name``, ``op``, ``outputs``, ``module`` and ``seeded``.

    Raises:
        ModelError: as :func:`~pytest_onnxaccel.graph.files.load_graph`.
    """
    model = load_graph(path)
    opset, constants = opset_of(model), _constants(model)
    found = []
    for graph in all_graphs(model):
        for node in graph.node:
            kind = _kind(node, opset, constants)
            if kind:
                names = [tensor.name for tensor in getattr(graph, "initializer", ())]
                found.append(
                    {
                        "kind": kind,
                        "name": node.name,
                        "op": node.op_type,
                        "outputs": [o for o in node.output if o],
                        "module": module_of(node, names),
                        "seeded": any(item.name == "seed" for item in node.attribute),
                    }
                )
    return {"nodes": found}


def rest(source: str, target: str) -> dict[str, Any]:
    """Write the model at *source* to *target* with Dropout and batch statistics as they are outside training.

    Returns:
        ``changed``: how many nodes.

    Raises:
        ModelError: ``E_CONVERT``: something reads the statistics of a batch; ``E_FILE``.
    """
    model = ModelProto()
    model.CopyFrom(load_graph(source))
    opset, constants = opset_of(model), _constants(model)
    changed = 0
    for graph in all_graphs(model):
        read = drop_dead(graph)
        for node in graph.node:
            kind = _kind(node, opset, constants)
            if kind not in ("dropout", "batch statistics"):
                continue
            if any(name in read for name in node.output[1:]):
                raise ModelError(f"further results of {node.op_type} {node.name!r} are read", code="E_CONVERT")
            _settle(node, opset)
            changed += 1
        if isinstance(graph, GraphProto):
            del graph.value_info[:]
    write_beside(model, source, target)
    return {"changed": changed}


def drop_dead(graph: Any) -> set[str]:
    """Remove nodes of *graph* that no output needs, as quantisers leave them, and return the names that others read."""
    read = {value if isinstance(value, str) else value.name for value in graph.output}
    kept: list[NodeProto] = []
    for node in reversed(graph.node):
        if read.intersection(node.output):
            kept.append(node)
            read.update((*node.input, *captured(node)))
    kept.reverse()
    if len(kept) < len(graph.node):
        own = [NodeProto.FromString(node.SerializeToString()) for node in kept]
        del graph.node[:]
        graph.node.extend(own)
    return read


def _settle(node: NodeProto, opset: int) -> None:
    del node.output[1:]
    kept = [item for item in node.attribute if item.name not in ("training_mode", "is_test")]
    del node.attribute[:]
    node.attribute.extend(kept)
    if opset < 7:
        node.attribute.append(helper.make_attribute("is_test", 1))
    elif node.op_type == "Dropout":
        del node.input[2:]


def _kind(node: NodeProto, opset: int, constants: Mapping[str, TensorProto]) -> str:
    if node.domain not in ("", "ai.onnx"):
        return ""
    if node.op_type in RANDOM:
        return "random"
    if node.op_type == "Dropout" and drops(node, opset, constants):
        return "dropout"
    return "batch statistics" if node.op_type == "BatchNormalization" and by_batch(node, opset) else ""


def by_batch(node: NodeProto, opset: int) -> bool:
    """Return whether BatchNormalization *node* uses the statistics of the batch.

    Opset 14 has an attribute for it; before, the statistics as further outputs, and before opset 7 ``is_test``.
    """
    if opset >= 14:
        return bool(_attribute(node, "training_mode"))
    return len([name for name in node.output if name]) > 1 or (opset < 7 and not _attribute(node, "is_test"))


def drops(node: NodeProto, opset: int, constants: Mapping[str, TensorProto]) -> bool:
    """Return whether Dropout *node* drops: by its third input (opset 12), never (7), or by ``is_test``."""
    if opset < 12:
        return opset < 7 and not _attribute(node, "is_test")
    if len(node.input) < 3 or not node.input[2]:
        return False
    mode = constants.get(node.input[2])
    if mode is None:
        return True
    # A single byte that lies in another file is not worth opening that file
    return mode.data_location != TensorProto.EXTERNAL and bool(numpy_helper.to_array(mode).any())


def _attribute(node: NodeProto, name: str) -> int:
    return next((int(item.i) for item in node.attribute if item.name == name), 0)


def _constants(model: ModelProto) -> dict[str, TensorProto]:
    found: dict[str, TensorProto] = {}
    for graph in all_graphs(model):
        found.update({tensor.name: tensor for tensor in getattr(graph, "initializer", ())})
        for node in graph.node:
            if node.op_type == "Constant" and node.output:
                found.update((node.output[0], item.t) for item in node.attribute if item.name == "value")
    return found
