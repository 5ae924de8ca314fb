"""Moves floats by a few units in the last place, as the kernels of another processor would.

What every processor computes alike stays: integers, zeros, values that are not finite, round numbers (whose mantissa
ends in zeros, as that of every sum and product of small binary fractions does), and what was only copied from an input.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Arrays = Mapping[str, Array]

#: By dtype: the integer of its size, bits of its mantissa, how many zeros end that of a round number, and by how many
#: units a value is moved at most: the short types are rounded from sums in float32, so by one.
FORMATS: dict[str, tuple[type[np.unsignedinteger[Any]], int, int, int]] = {
    "float64": (np.uint64, 52, 16, 3),
    "float32": (np.uint32, 23, 8, 3),
    "float16": (np.uint16, 10, 4, 1),
    "bfloat16": (np.uint16, 7, 4, 1),
}
#: A value below its output's median is a difference of larger ones, whose units it is moved by: at most 2 ** so many
#: times its own.
CANCELLED = 2


def perturbed(outputs: Arrays, feeds: Arrays, key: bytes) -> dict[str, Array]:
    """*outputs* as another processor may give them.

    Args:
        feeds: what they were computed from.
        key: who computes. The same key and feeds always give the same result, and equal values in it stay equal.
    """
    digest = hashlib.blake2b(key, digest_size=8)
    for name, array in sorted(feeds.items()):
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        # Of text an array holds addresses, which are others in each run
        digest.update(repr(array.tolist()).encode() if array.dtype.kind in "OU" else array.tobytes())
    mixed = np.uint64(int.from_bytes(digest.digest(), "little"))
    fed = {
        name: _Known(np.concatenate([_bits(fed) for fed in feeds.values() if fed.dtype.name == name]))
        for name in {array.dtype.name for array in outputs.values()} & {fed.dtype.name for fed in feeds.values()}
        if name in FORMATS
    }
    return {name: _moved(array, fed.get(array.dtype.name), mixed) for name, array in outputs.items()}


def _bits(array: Array) -> Array:
    return np.ascontiguousarray(array).ravel().view(FORMATS[array.dtype.name][0]).astype(np.uint64)


class _Known:
    """The bits of the values that were fed; a table of their last bits spares most of a search."""

    def __init__(self, bits: Array) -> None:
        self._sorted = np.unique(bits)
        self._mask = np.uint64((1 << (16 * self._sorted.size).bit_length()) - 1)
        self._table = np.zeros(int(self._mask) + 1, bool)
        self._table[self._sorted & self._mask] = True

    def among(self, bits: Array) -> Array:
        """Which of *bits* are known."""
        found: Array = self._table[bits & self._mask]
        (places,) = np.nonzero(found)
        if self._sorted.size:
            nearest = np.minimum(np.searchsorted(self._sorted, bits[places]), self._sorted.size - 1)
            found[places] = self._sorted[nearest] == bits[places]
        return found


def _moved(array: Array, fed: _Known | None, key: np.uint64) -> Array:
    """*array*, but for those of its values that were *fed*."""
    if array.dtype.name not in FORMATS:
        return array
    whole, mantissa, zeros, most = FORMATS[array.dtype.name]
    shift = np.uint64(mantissa)
    bits = _bits(array)
    width = np.dtype(whole).itemsize * 8 - 1
    exponent = (bits & np.uint64((1 << width) - 1)) >> shift
    free = (exponent > 0) & (exponent < (1 << (width - mantissa)) - 1) & (bits & np.uint64((1 << zeros) - 1) != 0)
    if fed is not None:
        free &= ~fed.among(bits)
    if not free.any():
        return array
    here, exponent = bits[free], exponent[free].astype(np.int64)
    counts = np.bincount(exponent).cumsum()
    below = np.searchsorted(counts, counts[-1] / 2) - exponent
    steps = (_hashed(here ^ key) % np.uint64(2 * most)).astype(np.int64) - most
    steps[steps >= 0] += 1  # never none: an output of one element has to move too
    steps <<= np.clip(below, 0, CANCELLED)
    there, back = (here.view(np.int64) + step for step in (steps, -steps))
    # Into the next power of two would be past 1 for a probability: the other way instead
    bits[free] = np.where((there.view(np.uint64) ^ here) >> shift == 0, there, back).view(np.uint64)
    found: Array = bits.astype(whole).view(array.dtype).reshape(array.shape)
    return found


def _hashed(values: Array) -> Array:
    """The finaliser of splitmix64: every bit of a value decides about every bit of the result."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        values = (values ^ (values >> np.uint64(shift))) * np.uint64(factor)
    return values ^ (values >> np.uint64(31))
