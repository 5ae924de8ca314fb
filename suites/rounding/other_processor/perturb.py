"""Moves floats by a few units in the last place, as the kernels of another processor would.

What every processor computes alike stays: integers, zeros, values that are not finite, round numbers (whose mantissa
ends in zeros, as that of every sum and product of small binary fractions does), and what was only copied from an input.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
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
        digest.update(array.tobytes())
    mixed = np.uint64(int.from_bytes(digest.digest(), "little"))
    copies = {
        name: np.unique(np.concatenate([_bits(fed) for fed in feeds.values() if fed.dtype.name == name]))
        for name in {fed.dtype.name for fed in feeds.values()} & set(FORMATS)
    }
    return {name: _moved(array, copies.get(array.dtype.name, ()), mixed) for name, array in outputs.items()}


def _bits(array: Array) -> Array:
    return np.ascontiguousarray(array).ravel().view(FORMATS[array.dtype.name][0])


def _moved(array: Array, copies: Sequence[Any] | Array, key: np.uint64) -> Array:
    """*array*, whose bits that are among *copies* stay."""
    if array.dtype.name not in FORMATS:
        return array
    whole, mantissa, zeros, most = FORMATS[array.dtype.name]
    bits = _bits(array).astype(np.uint64)
    width = np.dtype(whole).itemsize * 8 - 1
    exponent = (bits & np.uint64((1 << width) - 1)) >> np.uint64(mantissa)
    free = (exponent > 0) & (exponent < (1 << (width - mantissa)) - 1) & (bits & np.uint64((1 << zeros) - 1) != 0)
    if len(copies):
        place = np.minimum(np.searchsorted(copies, bits.astype(whole)), len(copies) - 1)
        free &= np.asarray(copies)[place] != bits
    if not free.any():
        return array
    below = np.maximum(np.median(exponent[free]).astype(np.uint64), exponent) - exponent
    steps = (_hashed(bits ^ key) % np.uint64(2 * most)).astype(np.int64) - most
    steps[steps >= 0] += 1  # never none: an output of one element has to move too
    steps <<= np.minimum(below, np.uint64(CANCELLED)).astype(np.int64)
    there, back = ((bits.astype(np.int64) + step).astype(np.uint64) for step in (steps, -steps))
    # Into the next power of two would be past 1 for a probability: the other way instead
    there = np.where(there >> np.uint64(mantissa) == bits >> np.uint64(mantissa), there, back)
    found: Array = np.where(free, there, bits).astype(whole).view(array.dtype).reshape(array.shape)
    return found


def _hashed(values: Array) -> Array:
    """The finaliser of splitmix64: every bit of a value decides about every bit of the result."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        values = (values ^ (values >> np.uint64(shift))) * np.uint64(factor)
    return values ^ (values >> np.uint64(31))
