"""Faster files of the same model: initializers out of the inputs, and what depends on constants alone computed.

Each function writes a variant of the model at *source* to *target*, a file that stands by itself, and says what it
did; equal results are for the caller to prove. They run in a worker.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter

import onnx

from pytest_onnxaccel.core.errors import ModelError, printable
from pytest_onnxaccel.graph.files import all_graphs, load_graph
from pytest_onnxaccel.graph.rebatch_files import all_tensors, read_model, write_model

#: First IR version in which an initializer need not be an input as well.
_FREE_IR = 4


def free_initializers(source: str, target: str) -> dict[str, object]:
    """Remove initializers from the graph's inputs.

    As inputs they are defaults that a caller may replace, so no runtime folds them or fuses what they belong to.

    Returns:
        ``edited``, a line; empty when no initializer is an input, and then nothing is written.

    Raises:
        ModelError: the model cannot be read or written.
    """
    model = read_model(source)
    count = release_initializers(model)
    if not count:
        return {"edited": [], "reason": "no initializer is listed as an input"}
    write_model(model, source, target)
    return {"edited": [f"{count} initializers out of the inputs"], "reason": ""}


def release_initializers(model: onnx.ModelProto) -> int:
    """Take *model*'s initializers out of its inputs, and say how many there were."""
    weights = {tensor.name for tensor in model.graph.initializer}
    weights |= {tensor.values.name for tensor in model.graph.sparse_initializer}
    kept = [info for info in model.graph.input if info.name not in weights]
    count = len(model.graph.input) - len(kept)
    if count:
        del model.graph.input[:]
        model.graph.input.extend(kept)
        model.ir_version = max(model.ir_version, _FREE_IR)
    return count


def simplify(source: str, target: str) -> dict[str, object]:
    """Fold constants and remove what changes nothing: ONNX Runtime's basic level, which keeps to standard operators.

    Returns:
        ``edited``, a line with the number of nodes before and after; empty when it finds nothing to do.

    Raises:
        ModelError: ``E_MEMORY`` for weights that do not fit into one file; ``E_CONVERT``: ONNX Runtime refuses.
    """
    before = load_graph(source)
    with tempfile.TemporaryDirectory(prefix="onnxaccel-") as folder:
        alone, made = os.path.join(folder, "alone.onnx"), os.path.join(folder, "made.onnx")
        one_file(source, alone)
        _optimized(alone, made)
        after = onnx.load(made)
    used = {node.domain for graph in all_graphs(after) for node in graph.node} | {""}
    used |= {function.domain for function in after.functions}
    imported = [item for item in after.opset_import if item.domain in used]
    del after.opset_import[:]
    after.opset_import.extend(imported)
    if _shape(after) == _shape(before):
        return {"edited": [], "reason": "there is nothing to simplify"}
    _restore(after, before)
    write_model(after, target, target)
    count = f"{len(before.graph.node)} nodes -> {len(after.graph.node)}"
    return {"edited": [f"constants folded, {count}"], "reason": ""}


def one_file(source: str, target: str) -> None:
    """Write the model at *source* as one file that holds its weights.

    Raises:
        ModelError: ``E_MEMORY``: they are too large for one file.
    """
    write_model(read_model(source), source, target)
    if any(t.data_location == onnx.TensorProto.EXTERNAL for t in all_tensors(load_graph(target))):
        raise ModelError("the weights are over 1 GiB, too large for one file", code="E_MEMORY")


def _optimized(source: str, target: str) -> None:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = target
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    try:
        ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelError(f"ONNX Runtime cannot simplify it: {printable(str(error), 160)}", code="E_CONVERT") from None


def _shape(model: onnx.ModelProto) -> Counter[str]:
    """Return what folding changes: operators by number, in every graph, without moved constants."""
    nodes = (node for graph in all_graphs(model) for node in graph.node)
    return Counter(f"{node.domain}:{node.op_type}" for node in nodes if node.op_type != "Constant")


def _restore(after: onnx.ModelProto, before: onnx.ModelProto) -> None:
    """Restore the fields that say where the model comes from: ONNX Runtime drops some."""
    for name in ("producer_name", "producer_version", "doc_string", "model_version", "domain"):
        setattr(after, name, getattr(before, name))
    del after.metadata_props[:]
    after.metadata_props.extend(before.metadata_props)
