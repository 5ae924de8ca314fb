"""Imports without the collector in between, and an end of the interpreter without it."""

from __future__ import annotations

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache


@contextmanager
def undisturbed() -> Iterator[None]:
    """Pause the garbage collector: imports make what stays, and it would walk through all of pytest."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


@cache
def undisturbed_end() -> None:
    """Let the interpreter end without its last collections, once it does end.

    They walk through all of pytest and NumPy, a tenth of the time of the quick checks, to free what ends with the
    process. What is registered for the end (:mod:`atexit`, ``weakref.finalize``) runs as ever.
    """
    atexit.register(gc.freeze)
