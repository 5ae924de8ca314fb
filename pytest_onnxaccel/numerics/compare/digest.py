"""A tensor in a few numbers: enough to find the same tensor again under another name, without keeping both."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.generic]

#: So many elements of a large tensor are kept.
KEPT = 1 << 15


@dataclass(frozen=True, eq=False)
class Digest:
    """Shape, dtype, elements at fixed places, and sums over all elements of a tensor.

    Attributes:
        sample: every element of a small tensor; of a large one :data:`KEPT`, at places that depend on its size alone.
        total, power: sums of the elements and of their squares, over the finite ones, float64.
        scale: largest finite magnitude.
    """

    shape: tuple[int, ...]
    dtype: str
    sample: NDArray[Any]
    total: float
    power: float
    scale: float

    @classmethod
    def of(cls, array: Array) -> Digest:
        flat = array.reshape(-1)
        numbers = flat.astype(np.float32) if array.dtype.kind == "V" else flat
        sample = numbers[_places(flat.size)].copy() if flat.size > KEPT else numbers.copy()
        total = power = scale = 0.0
        if array.dtype.kind in "fV" and flat.size:
            with np.errstate(all="ignore"):
                total, power = float(numbers.sum(dtype=np.float64)), float(np.square(numbers, dtype=np.float64).sum())
                scale = float(np.abs(numbers).max())
        return cls(array.shape, array.dtype.name, sample, total, power, scale)

    def same(self, other: Digest, tolerance: float) -> bool:
        """Return whether the two are the same tensor but for *tolerance*, a share of its scale."""
        if self.shape != other.shape or self.dtype != other.dtype:
            return False
        if self.sample.dtype.kind not in "f":
            return bool(np.array_equal(self.sample, other.sample))
        size = max(int(np.prod(self.shape)), 1)
        scale = max(self.scale, other.scale)
        if not np.isfinite(scale):
            return bool(np.array_equal(self.sample, other.sample, equal_nan=True))
        near = tolerance * scale
        if abs(self.total - other.total) > near * size or abs(self.power - other.power) > 2 * near * scale * size:
            return False
        return not self.sample.size or bool(np.abs(self.sample - other.sample).max() <= near)

    def apart(self, other: Digest) -> float:
        """Return the largest difference of the kept elements as a share of the other's scale.

        Infinite where shapes differ.
        """
        if self.shape != other.shape or self.dtype != other.dtype:
            return float("inf")
        if self.sample.dtype.kind not in "f":
            return float(np.mean(self.sample != other.sample)) if self.sample.size else 0.0
        with np.errstate(all="ignore"):
            largest = float(np.abs(self.sample - other.sample).max()) if self.sample.size else 0.0
        return (largest / (other.scale or self.scale or 1.0)) if np.isfinite(largest) else float("inf")


@lru_cache(maxsize=64)
def _places(size: int) -> NDArray[np.int64]:
    return np.sort(np.random.default_rng(0).integers(0, size, KEPT))
