"""A layer with a batch norm behind it, against the same two folded into one: which of them is another one.

Runs in a worker, gives JSON.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, numpy_helper
from onnx.external_data_helper import uses_external_data

from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.graph.files import load_graph

Array = NDArray[np.float64]

#: Folding in float32 or float64, and in another order, rounds by less than this share of the largest weight.
_ROUNDS = 1e-4


@record(frozen=True)
class _Layer:
    """Weights ``[channels, ...]`` and bias ``[channels]`` of a layer, float64."""

    weights: Array
    bias: Array


def folded(unfolded: str, value: str, whole: str, counterpart: str) -> dict[str, Any]:
    """Find which of two nodes differs from what was folded into one.

    Args:
        unfolded: path of the model with a batch norm behind a Conv, Gemm or MatMul.
        value: what that batch norm gives.
        whole: path of the model with both in one layer.
        counterpart: what that layer gives.

    Returns:
        ``which``: ``layer``, ``norm``, ``neither`` (the constants agree), or an empty text where that cannot be told;
        ``what``: the difference in words.

    Raises:
        ModelError: as :func:`~pytest_onnxaccel.graph.files.load_graph`.
    """
    model = load_graph(unfolded)
    makers = {name: node for node in model.graph.node for name in node.output}
    stored = _stored(model)
    norm = makers.get(value)
    layer = _layer(makers.get(norm.input[0]), stored) if norm is not None else None
    if norm is None or norm.op_type != "BatchNormalization" or layer is None:
        return _told()
    parts = [_array(stored.get(name)) for name in norm.input[1:5]]
    other = load_graph(whole)
    single = next((node for node in other.graph.node if counterpart in node.output), None)
    joined = _layer(single, _stored(other))
    if joined is None or any(part is None for part in parts) or joined.weights.shape != layer.weights.shape:
        return _told()
    gain, shift, mean, variance = (np.asarray(part, np.float64) for part in parts)
    epsilon = next((item.f for item in norm.attribute if item.name == "epsilon"), 1e-5)
    return _compared(layer, joined, gain / np.sqrt(variance + epsilon), (shift, mean))


def _compared(layer: _Layer, joined: _Layer, factor: Array, ends: tuple[Array, Array]) -> dict[str, Any]:
    shift, mean = ends
    ours, theirs = layer.weights.reshape(len(factor), -1), joined.weights.reshape(len(factor), -1)
    largest = float(np.abs(theirs).max()) or 1.0
    power = (ours * ours).sum(axis=1)
    ratio = np.divide((ours * theirs).sum(axis=1), power, out=factor.copy(), where=power > 0)
    turned = np.abs(theirs - ratio[:, None] * ours).max(axis=1) > _ROUNDS * largest
    if turned.any():
        return _told("layer", f"weights of {_channels(turned)} are others than those that were folded")
    scaled = np.abs(ratio - factor) > _ROUNDS * np.abs(factor).max()
    bias = (layer.bias - mean) * factor + shift
    off = np.abs(bias - joined.bias) > _ROUNDS * max(float(np.abs(joined.bias).max()), float(np.abs(bias).max()), 1e-30)
    if scaled.any():
        # The norm's scale moves the mean along with it, and the layer's weights do not
        if not (off & scaled).any():
            return _told("layer", f"weights of {_channels(scaled)} are {_times(ratio, factor, scaled)} those folded")
        return _told("norm", f"scale of {_channels(scaled)} is {_times(ratio, factor, scaled)} the folded one")
    if off.any():
        return _told("norm", f"shift of {_channels(off)} is off by up to {np.abs(bias - joined.bias).max():.3g}")
    return _told("neither")


def _told(which: str = "", what: str = "") -> dict[str, Any]:
    return {"which": which, "what": what}


def _channels(flags: Any) -> str:
    places = [int(i) for i in np.flatnonzero(flags)]
    return f"channel {places[0]}" if len(places) == 1 else f"{len(places)} of {len(flags)} channels"


def _times(ratio: Array, factor: Array, flags: Any) -> str:
    place = int(np.flatnonzero(flags)[0])
    return f"{factor[place] / ratio[place]:.3g} times" if ratio[place] else "not"


def _layer(node: NodeProto | None, stored: dict[str, TensorProto]) -> _Layer | None:
    if node is None or node.op_type not in ("Conv", "Gemm", "MatMul") or len(node.input) < 2:
        return None
    weights = _array(stored.get(node.input[1]))
    if weights is None:
        return None
    turned = any(item.name == "transB" and item.i for item in node.attribute)
    if node.op_type != "Conv" and not turned:
        weights = np.moveaxis(weights, -1, 0)
    bias = _array(stored.get(node.input[2])) if len(node.input) > 2 and node.input[2] else np.zeros(len(weights))
    return None if bias is None else _Layer(weights, np.broadcast_to(bias, (len(weights),)))


def _array(tensor: TensorProto | None) -> Array | None:
    if tensor is None or uses_external_data(tensor):
        return None
    return numpy_helper.to_array(tensor).astype(np.float64)


def _stored(model: ModelProto) -> dict[str, TensorProto]:
    found = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant":
            found |= {name: item.t for name in node.output for item in node.attribute if item.name == "value"}
    return found
