"""How well a value fits the range of the whole numbers that it is turned into."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from pytest_onnxaccel.core.frozen import record

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

#: Told from this share of the values outside the range on, and up to this share of the range that they use.
_OUTSIDE, _USED = 0.02, 0.6
#: A part of which less than so much is left, in dB, is off where the original keeps so much more in the same numbers.
_LEFT, _MORE = 30.0, 10.0
#: Of one that has steps so much more is enough, and the two are so many steps apart: kernels of integers may round
#: otherwise, by one of them.
_MORE_OF_STEPS, _OFF = 3.0, 4.0
#: Whole numbers in most quantised models.
_NUMBERS = 255


@record(frozen=True)
class Range:
    """What one QuantizeLinear can hold.

    Attributes:
        low, high: least and greatest number.
        step: between two numbers.
        node: in words.
    """

    low: float
    high: float
    step: float
    node: str


@record(frozen=True)
class Misfit:
    """How a value fits.

    Attributes:
        text: in words; empty where it fits.
        ideal: SQNR of the value in 255 steps over just its own range, in dB; infinite where it is all zero.
        node: whose range it is, in words.
        outside: share of the values that the range does not hold.
    """

    text: str = ""
    ideal: float = math.inf
    node: str = ""
    outside: float = 0.0


def misfit(name: str, array: Array, known: Range | None) -> Misfit:
    """Return how value *name*, which holds *array* in the original, fits *known*."""
    values = np.asarray(array, np.float64).reshape(-1)
    values = values[np.isfinite(values)]
    ideal = ideal_sqnr(values)
    if known is None:
        return Misfit(ideal=ideal)
    # What is cut off at 0 on its way into unsigned numbers was a rectifier's to cut off
    values = values[values >= 0] if known.low == 0.0 else values
    if not values.size or not known.step > 0:
        return Misfit(ideal=ideal, node=known.node)
    outside = float(np.mean((values < known.low - known.step) | (values > known.high + known.step)))
    span = max(float(values.max()), 0.0) - min(float(values.min()), 0.0)
    used = span / (known.high - known.low)
    if outside > _OUTSIDE:
        return Misfit(f"{outside:.0%} of {name!r} is outside the range of {known.node}", ideal, known.node, outside)
    if used < _USED:
        return Misfit(f"{name!r} uses {used:.0%} of the range of {known.node}", ideal, known.node, outside)
    return Misfit(ideal=ideal, node=known.node, outside=outside)


def share_past(fits: Iterable[Misfit]) -> float:
    """Return the share of ranges that values are past, of those that are known; 0 where fewer than two are."""
    known = [one for one in fits if one.node]
    return sum(one.outside > _OUTSIDE for one in known) / len(known) if len(known) > 1 else 0.0


def unexplained(left: float, same: float, off: float) -> float:
    """Return what a part loses more than its numbers explain, in dB; 0 where they do.

    Args:
        left: what is left of its result, in dB.
        same: what is left of it where the original computes in the same numbers.
        off: how many steps the two results are apart; infinite where it has no steps.
    """
    more = min(same, _LEFT + _MORE) - left
    enough = _MORE if math.isinf(off) else _MORE_OF_STEPS
    return more if left < _LEFT and more > enough and off > _OFF else 0.0


def ideal_sqnr(values: Array) -> float:
    """Return the SQNR of finite *values*, rounded to 255 steps over just their range with 0 in it, in dB."""
    if not values.size:
        return math.inf
    span = max(float(values.max()), 0.0) - min(float(values.min()), 0.0)
    power = float(np.mean(np.square(values)))
    return 10.0 * math.log10(power * 12.0 * (_NUMBERS / span) ** 2) if span > 0 and power > 0 else math.inf
