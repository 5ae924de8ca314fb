"""STFT written as a convolution with cosines and sines: the same numbers by another algorithm.

Runtimes compute lengths other than a power of two by Bluestein's algorithm, in float32 some 1e-5 of the result's scale
off and alike in every run, so that only another graph shows it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def spectra_of(model: onnx.ModelProto) -> Iterator[tuple[int, int, Any]]:
    """Yield place, step and window of each STFT of the main graph whose step and window are constants in float32."""
    held = {tensor.name: tensor for tensor in model.graph.initializer}
    held |= {
        node.output[0]: item.t
        for node in model.graph.node
        if node.op_type == "Constant"
        for item in node.attribute
        if item.name == "value"
    }
    for at, node in enumerate(model.graph.node):
        if node.op_type != "STFT" or node.domain:
            continue
        step, window, length = (held.get(name) if name else None for name in [*node.input[1:], "", ""][:3])
        if (
            step is None
            or (window is None and length is None)
            or (window is None and len(node.input) > 2 and node.input[2])
        ):
            continue
        size = _whole(length) if length is not None else window.dims[0] if window is not None else 0
        shape = numpy_helper.to_array(window) if window is not None else np.ones(size, np.float32)
        if shape.dtype == np.float32 and shape.shape == (size,):
            yield at, _whole(step), shape


def convolved(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return *model* with every such STFT as a convolution of the signal, in its real part."""
    found = {at: (step, window) for at, step, window in spectra_of(model)}
    nodes: list[onnx.NodeProto] = []
    for at, node in enumerate(model.graph.node):
        nodes += _as_convolution(model, node, *found[at]) if at in found else [node]
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del model.graph.node[:]
    model.graph.node.extend(copies)
    return model


def _as_convolution(model: onnx.ModelProto, node: Any, step: int, window: Any) -> Sequence[onnx.NodeProto]:
    size = len(window)
    one_sided = next((item.i for item in node.attribute if item.name == "onesided"), 1)
    bins = size // 2 + 1 if one_sided else size
    angles = 2 * np.pi * (np.outer(np.arange(bins), np.arange(size)) % size) / size
    # Real parts first, then imaginary ones, as the channels are taken apart below
    kernels = np.concatenate([np.cos(angles), -np.sin(angles)]) * window.astype(np.float64)
    name = f"{node.output[0]}__convolved"
    model.graph.initializer.extend([
        numpy_helper.from_array(kernels[:, None].astype(np.float32), f"{name}_kernels"),
        numpy_helper.from_array(np.array([0, 1, -1]), f"{name}_signal"),
        numpy_helper.from_array(np.array([0, 2, bins, -1]), f"{name}_parts"),
    ])  # fmt: skip
    return [
        helper.make_node("Reshape", [node.input[0], f"{name}_signal"], [f"{name}_1"]),
        helper.make_node("Conv", [f"{name}_1", f"{name}_kernels"], [f"{name}_2"], strides=[step]),
        helper.make_node("Reshape", [f"{name}_2", f"{name}_parts"], [f"{name}_3"]),
        helper.make_node("Transpose", [f"{name}_3"], list(node.output), perm=[0, 3, 2, 1]),
    ]


def _whole(tensor: TensorProto) -> int:
    return int(numpy_helper.to_array(tensor).reshape(-1)[0])
