"""Masks drawn as callers give them: rows that are valid first, then padding."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.core.domains import Domain
from pytest_onnxaccel.numerics.sampling.sample_numbers import LONG

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.generic]

#: Least share of a masked row that is valid.
_VALID = 0.5


def mask(
    generator: np.random.Generator,
    domain: Domain,
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    index: int,
    sizes: Mapping[str, int],
) -> Array:
    """Return rows along the last axis: valid first, then padding; the first row of the first sample has none.

    Where 0 is not legal, no row has padding.
    """
    if 0 in domain.exclude:
        return np.ones(shape, np.bool_)
    if not shape or shape[-1] == 1:
        # One flag for all: a branch of each kind within the first two samples
        return np.full(shape, index % 2 == 0 if not shape or math.prod(shape) == 1 else True)
    length = shape[-1]
    rows = math.prod(shape[:-1])
    least = max(1, math.ceil(length * _VALID))
    if domain.window is not None:  # the last place must see what is valid
        least = min(length, max(least, length - domain.window + 1))
    valid = generator.integers(least, length, (rows,), endpoint=True)
    if rows and index in (0, LONG):  # the end of a long sample is what it is for
        valid[0] = length
    elif rows == 1 and length > 1:
        valid[0] = max(least, min(int(valid[0]), length - 1))  # a padded tail in some sample
    return np.asarray((np.arange(length) < valid[:, None]).reshape(shape))


def padding(
    generator: np.random.Generator,
    domain: Domain,
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    index: int,
    sizes: Mapping[str, int],
) -> Array:
    """Return the complement of a mask: 1 is what is left out, and each row keeps something."""
    kept = mask(generator, domain, dtype, shape, index, sizes)
    return np.asarray(np.logical_not(kept) if math.prod(shape) > 1 else np.zeros(shape, np.bool_))
