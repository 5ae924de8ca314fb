"""What onnx-tf makes of a graph, node by node; runs in the legacy interpreter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pytest_onnxaccel.core.specs import Dim, TensorSpec

#: Operators whose cell onnx-tf keeps in a class attribute, made once in a process.
RECURRENT = ("GRU", "LSTM", "RNN")

_DTYPES = {"FLOAT": "float32", "DOUBLE": "float64", "UNDEFINED": ""}


@dataclass
class Trace:
    """Where a trace is, and what a reader of its results must know.

    Attributes:
        operator: the operator that onnx-tf is at.
        notes: operators that were not handed to onnx-tf's own handler.
    """

    operator: str = ""
    notes: list[str] = field(default_factory=list)


def all_nodes(graph: Any) -> Iterator[Any]:
    """Yield every node of *graph*, subgraphs included."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in [attribute.g] if attribute.HasField("g") else attribute.graphs:
                yield from all_nodes(inner)


def opset_of(model: Any) -> int:
    """Return the version of the default operator domain; 0 when the model imports none."""
    return next((int(item.version) for item in model.opset_import if item.domain == ""), 0)


def missing_operators(onnx_tf: Any, model: Any) -> list[str]:
    """Return operators of *model* for which onnx-tf has no handler at its opset, each once, with foreign domains."""
    handlers = onnx_tf.backend.TensorflowBackend._get_handlers(model.opset_import)
    lacking = []
    for node in all_nodes(model.graph):
        handler = handlers.get(node.domain, {}).get(node.op_type)
        if handler is None or not hasattr(handler, f"version_{handler.SINCE_VERSION}"):
            lacking.append(f"{node.domain}.{node.op_type}" if node.domain else node.op_type)
    return sorted(set(lacking))


def recording_backend(tf: Any, onnx_tf: Any, trace: Trace) -> Any:
    """Return onnx-tf's backend, which also says where it is and takes weights as arrays instead of lists."""
    from onnx import numpy_helper

    class Recording(onnx_tf.backend.TensorflowBackend):  # type: ignore[misc]
        @classmethod
        def _onnx_node_to_tensorflow_op(cls, node: Any, tensor_dict: Any, *args: Any, **kwargs: Any) -> Any:
            trace.operator = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
            padded = _pad(tf, node, tensor_dict) if node.op_type == "Pad" and not node.domain else None
            if padded is not None:
                note = "Pad built as tf.pad: onnx-tf's own handler fails on constant pads above one"
                trace.notes += [] if note in trace.notes else [note]
                return [padded]
            return super()._onnx_node_to_tensorflow_op(node, tensor_dict, *args, **kwargs)

        @classmethod
        def _onnx_initializer_to_input_dict_items(cls, initializer: Any, training_mode: bool = False) -> Any:
            items: list[tuple[str, Any]] = []
            for tensor in initializer:
                dtype = onnx_tf.common.data_type.onnx2tf(tensor.data_type)
                items.append((tensor.name, tf.cast(tf.constant(numpy_helper.to_array(tensor)), dtype)))
            return items

    return Recording


def _pad(tf: Any, node: Any, tensors: Any) -> Any:
    """Return what onnx-tf means by a Pad whose pads are constant, none negative and one above one; else None.

    Its handler traces the branch for negative pads as well, and TensorFlow refuses that branch's shapes.
    """
    mode = node.attrs.get("mode", "constant")
    pads: Any = tensors.get(node.inputs[1]) if len(node.inputs) > 1 else None
    # A tensor of the traced graph has no value to look at
    if mode not in ("constant", "reflect") or not hasattr(pads, "numpy"):
        return None
    amounts = pads.numpy()
    if amounts.min(initial=0) < 0 or amounts.max(initial=0) < 2:
        return None
    value = tensors[node.inputs[2]] if len(node.inputs) > 2 and node.inputs[2] else 0
    return tf.pad(tensors[node.inputs[0]], amounts.reshape(2, -1).T, mode, value)


def specs(onnx: Any, values: Iterable[Any]) -> tuple[TensorSpec, ...]:
    """Return *values* (``ValueInfoProto``) as specs."""
    found = []
    for value in values:
        tensor = value.type.tensor_type
        name = onnx.TensorProto.DataType.Name(tensor.elem_type)
        shape: tuple[Dim, ...] | None = None
        if tensor.HasField("shape"):
            shape = tuple(_dim(dim) for dim in tensor.shape.dim)
        found.append(TensorSpec(value.name, _DTYPES.get(name, name.lower()), shape))
    return tuple(found)


def _dim(dim: Any) -> Dim:
    if dim.HasField("dim_value"):
        return int(dim.dim_value)
    return str(dim.dim_param) or None
