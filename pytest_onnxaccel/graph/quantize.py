"""Variants that compute with fewer bits: float16, and int8 weights quantised as the model runs.

The conversions are ONNX Runtime's own. They change results, so a variant counts only where the model's tolerances allow
it; that is for the caller to prove. They run in a worker.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import onnx

from pytest_onnxaccel.core.errors import ModelError, printable
from pytest_onnxaccel.graph.files import all_graphs, load_graph
from pytest_onnxaccel.graph.simplify import one_file

#: What dynamic quantisation helps on a CPU. Convolutions are left out: ``ConvInteger`` is slower than the float32 one.
_QUANTISED = ["MatMul", "Gemm", "LSTM", "Attention", "EmbedLayerNormalization"]
_INTEGER = {"MatMulInteger", "DynamicQuantizeLSTM", "QAttention", "QEmbedLayerNormalization", "DynamicQuantizeMatMul"}


def to_float16(source: str, target: str) -> dict[str, object]:
    """Compute in float16 between inputs and outputs, which keep their types.

    Returns:
        ``edited``, a line; empty when the model holds no float32 weights.

    Raises:
        ModelError: ``E_CONVERT``: the converter cannot take the model; ``E_MEMORY``: it is too large.
    """
    if not _weights(load_graph(source)):
        return {"edited": [], "reason": "it holds no float32 weights"}
    with _quiet(), tempfile.TemporaryDirectory(prefix="onnxaccel-") as folder:
        alone = os.path.join(folder, "alone.onnx")
        one_file(source, alone)
        try:
            from onnxruntime.transformers.float16 import convert_float_to_float16

            made = convert_float_to_float16(onnx.load(alone), keep_io_types=True)
        except Exception as error:
            raise _cannot("float16", error) from None
    onnx.save(made, target)
    return {"edited": ["float16 between inputs and outputs"], "reason": ""}


def to_int8(source: str, target: str) -> dict[str, object]:
    """Store the weights of matrix products as int8 and quantise what they are multiplied with as it comes.

    Returns:
        ``edited``, a line; empty when there is no such product.

    Raises:
        ModelError: as :func:`to_float16`.
    """
    nothing: dict[str, object] = {"edited": [], "reason": "no matrix product has constant weights"}
    if not any(node.op_type in _QUANTISED for graph in all_graphs(load_graph(source)) for node in graph.node):
        return nothing
    with _quiet(), tempfile.TemporaryDirectory(prefix="onnxaccel-") as folder:
        alone = os.path.join(folder, "alone.onnx")
        one_file(source, alone)
        try:
            from onnxruntime.quantization import QuantType, quantize_dynamic

            quantize_dynamic(alone, target, op_types_to_quantize=_QUANTISED, weight_type=QuantType.QInt8)
        except Exception as error:
            raise _cannot("int8", error) from None
    made = [node.op_type for graph in all_graphs(load_graph(target)) for node in graph.node]
    count = sum(op in _INTEGER for op in made)
    if not count:
        os.unlink(target)
        return nothing
    return {"edited": [f"int8 weights in {count} nodes"], "reason": ""}


def _weights(model: onnx.ModelProto) -> bool:
    return any(
        tensor.data_type == onnx.TensorProto.FLOAT
        for graph in all_graphs(model)
        for tensor in (
            *getattr(graph, "initializer", ()),
            *(a.t for node in graph.node if node.op_type == "Constant" for a in node.attribute if a.name == "value"),
        )
    )


def _cannot(what: str, error: Exception) -> ModelError:
    cause = f"ONNX Runtime cannot convert it to {what}: {printable(f'{type(error).__name__}: {error}', 160)}"
    return ModelError(cause, code="E_CONVERT")


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the converters' remarks, which are about other ways to use them."""
    logger = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
