"""TensorFlow, imported quietly. The same code serves this interpreter and the one of onnx-tf."""

from __future__ import annotations

import logging
import os
import warnings
from functools import cache
from typing import Any

from pytest_onnxaccel.errors import BackendUnavailable, printable


@cache
def tensorflow() -> Any:
    """The module ``tensorflow``.

    Raises:
        BackendUnavailable: it cannot be imported here.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Without it the first session of a process fixes the number of threads for all that follow
    os.environ.setdefault("TF_OVERRIDE_GLOBAL_THREADPOOL", "1")
    # A Keras file shall be run by TensorFlow whatever the user's own Keras is set to
    os.environ["KERAS_BACKEND"] = "tensorflow"
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import tensorflow as tf
    except Exception as error:
        raise BackendUnavailable(
            f"TensorFlow cannot be imported: {printable(f'{type(error).__name__}: {error}', 160)}",
            remedy='python -m pip install "pytest-onnxaccel[tensorflow]"',
        ) from error
    finally:
        logging.disable(logging.NOTSET)
    tf.get_logger().setLevel(logging.ERROR)
    return tf


def reason(error: BaseException) -> str:
    """TensorFlow's own words on one line, without the stack of the graph's construction."""
    before, _, after = str(error).partition("[[")
    lines = [line.strip() for line in (before or after).splitlines() if line.strip()]
    return printable(f"{type(error).__name__}: {lines[0] if lines else ''}", 200)
