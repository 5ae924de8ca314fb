"""How many threads NumPy multiplies matrices with: one, where models are small."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator
from functools import cache

#: How NumPy's own builds and others of OpenBLAS call what says, and what tells, how many threads there are.
_PREFIXES, _SUFFIXES = ("scipy_openblas_", "openblas_"), ("64_", "")
#: What tells OpenBLAS how many threads to start when it is loaded; by default one for each processor.
_VARIABLES = ("OPENBLAS_NUM_THREADS", "OPENBLAS_DEFAULT_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS")


class Blas:
    """The OpenBLAS that this process has loaded.

    A process that was forked starts its threads again at the first product, or when it is told how many there are;
    they wait for the next product by spinning. For the matrices of a small model that costs more than it gives.
    """

    def __init__(self, library: ctypes.CDLL, prefix: str, suffix: str) -> None:
        self._set = getattr(library, f"{prefix}set_num_threads{suffix}")
        what = "procs" if _alone else "threads"
        #: Threads that it had when it was found, or would have had if it had not been loaded :func:`alone`
        self.threads = int(getattr(library, f"{prefix}get_num_{what}{suffix}")())

    def use(self, threads: int) -> None:
        """Multiply in so many threads from now on; processes that are forked later do, too."""
        self._set(ctypes.c_int(threads))


#: Whether it was loaded without threads that nobody had asked for.
_alone: list[bool] = []


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Let NumPy be imported within without threads of OpenBLAS, unless a variable says how many it has.

    They would wait for their first product by spinning, for some 20 ms of processor time each.
    """
    if any(name in os.environ for name in _VARIABLES):
        yield
        return
    os.environ[_VARIABLES[0]] = "1"
    _alone.append(True)
    try:
        yield
    finally:
        del os.environ[_VARIABLES[0]]


@cache
def find_blas() -> Blas | None:
    """Return the OpenBLAS of this process, found once, before it forks; None where NumPy uses something else."""
    for path in _loaded():
        try:
            library = ctypes.CDLL(path)
        except OSError:
            continue
        for prefix in _PREFIXES:
            for suffix in _SUFFIXES:
                if hasattr(library, f"{prefix}set_num_threads{suffix}"):
                    return Blas(library, prefix, suffix)
    return None


def _loaded() -> Iterator[str]:
    """Yield the files of OpenBLAS that this process has loaded."""
    if sys.platform != "linux":
        return
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as lines:
            yield from dict.fromkeys("/" + line.rstrip("\n").partition("/")[2] for line in lines if "openblas" in line)
    except OSError:
        return
