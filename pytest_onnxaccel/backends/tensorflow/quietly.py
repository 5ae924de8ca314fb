"""Around an import of TensorFlow: what must be set before, without its chatter, and a failure put into our words."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from pytest_onnxaccel.core.errors import BackendUnavailable, printable


@contextmanager
def quietly(what: str, remedy: str) -> Iterator[None]:
    """Keep imports in the block silent.

    Raises:
        BackendUnavailable: *what* cannot be imported in this interpreter; *remedy* fixes it.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Without it the first session of a process fixes the number of threads for all that follow
    os.environ.setdefault("TF_OVERRIDE_GLOBAL_THREADPOOL", "1")
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except Exception as error:
        cause = printable(f"{type(error).__name__}: {error}", 160)
        raise BackendUnavailable(f"{what} cannot be imported: {cause}", remedy=remedy) from error
    finally:
        logging.disable(logging.NOTSET)
