"""Folds inference-mode BatchNormalization into the convolution in front of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper


def foldable(model: onnx.ModelProto) -> bool:
    """Return whether there is a BatchNormalization that :func:`fold_batchnorm` can fold."""
    return next(_pairs(model), None) is not None


def fold_batchnorm(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return *model* with every foldable BatchNormalization folded.

    w' = w*k and b' = (b - mean)*k + beta with k = gamma/sqrt(var + eps). Computed in the weights' own
    dtype, as converters do. A BatchNormalization folds when a Conv alone feeds it, nobody else reads that Conv's
    result, and all its parameters are initializers that may not be fed.
    """
    gone = []
    for conv, norm in list(_pairs(model)):
        held = {tensor.name: tensor for tensor in model.graph.initializer}
        gamma, beta, mean, var = (numpy_helper.to_array(held[name]) for name in norm.input[1:5])
        weights = numpy_helper.to_array(held[conv.input[1]])
        bias: Any = numpy_helper.to_array(held[conv.input[2]]) if _has_bias(conv) else np.zeros_like(mean)
        k = (gamma / np.sqrt(var + np.asarray(_epsilon(norm), var.dtype))).astype(weights.dtype)
        made = {
            f"{norm.output[0]}_folded_w": weights * k.reshape(-1, *[1] * (weights.ndim - 1)),
            f"{norm.output[0]}_folded_b": (bias - mean) * k + beta,
        }
        for name, content in made.items():
            model.graph.initializer.append(numpy_helper.from_array(content.astype(weights.dtype), name))
        del conv.input[1:]
        conv.input.extend(made)
        conv.output[0] = norm.output[0]
        gone.append(norm)
    for node in gone:
        model.graph.node.remove(node)
    _drop_unread(model)
    return model


def _pairs(model: onnx.ModelProto) -> Iterator[tuple[onnx.NodeProto, onnx.NodeProto]]:
    graph = model.graph
    readers = Counter(name for node in graph.node for name in node.input)
    readers.update(value.name for value in graph.output)
    fed = {value.name for value in graph.input}
    fixed = {tensor.name for tensor in graph.initializer} - fed
    makers = {name: node for node in graph.node for name in node.output}
    for norm in graph.node:
        conv = makers.get(norm.input[0]) if norm.op_type == "BatchNormalization" and norm.input else None
        if (
            conv is None
            or conv.op_type != "Conv"
            or readers[norm.input[0]] != 1
            or len(list(filter(None, norm.output))) != 1
        ):
            continue
        training = any(a.name == "training_mode" and helper.get_attribute_value(a) for a in norm.attribute)
        if not training and fixed.issuperset([*norm.input[1:5], *filter(None, conv.input[1:])]):
            yield conv, norm


def _has_bias(conv: onnx.NodeProto) -> bool:
    return len(conv.input) > 2 and bool(conv.input[2])


def _epsilon(norm: onnx.NodeProto) -> float:
    return next((attribute.f for attribute in norm.attribute if attribute.name == "epsilon"), 1e-5)


def _drop_unread(model: onnx.ModelProto) -> None:
    graph = model.graph
    if any(a.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS) for n in graph.node for a in n.attribute):
        return  # a subgraph may read what the main graph no longer does
    read = {name for node in graph.node for name in node.input} | {value.name for value in graph.output}
    kept = [tensor for tensor in graph.initializer if tensor.name in read]
    del graph.initializer[:]
    graph.initializer.extend(kept)
