"""How the results of single runs become the result at batch N, output by output.

An output's batch axis is not always axis 0 (an LSTM's last state is layers x batch x hidden), may be missing
(a constant table of anchors) or was squeezed away at batch 1. Each re-frozen model says which it is by a
*join*:

* ``{"join": "concat", "axis": a}``: the runs side by side along axis *a*;
* ``{"join": "stack", "axis": 0}``: a run's result has no batch axis of its own, so N > 1 results get a new
one;
* ``{"join": "same", "axis": 0}``: the output does not depend on the inputs; every run gives it whole.

This file needs numpy alone, so that code that compares may import it without onnx.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.generic]

Join = dict[str, Any]


def concat(axis: int = 0) -> Join:
    """Return the join of an output whose batch axis is *axis*."""
    return {"join": "concat", "axis": axis}


def stack() -> Join:
    """Return the join of an output that has no batch axis but differs from sample to sample."""
    return {"join": "stack", "axis": 0}


def same() -> Join:
    """Return the join of an output that no input changes."""
    return {"join": "same", "axis": 0}


def joined(parts: Sequence[Array], how: Mapping[str, Any]) -> Array | None:
    """Return what the output must be at batch N, given *parts*: the results of the original's runs in order.

    Args:
        parts: one array per run, all of one shape.
        how: the output's join.

    Returns:
        ``concat``: shape of a part with axis *a* len(parts) times as long; ``stack``: (len(parts), *part);
        ``same``: the part itself. One part alone is itself, whatever the join. None when the parts cannot be
        joined like that: shapes differ, or parts that should be the same are not.
    """
    if len({part.shape for part in parts}) != 1:
        return None
    if len(parts) == 1:
        return parts[0]
    if how["join"] == "stack":
        return np.stack(parts)
    if how["join"] == "same":
        alike = all(part.tobytes() == parts[0].tobytes() for part in parts)
        return parts[0] if alike else None
    axis = int(how["axis"])
    return np.concatenate(parts, axis=axis) if axis < parts[0].ndim else None
