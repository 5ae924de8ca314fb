"""How many threads NumPy multiplies matrices with: one, where models are small."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from functools import cache

#: How NumPy's own builds and others of OpenBLAS call what says, and what tells, how many threads there are.
_PREFIXES, _SUFFIXES = ("scipy_openblas_", "openblas_"), ("64_", "")


class Blas:
    """The OpenBLAS that this process has loaded.

    A process that was forked starts its threads again at the first product, or when it is told how many there are;
    they wait for the next product by spinning. For the matrices of a small model that costs more than it gives.
    """

    def __init__(self, library: ctypes.CDLL, prefix: str, suffix: str) -> None:
        self._set = getattr(library, f"{prefix}set_num_threads{suffix}")
        #: Threads that it had when it was found
        self.threads = int(getattr(library, f"{prefix}get_num_threads{suffix}")())

    def use(self, threads: int) -> None:
        """Multiply in so many threads from now on; processes that are forked later do, too."""
        self._set(ctypes.c_int(threads))


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
