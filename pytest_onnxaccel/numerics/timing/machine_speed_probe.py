"""A fixed piece of work between blocks of samples: when it slows down, the machine did, and not the model.

It catches what CPU time does not show: a neighbour on the sibling hyper-thread or in the shared cache, and a clock
frequency that falls.
"""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Any

#: float32 numbers: 64 KB, inside the second-level cache; it shall not turn out the model's own data.
_SIZE = 16_384
_ROUNDS = 6
#: Of which the best counts: a single one that meets an interrupt says nothing of the block.
_TRIES = 3


@lru_cache(maxsize=1)
def _arrays() -> tuple[Any, Any, Any]:
    import numpy as np

    values = np.linspace(0.5, 1.5, _SIZE, dtype=np.float32)
    return values, values[::-1].copy(), np.empty_like(values)


def run() -> int:
    """Return the nanoseconds of CPU time that the work took, some 50 us on one thread."""
    import numpy as np

    left, right, out = _arrays()
    taken = []
    for _ in range(_TRIES):
        start = time.thread_time_ns()
        for _ in range(_ROUNDS):
            np.multiply(left, right, out)
            np.add(out, left, out)
        taken.append(time.thread_time_ns() - start)
    return min(taken)
