"""Inputs that rounding could have given instead: what comes of them inside a model is its noise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.generic]

#: So many units in the last place an input is moved by: about what one layer's rounding does.
ULPS = 4


def perturb(feeds: Mapping[str, Array]) -> dict[str, Array]:
    """Return *feeds* with every float moved up or down by :data:`ULPS` units, at random but always the same way."""
    random = np.random.default_rng(0)
    moved: dict[str, Array] = {}
    for name, array in feeds.items():
        if array.dtype.kind != "f":
            moved[name] = array
            continue
        values: NDArray[Any] = array
        step = float(np.finfo(values.dtype).eps) * ULPS
        signs = random.integers(0, 2, values.shape) * 2 - 1
        moved[name] = np.asarray(values * (1 + signs * step).astype(values.dtype), dtype=values.dtype)
    return moved
