"""What is legal in a graph and still worth fixing: each finding names what it is about."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import onnx

from pytest_onnxaccel.core.errors import printable
from pytest_onnxaccel.graph.files import all_graphs, load_graph
from pytest_onnxaccel.graph.probe.unsteady import by_batch, drops

#: At most so many names are listed in one finding.
_SHOWN = 3

_DOUBLE = onnx.TensorProto.DOUBLE


def hygiene(path: str) -> list[dict[str, Any]]:
    """Return findings of the model at *path*: ``kind`` (a word), ``count``, ``message``."""
    return findings(load_graph(path))


def findings(model: onnx.ModelProto) -> list[dict[str, Any]]:
    """Return what :func:`hygiene` does, of *model*."""
    found = [_initializers_as_inputs(model), _unused_initializers(model), _dead_nodes(model), _float64(model)]
    found += _training_mode(model)
    return [
        {"kind": kind, "count": len(names), "message": message.format(names=_listed(names), count=len(names))}
        for kind, names, message in found
        if names
    ]


_Finding = tuple[str, list[str], str]


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(printable(name, 60) for name in names[:_SHOWN]) + more


def _initializers_as_inputs(model: onnx.ModelProto) -> _Finding:
    inputs = {v.name for v in model.graph.input}
    names = [t.name for t in model.graph.initializer if t.name in inputs]
    message = (
        "{count} initializers are listed as graph inputs, so runtimes cannot fold them: "
        "export with keep_initializers_as_inputs=False ({names})"
    )
    return "initializer-as-input", names, message


def _uses(model: onnx.ModelProto) -> Iterator[str]:
    """Yield every name that a node or an output of any graph reads."""
    for graph in all_graphs(model):
        for node in graph.node:
            yield from node.input
        yield from (output if isinstance(output, str) else output.name for output in graph.output)


def _unused_initializers(model: onnx.ModelProto) -> _Finding:
    used = set(_uses(model))
    names = [t.name for t in model.graph.initializer if t.name not in used]
    return "unused-initializer", names, "{count} initializers are used by no node: remove them ({names})"


def _dead_nodes(model: onnx.ModelProto) -> _Finding:
    used = set(_uses(model))
    names = [n.name or n.op_type for n in model.graph.node if not any(o in used for o in n.output if o)]
    return "dead-node", names, "{count} nodes feed nothing: remove them ({names})"


def _float64(model: onnx.ModelProto) -> _Finding:
    graph = model.graph
    names = [v.name for v in (*graph.input, *graph.output) if v.type.tensor_type.elem_type == _DOUBLE]
    for body in all_graphs(model):
        names += [t.name for t in getattr(body, "initializer", ()) if t.data_type == _DOUBLE]
        for node in body.node:
            for attribute in node.attribute:
                if attribute.name == "to" and node.op_type == "Cast" and attribute.i == _DOUBLE:
                    names.append(node.name or "Cast")
                elif attribute.type == onnx.AttributeProto.TENSOR and attribute.t.data_type == _DOUBLE:
                    names.append(node.name or node.op_type)
    message = "{count} values are float64, which accelerators run slowly or not at all: use float32 ({names})"
    return "float64", list(dict.fromkeys(names)), message


def _training_mode(model: onnx.ModelProto) -> list[_Finding]:
    opset = next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), 0)
    constants: dict[str, onnx.TensorProto] = {}
    for graph in all_graphs(model):
        constants.update({t.name: t for t in getattr(graph, "initializer", ())})
        for node in graph.node:
            if node.op_type == "Constant" and node.output:
                constants.update((node.output[0], a.t) for a in node.attribute if a.name == "value")
    norms: list[str] = []
    dropouts: list[str] = []
    for graph in all_graphs(model):
        for node in graph.node:
            label = node.name or node.op_type
            if node.op_type == "BatchNormalization" and by_batch(node, opset):
                norms.append(label)
            elif node.op_type == "Dropout" and drops(node, opset, constants):
                dropouts.append(label)
    advice = ": call eval() before the export ({names})"
    return [
        ("training-mode", norms, "{count} BatchNormalization nodes use the statistics of the batch" + advice),
        ("training-mode", dropouts, "{count} Dropout nodes drop values at random" + advice),
    ]
