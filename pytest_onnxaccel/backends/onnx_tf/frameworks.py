"""TensorFlow, onnx and onnx-tf, imported quietly and with the gaps between them filled."""

from __future__ import annotations

import logging
from functools import cache
from typing import Any

from pytest_onnxaccel.backends.onnx_tf.imports import install
from pytest_onnxaccel.backends.tensorflow.quietly import quietly


@cache
def frameworks() -> tuple[Any, Any, Any]:
    """Return the modules ``tensorflow``, ``onnx`` and ``onnx_tf``.

    Raises:
        BackendUnavailable: one of them cannot be imported in this interpreter.
    """
    install()
    with quietly("onnx-tf", "python -m pytest_onnxaccel env onnx-tf"):
        import onnx
        import onnx_tf
        import onnx_tf.backend
        import onnx_tf.version
        import tensorflow as tf
    tf.get_logger().setLevel(logging.ERROR)
    return tf, onnx, onnx_tf
