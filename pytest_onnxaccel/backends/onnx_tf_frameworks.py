"""TensorFlow, onnx and onnx-tf, imported quietly and with the gaps between them filled."""

from __future__ import annotations

import logging
import os
import warnings
from functools import cache
from typing import Any

from pytest_onnxaccel.backends.onnx_tf_shims import install
from pytest_onnxaccel.errors import BackendUnavailable, printable


@cache
def frameworks() -> tuple[Any, Any, Any]:
    """The modules ``tensorflow``, ``onnx`` and ``onnx_tf``.

    Raises:
        BackendUnavailable: one of them cannot be imported in this interpreter.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Without it the first session of a process fixes the number of threads for all that follow
    os.environ.setdefault("TF_OVERRIDE_GLOBAL_THREADPOOL", "1")
    install()
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import onnx
            import onnx_tf
            import onnx_tf.backend
            import onnx_tf.version
            import tensorflow as tf
    except Exception as error:
        raise BackendUnavailable(
            f"onnx-tf cannot be imported: {printable(f'{type(error).__name__}: {error}', 160)}",
            remedy="python -m pytest_onnxaccel env onnx-tf",
        ) from error
    finally:
        logging.disable(logging.NOTSET)
    tf.get_logger().setLevel(logging.ERROR)
    return tf, onnx, onnx_tf
