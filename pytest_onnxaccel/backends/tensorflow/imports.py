"""TensorFlow, imported quietly. The same code serves this interpreter and the one of onnx-tf."""

from __future__ import annotations

import logging
import os
from functools import cache
from typing import Any

from pytest_onnxaccel.backends.tensorflow.quietly import quietly
from pytest_onnxaccel.core.errors import printable


@cache
def tensorflow() -> Any:
    """Return the module ``tensorflow``.

    Raises:
        BackendUnavailable: it cannot be imported here.
    """
    # A Keras file shall be run by TensorFlow whatever the user's own Keras is set to
    os.environ["KERAS_BACKEND"] = "tensorflow"
    with quietly("TensorFlow", 'python -m pip install "pytest-onnxaccel[tensorflow]"'):
        import tensorflow as tf
    tf.get_logger().setLevel(logging.ERROR)
    return tf


def reason(error: BaseException) -> str:
    """Return TensorFlow's own words on one line, without the stack of the graph's construction."""
    before, _, after = str(error).partition("[[")
    lines = [line.strip() for line in (before or after).splitlines() if line.strip()]
    return printable(f"{type(error).__name__}: {lines[0] if lines else ''}", 200)
