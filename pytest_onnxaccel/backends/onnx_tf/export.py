"""Writes what onnx-tf makes of a model as a TensorFlow file; runs in the legacy interpreter.

onnx-tf's own SavedModel gives its outputs in the alphabetical order of their names and calls them ``Identity``. Here
each output is an identity of the name that the ONNX model gives it, and each input a placeholder of its name, so that
``session.run(["scores:0", "boxes:0"], {"input:0": x})`` holds for the frozen graph.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from pytest_onnxaccel.backends.onnx_tf.frameworks import frameworks
from pytest_onnxaccel.backends.onnx_tf.load import read, reason, refused, said_meanwhile, trace_model
from pytest_onnxaccel.backends.onnx_tf.nodes import RECURRENT, all_nodes
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.printing import counted

#: The signature of the SavedModel, as TensorFlow Serving calls it by default.
SIGNATURE = "serving_default"

#: Scope of all that is neither an input nor an output.
_SCOPE = "onnx_graph"
_FIRST = re.compile(r"[^A-Za-z0-9.]")
_ILLEGAL = re.compile(r"[^A-Za-z0-9_.\\/>-]")


def export(path: str, target: str, kind: str, inputs: Mapping[str, str], outputs: Mapping[str, str]) -> dict[str, Any]:
    """Convert the prepared copy at *path* and write *target*.

    Args:
        path: the prepared copy.
        target: a file for the kind ``graphdef``, a folder that is not there yet for ``saved_model``.
        kind: ``graphdef`` or ``saved_model``.
        inputs: names of the original model by name in the copy.
        outputs: names of the original model by name in the copy.

    Returns:
        ``tensors``, tensor name by original name, inputs first; ``shapes`` and ``dtypes`` by original name; ``notes``
        and ``versions``.

    Raises:
        ModelError: ``E_SCHEMA``, naming the operator that stopped onnx-tf, or the name that another has taken.
    """
    tf, onnx, onnx_tf = frameworks()
    model = read(onnx, path)
    recurrent = dict.fromkeys(node.op_type for node in all_nodes(model.graph) if node.op_type in RECURRENT)
    if recurrent:
        # Before the trace: a process that has traced one can trace no other
        raise refused(f"onnx-tf's recurrent cells hold variables that do not freeze: {', '.join(recurrent)}")
    with said_meanwhile() as said:
        module, concrete, trace = trace_model(tf, onnx_tf, model)
        graph_def, fed, fetched = _frozen(tf, concrete, model)
    kept = module  # the function refers to its variables weakly
    assert kept is not None
    graph, tensors = _named(tf, graph_def, fed, fetched, inputs, outputs)
    (_write_frozen if kind == "graphdef" else _write_saved_model)(tf, graph, tensors, list(inputs.values()), target)
    notes = [*trace.notes, *said]
    odd = [f"{name!r} is {tensor}" for name, tensor in tensors.items() if tensor not in (name, f"{name}:0")]
    if odd and kind == "graphdef":
        notes.append(f"names that TensorFlow does not take: {counted(odd)}")
    return {
        "tensors": tensors,
        "shapes": {name: _shape(graph.get_tensor_by_name(tensor)) for name, tensor in tensors.items()},
        "dtypes": {name: graph.get_tensor_by_name(tensor).dtype.name for name, tensor in tensors.items()},
        "notes": notes,
        "versions": {
            "tensorflow": tf.__version__,
            "onnx-tf": onnx_tf.version.version,
            "onnx": onnx.__version__,
        },
    }


def _frozen(tf: Any, concrete: Any, model: Any) -> tuple[Any, dict[str, str], dict[str, str]]:
    """Return the frozen graph, and in it the tensors of the copy's inputs and outputs."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    try:
        frozen = convert_variables_to_constants_v2(concrete)
    except Exception as error:
        raise refused(f"TensorFlow cannot freeze what onnx-tf made: {reason(error)}") from error
    # Arguments of a traced function come in the order of their names, and so do the entries of its dictionary
    order = sorted(info.name for info in model.graph.input)
    fed = dict(zip(order, (tensor.name for tensor in frozen.inputs), strict=True))
    keys = sorted(concrete.structured_outputs)
    fetched = dict(zip(keys, (tensor.name for tensor in frozen.outputs), strict=True))
    return frozen.graph.as_graph_def(), fed, fetched


def _named(
    tf: Any,
    body: Any,
    fed: Mapping[str, str],
    fetched: Mapping[str, str],
    inputs: Mapping[str, str],
    outputs: Mapping[str, str],
) -> tuple[Any, dict[str, str]]:
    """Return a graph whose placeholders and last identities carry the original names, and the tensor of each."""
    original = tf.Graph()
    with original.as_default():
        tf.import_graph_def(body, name="")
    graph = tf.Graph()
    tensors: dict[str, str] = {}
    with graph.as_default():
        replaced = {}
        for name, real in inputs.items():
            old = original.get_tensor_by_name(fed[name])
            made = tf.compat.v1.placeholder(old.dtype, old.shape, name=operation_name(real, "input"))
            tensors[real] = made.name
            replaced[fed[name]] = made
        found = tf.import_graph_def(body, replaced, [fetched[name] for name in outputs], name=_SCOPE)
        for real, tensor in zip(outputs.values(), found, strict=True):
            made = tf.identity(tensor, name=operation_name(real, "output"))
            if real in tensors:
                raise refused(f"{real!r} is an input and an output, which TensorFlow cannot both call so")
            tensors[real] = made.name
    return graph, tensors


def operation_name(name: str, fallback: str) -> str:
    """Return the operation whose first tensor a reader of the ONNX model would call *name*."""
    plain = name[:-2] if name.endswith(":0") else name
    legal = _ILLEGAL.sub("_", plain)
    return fallback if not legal.strip("_") else f"{fallback}{legal}" if _FIRST.match(legal) else legal


def _needed(tf: Any, graph: Any, tensors: Mapping[str, str]) -> Any:
    """Return the ``GraphDef`` of what the outputs need, with every input."""
    nodes = [tensor.partition(":")[0] for tensor in tensors.values()]
    return tf.compat.v1.graph_util.extract_sub_graph(graph.as_graph_def(), nodes)


def _write_frozen(tf: Any, graph: Any, tensors: Mapping[str, str], inputs: list[str], target: str) -> None:
    data = _needed(tf, graph, tensors).SerializeToString()
    with open(target, "wb") as file:
        file.write(data)
    # As a user will: by tensor name, in a graph that knows nothing of this one
    again = tf.compat.v1.GraphDef()
    with open(target, "rb") as file:
        again.ParseFromString(file.read())
    with tf.Graph().as_default() as reloaded:
        tf.import_graph_def(again, name="")
        for name, tensor in tensors.items():
            if reloaded.get_tensor_by_name(tensor).dtype != graph.get_tensor_by_name(tensor).dtype:
                raise ModelError(f"{name!r} has another type in the file", code="E_ERROR")


def _write_saved_model(tf: Any, graph: Any, tensors: Mapping[str, str], inputs: list[str], target: str) -> None:
    v1 = tf.compat.v1
    with tf.Graph().as_default() as small:
        tf.import_graph_def(_needed(tf, graph, tensors), name="")
        info = {
            name: v1.saved_model.utils.build_tensor_info(small.get_tensor_by_name(tensor))
            for name, tensor in tensors.items()
        }
        signature = v1.saved_model.signature_def_utils.build_signature_def(
            {name: item for name, item in info.items() if name in inputs},
            {name: item for name, item in info.items() if name not in inputs},
            v1.saved_model.signature_constants.PREDICT_METHOD_NAME,
        )
        with v1.Session(graph=small) as session:
            builder = v1.saved_model.builder.SavedModelBuilder(target)
            builder.add_meta_graph_and_variables(
                session, [v1.saved_model.tag_constants.SERVING], {SIGNATURE: signature}, strip_default_attrs=True
            )
            builder.save()
    # TensorFlow notes here when and by what it was written, which would make equal conversions differ
    fingerprint = os.path.join(target, "fingerprint.pb")
    if os.path.exists(fingerprint):
        os.unlink(fingerprint)


def _shape(tensor: Any) -> list[int | None] | None:
    return None if tensor.shape.rank is None else [None if dim is None else int(dim) for dim in tensor.shape.as_list()]
