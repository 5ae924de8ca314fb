"""Writes the copy of an ONNX graph that onnx-tf can take. Runs in a worker of the modern interpreter.

The copy computes the same function; how it differs from the original is said in the notes, which go into
results.
"""

from __future__ import annotations

import os
import tempfile

import onnx

from pytest_onnxaccel.core.errors import ModelError, OnnxAccelError, printable
from pytest_onnxaccel.graph.onnx_tf_copy.names import rename
from pytest_onnxaccel.graph.onnx_tf_copy.rewrites import is_float16, rewritten
from pytest_onnxaccel.graph.opset import lowered
from pytest_onnxaccel.graph.upgrade import all_nodes, opset_of

#: IR version of the copy: the newest that the onnx of the legacy environments reads.
IR_VERSION = 10
#: Bytes above which weights go to a file beside the copy; protobuf ends at 2 GiB.
ONE_FILE_LIMIT = 1 << 30

#: Fusions of ONNX Runtime's basic level. Folding constants is what onnx-tf needs; with layers fused as well
#: the copy would no longer be the work that an onnx-tf user's model does, and a comparison of speeds would
#: flatter onnx-tf.
_FUSIONS = [
    "CommonSubexpressionElimination", "ConstantSharing", "ConvAddFusion", "ConvBNFusion", "ConvMulFusion",
    "DivMulFusion", "FuseReluClip", "GemmSumFusion", "GemmTransposeFusion", "MatMulAddFusion",
    "MatMulBNFusion", "NotWhereFusion", "PadFusion", "TransposeOptimizer",
]  # fmt: skip


def prepare(source: str, target: str) -> dict[str, object]:
    """Read the model at *source* and write the copy for onnx-tf to *target*.

    Returns:
        ``opset`` and ``from_opset``; ``inputs`` and ``outputs`` as {name in the copy: original name} in the
        declared order; ``notes``, one fact a line.

    Raises:
        ModelError: ``E_PARSE`` or ``E_EXTERNAL`` for a file that cannot be read, ``E_SCHEMA`` for an
            opset that cannot be brought down, ``E_FILE`` when the copy cannot be written.
    """
    model = _read(source)
    from_opset = opset_of(model) or next((o.version for o in model.opset_import if o.domain == "ai.onnx"), 0)
    notes: list[str] = []
    _initializers_out_of_inputs(model)
    # The converter takes IR 3 for a promise that every initializer is an input as well
    model.ir_version = min(max(model.ir_version, 8), IR_VERSION)
    try:
        model, said = lowered(model)
        notes += said
        model, said = _folded(model)
        notes += said
        model, said = rewritten(model)
        notes += said
        inputs, outputs = rename(model)
    except OnnxAccelError:
        raise
    except Exception as error:
        raise ModelError(
            f"no copy for onnx-tf can be written: {printable(f'{type(error).__name__}: {error}', 200)}",
            code="E_SCHEMA",
            where="prepare, onnx-tf",
        ) from error
    model.ir_version = IR_VERSION
    _write(model, target)
    return {
        "opset": opset_of(model),
        "from_opset": from_opset,
        "inputs": inputs,
        "outputs": outputs,
        "notes": [f"a prepared copy ran: opset {from_opset} as {opset_of(model)}, constants folded", *notes],
    }


def _read(source: str) -> onnx.ModelProto:
    try:
        return onnx.load(source)
    except (OSError, ValueError, onnx.checker.ValidationError) as error:
        raise ModelError(
            f"cannot be read with its external data: {printable(str(error), 200)}",
            code="E_EXTERNAL",
            remedy="put the data file next to the model",
        ) from error
    except Exception as error:
        raise ModelError(
            f"is truncated or not an ONNX model: {printable(str(error), 200)}",
            code="E_PARSE",
            remedy="export it again, or fetch the whole file",
        ) from error


def _initializers_out_of_inputs(model: onnx.ModelProto) -> None:
    """Remove initializers from the inputs: nothing folds a default that a caller may replace."""
    weights = {tensor.name for tensor in model.graph.initializer}
    weights |= {tensor.values.name for tensor in model.graph.sparse_initializer}
    kept = [info for info in model.graph.input if info.name not in weights]
    del model.graph.input[:]
    model.graph.input.extend(kept)


def _folded(model: onnx.ModelProto) -> tuple[onnx.ModelProto, list[str]]:
    """Fold what depends on constants alone in *model*; return it, and a note where that failed."""
    if model.ByteSize() > ONE_FILE_LIMIT:
        return model, ["constants not folded: the weights are over 1 GiB"]
    import onnxruntime as ort

    casts = sum(node.op_type == "Cast" for node in all_nodes(model))
    with tempfile.TemporaryDirectory(prefix="onnxaccel-") as folder:
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = os.path.join(folder, "folded.onnx")
        options.log_severity_level = 4
        options.intra_op_num_threads = 1
        try:
            ort.InferenceSession(
                model.SerializeToString(),
                options,
                providers=["CPUExecutionProvider"],
                disabled_optimizers=_FUSIONS,
            )
            folded = onnx.load(options.optimized_model_filepath)
        except Exception as error:
            return model, [f"constants not folded: ONNX Runtime says {printable(str(error), 120)}"]
    used = {node.domain for node in all_nodes(folded)} | {""}
    imported = [item for item in folded.opset_import if item.domain in used]
    del folded.opset_import[:]
    folded.opset_import.extend(imported)
    widened = is_float16(model) and sum(node.op_type == "Cast" for node in all_nodes(folded)) > casts
    return folded, ["float16 operators run in float32 between casts"] if widened else []


def _write(model: onnx.ModelProto, target: str) -> None:
    try:
        if model.ByteSize() <= ONE_FILE_LIMIT:
            onnx.save(model, target)
        else:
            # onnx appends to a data file that is already there
            location = os.path.basename(target) + ".data"
            data = os.path.join(os.path.dirname(os.path.abspath(target)), location)
            if os.path.exists(data):
                os.unlink(data)
            onnx.save(model, target, save_as_external_data=True, location=location)
    except OSError as error:
        raise ModelError(
            f"the copy for onnx-tf cannot be written: {error.strerror or error}",
            code="E_FILE",
            remedy="make room on the disk, or set TMPDIR to a larger one",
        ) from error
