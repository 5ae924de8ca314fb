"""Imports without the collector in between, and an end of the interpreter without it."""

from __future__ import annotations

import atexit
import gc
import os
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


def keep_collected() -> None:
    """Take what is there when all tests are collected, and none has run, out of the collector's way.

    That is pytest, its plugins and the tests, which stay to the end. Each full collection would walk through them, the
    two of pytest at its end among them, which look for what tests left behind: those are younger.

    Once in a process, and not in a run inside a test (:mod:`pytester`): what such runs leave must go.
    """
    if not gc.get_freeze_count() and "PYTEST_CURRENT_TEST" not in os.environ:
        gc.freeze()


@cache
def undisturbed_end() -> None:
    """Let the interpreter end without its last collections, once it does end.

    They walk through all of pytest and NumPy, a tenth of the time of the quick checks, to free what ends with the
    process. What is registered for the end (:mod:`atexit`, ``weakref.finalize``) runs as ever.
    """
    atexit.register(gc.freeze)
