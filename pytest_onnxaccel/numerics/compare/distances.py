"""How far two arrays are apart, block by block: an output of a gigabyte must not take twenty for being compared."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.generic]

#: Elements that are compared at a time.
BLOCK = 1 << 20
_BITS: dict[str, type[np.signedinteger[Any]]] = {
    "float64": np.int64, "float32": np.int32, "float16": np.int16, "bfloat16": np.int16,
}  # fmt: skip


def blocks(*flat: Array) -> Iterator[slice]:
    """Yield the slices in which arrays of one axis and of equal size are looked at."""
    for start in range(0, flat[0].size, BLOCK):
        yield slice(start, start + BLOCK)


class Distances:
    """Figures of two arrays of equal dtype and size, gathered block by block."""

    def __init__(self) -> None:
        self._taken = self._bad = 0
        self._needed = self._gap = self._relative = 0.0
        self._ulp: float | None = None
        self._low, self._high = math.inf, -math.inf
        #: Sums of squares of both, and of products
        self._sums = [0.0, 0.0, 0.0]
        #: By what decides, a ratio to the limit where one is past it, else the gap: place and both values
        self._worst: dict[bool, tuple[float, int, float, float]] = {}

    def add(self, candidate: Array, reference: Array, rtol: float, atol: float) -> None:
        """Take in one more block.

        Args:
            candidate, reference: of one axis, not empty.
            rtol, atol: |c - r| may be atol + rtol*|r|.
        """
        a, b = as_floats(candidate).reshape(-1), as_floats(reference).reshape(-1)
        with np.errstate(all="ignore"):
            gap = np.abs(a - b)
            gap[(a == b) | (np.isnan(a) & np.isnan(b))] = 0.0
            gap[np.isnan(gap)] = np.inf
            size = np.abs(b)
            limit = atol + rtol * np.where(np.isfinite(size), size, 0.0)
            bad = gap > limit
            self._needed = max(self._needed, float((gap - (limit - atol)).max()))
            if reference.dtype.kind in "iu":  # exact also where the widest float holds fewer digits than the integers
                bad = bad | ((limit == 0) & (candidate != reference))
            if bad.any():
                self._remember(True, np.where(bad, gap / np.maximum(limit, 1e-300), 0.0), a, b)
            self._remember(False, gap, a, b)
            finite = b[np.isfinite(b)]
            if finite.size:
                self._low, self._high = min(self._low, float(finite.min())), max(self._high, float(finite.max()))
            relative = np.where(gap == 0, 0.0, gap / np.where(size == 0, np.inf, size))
            self._relative = max(self._relative, float(np.where(np.isnan(relative), np.inf, relative).max()))
            # Sums, not BLAS: its threads take longer to wake, beside a busy worker, than the products take
            for place, product in enumerate((np.square(a), np.square(b), a * b)):
                self._sums[place] += float(product.sum())
        ulp = max_ulp(candidate, reference)
        if ulp is not None:
            self._ulp = max(self._ulp or 0.0, ulp)
        self._gap = max(self._gap, float(gap.max()))
        self._bad += int(np.count_nonzero(bad))
        self._taken += a.size

    def _remember(self, past: bool, by: NDArray[Any], a: NDArray[Any], b: NDArray[Any]) -> None:
        place = int(np.argmax(by))
        known = self._worst.get(past)
        if known is None or by[place] > known[0]:
            self._worst[past] = (float(by[place]), self._taken + place, float(a[place]), float(b[place]))

    def figures(self, shape: tuple[int, ...]) -> dict[str, Any]:
        """Return the figures; *shape* is that of the arrays, with a last axis of 2 for complex numbers."""
        _, worst, ours, theirs = self._worst.get(True) or self._worst[False]
        spread = self._high - self._low if self._high >= self._low else 0.0
        return {
            "max_abs": self._gap,
            "max_rel": self._relative,
            "max_rel_range": self._gap / spread if spread else (0.0 if self._gap == 0 else float("inf")),
            "max_ulp": self._ulp,
            "cosine": _cosine(*self._sums),
            "bad_share": self._bad / self._taken,
            "needed_atol": self._needed,
            "worst_index": [int(i) for i in np.unravel_index(worst, shape)] if shape else [],
            "worst_candidate": ours,
            "worst_reference": theirs,
        }


def as_floats(array: Array) -> NDArray[Any]:
    """Return *array* as float64, in which every difference of narrower types is exact enough.

    Complex numbers become pairs.
    """
    if array.dtype.kind == "c":
        return np.stack([array.real, array.imag], axis=-1).astype(np.float64)
    if array.dtype.kind in "iu" and array.dtype.itemsize == 8:
        return array.astype(np.longdouble)
    return array.astype(np.float64)


def cosine(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Return the cosine of the angle between two arrays seen as vectors; 1.0 for two zero vectors.

    Never decides a verdict.
    """
    with np.errstate(all="ignore"):
        return _cosine(float(np.square(a).sum()), float(np.square(b).sum()), float((a * b).sum()))


def _cosine(ours: float, theirs: float, both: float) -> float:
    """Return the cosine by the sums of squares of two vectors and of their products."""
    norms = math.sqrt(ours) * math.sqrt(theirs)
    if norms == 0:
        return 1.0 if ours == theirs == 0 else 0.0
    return both / norms


def max_ulp(candidate: Array, reference: Array) -> float | None:
    """Return the largest distance in units in the last place; None for types that have none."""
    bits = _BITS.get(reference.dtype.name)
    if bits is None:
        return None

    def ordered(array: Array) -> NDArray[Any]:
        raw = np.ascontiguousarray(array).reshape(-1).view(bits).astype(np.int64)
        lowest = np.int64(np.iinfo(bits).min)
        return np.where(raw < 0, lowest - raw, raw)

    both = np.isfinite(candidate).reshape(-1) & np.isfinite(reference).reshape(-1)
    if not both.any():
        return None
    a, b = ordered(candidate)[both], ordered(reference)[both]
    # Unsigned: the distance of two numbers of opposite sign does not fit into the signed type
    return float((np.maximum(a, b).view(np.uint64) - np.minimum(a, b).view(np.uint64)).max())
