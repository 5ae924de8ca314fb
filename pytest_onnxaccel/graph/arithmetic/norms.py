"""Normalisations and the Softmax family, by their definition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_onnxaccel.graph.arithmetic.linear import along_channels

Array = NDArray[Any]
Inputs = Sequence[Any]
Attributes = Mapping[str, Any]

#: Attribute that tells a kernel from which opset on its operator is defined as it is here.
SINCE = "since"


def batch_normalization(inputs: Inputs, attributes: Attributes) -> Any:
    """Normalise with the statistics that are stored, or those of the batch in training mode."""
    x, gain, shift, mean, variance = inputs
    if attributes.get("spatial", 1) == 0:
        raise NotImplementedError("BatchNormalization with spatial=0")
    trained = bool(attributes.get("training_mode"))
    if int(attributes[SINCE]) < 14:
        trained = int(attributes["outputs"]) > 1 or (int(attributes[SINCE]) < 7 and not attributes.get("is_test"))
    if trained:
        axes = (0, *range(2, x.ndim))
        mean, variance = x.mean(axis=axes), x.var(axis=axes)
    root = np.sqrt(along_channels(variance, x.ndim) + attributes.get("epsilon", 1e-5))
    y = along_channels(gain, x.ndim) * (x - along_channels(mean, x.ndim)) / root + along_channels(shift, x.ndim)
    return (y,)


def instance_normalization(inputs: Inputs, attributes: Attributes) -> Any:
    x, gain, shift = inputs
    y = _standard(x, tuple(range(2, x.ndim)), attributes)
    return (along_channels(gain, x.ndim) * y + along_channels(shift, x.ndim),)


def layer_normalization(inputs: Inputs, attributes: Attributes) -> Any:
    x, gain, shift = (*inputs, None)[:3]
    axes = tuple(range(attributes.get("axis", -1) % x.ndim, x.ndim))
    y = _standard(x, axes, attributes) * gain
    return (y if shift is None else y + shift,)


def rms_normalization(inputs: Inputs, attributes: Attributes) -> Any:
    x, gain = inputs
    axes = tuple(range(attributes.get("axis", -1) % x.ndim, x.ndim))
    root = np.sqrt((x * x).mean(axis=axes, keepdims=True) + attributes.get("epsilon", 1e-5))
    return (x / root * gain,)


def group_normalization(inputs: Inputs, attributes: Attributes) -> Any:
    """Normalise by group; gain and shift are one for each group up to opset 20, one for each channel from 21 on."""
    x, gain, shift = inputs
    groups = int(attributes["num_groups"])
    parts = x.reshape(x.shape[0], groups, -1)
    y = _standard(parts, (2,), attributes)
    if int(attributes[SINCE]) < 21:
        return ((y * gain[None, :, None] + shift[None, :, None]).reshape(x.shape),)
    return (y.reshape(x.shape) * along_channels(gain, x.ndim) + along_channels(shift, x.ndim),)


def _standard(x: Array, axes: tuple[int, ...], attributes: Attributes) -> Array:
    root = np.sqrt(x.var(axis=axes, keepdims=True) + attributes.get("epsilon", 1e-5))
    return np.asarray((x - x.mean(axis=axes, keepdims=True)) / root)


def lp_normalization(inputs: Inputs, attributes: Attributes) -> Any:
    (x,) = inputs
    p = float(attributes.get("p", 2))
    norm = (np.abs(x) ** p).sum(axis=attributes.get("axis", -1), keepdims=True) ** (1 / p)
    return (np.divide(x, norm, out=np.zeros_like(x), where=norm != 0),)


def lrn(inputs: Inputs, attributes: Attributes) -> Any:
    (x,) = inputs
    size = int(attributes["size"])
    squares = np.pad(x * x, [(0, 0), ((size - 1) // 2, size // 2), *[(0, 0)] * (x.ndim - 2)])
    total = sum(squares[:, i : i + x.shape[1]] for i in range(size))
    alpha, beta = attributes.get("alpha", 1e-4), attributes.get("beta", 0.75)
    return (x / (attributes.get("bias", 1.0) + alpha / size * total) ** beta,)


def _rows(x: Array, attributes: Attributes) -> tuple[Array, int]:
    """Return *x* and the axis that Softmax and its like run over: below opset 13 they see two axes."""
    if int(attributes[SINCE]) >= 13:
        return x, attributes.get("axis", -1)
    axis = attributes.get("axis", 1) % max(x.ndim, 1)
    return x.reshape(prod(x.shape[:axis]), -1), 1


def softmax(inputs: Inputs, attributes: Attributes) -> Any:
    rows, axis = _rows(inputs[0], attributes)
    power = np.exp(rows - rows.max(axis=axis, keepdims=True))
    return ((power / power.sum(axis=axis, keepdims=True)).reshape(inputs[0].shape),)


def log_softmax(inputs: Inputs, attributes: Attributes) -> Any:
    rows, axis = _rows(inputs[0], attributes)
    less = rows - rows.max(axis=axis, keepdims=True)
    return ((less - np.log(np.exp(less).sum(axis=axis, keepdims=True))).reshape(inputs[0].shape),)


def hardmax(inputs: Inputs, attributes: Attributes) -> Any:
    rows, axis = _rows(inputs[0], attributes)
    y = np.zeros_like(rows)
    np.put_along_axis(y, np.expand_dims(rows.argmax(axis=axis), axis), 1, axis=axis)
    return (y.reshape(inputs[0].shape),)


def dropout(inputs: Inputs, attributes: Attributes) -> Any:
    """Drop nothing: in training mode no arithmetic says what must come out."""
    x, ratio, training = (*inputs, None, None)[:3]
    if training is not None and bool(np.any(training)) and (ratio is None or float(ratio) > 0):
        raise NotImplementedError("Dropout in training mode")
    return (x,)
