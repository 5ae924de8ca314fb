"""Lets onnx-tf 1.10 be imported together with a TensorFlow that its two helper packages no longer support.

TensorFlow Addons and TensorFlow Probability ended before Python 3.12. onnx-tf imports each for one operator,
at start-up: Hardmax, whose three lines are written out here, and Bernoulli, which is then missing. Its
recurrent cells are Keras 2.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import types
from typing import Any


def install() -> None:
    """Fill the gaps that are there; to be called before TensorFlow and onnx-tf are imported."""
    if not _missing("tf_keras"):
        os.environ["TF_USE_LEGACY_KERAS"] = "1"
    if _missing("tensorflow_addons"):
        addons: Any = types.ModuleType("tensorflow_addons")
        addons.seq2seq = types.SimpleNamespace(hardmax=_hardmax)
        sys.modules["tensorflow_addons"] = addons
    if _missing("tensorflow_probability"):
        probability: Any = types.ModuleType("tensorflow_probability")
        probability.distributions = types.SimpleNamespace(Bernoulli=_bernoulli)
        sys.modules["tensorflow_probability"] = probability


def _missing(module: str) -> bool:
    return module not in sys.modules and importlib.util.find_spec(module) is None


def _hardmax(logits: Any, name: str | None = None) -> Any:
    """Return one at the largest of each row, zero elsewhere, as in TensorFlow Addons.

    Args:
        logits: shape (..., n).
        name: of the operation.
    """
    import tensorflow as tf

    with tf.name_scope(name or "hardmax"):
        depth = logits.get_shape()[-1] or tf.shape(logits)[-1]
        return tf.one_hot(tf.argmax(logits, -1), depth, dtype=logits.dtype)


def _bernoulli(*_: object, **__: object) -> None:
    raise NotImplementedError("Bernoulli is not implemented without TensorFlow Probability.")
