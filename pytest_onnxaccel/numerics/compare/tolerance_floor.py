"""What rounding alone does to an output: a floor by dtype and own scale, and how far a variant drifts from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pytest_onnxaccel.numerics.compare.distances import as_floats

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.generic]


class Unit(NamedTuple):
    """What counts as rounding in one dtype.

    Attributes:
        eps: distance of 1 from the next larger number.
        rtol: of an element's own magnitude, in *eps*.
        atol: of the output's scale, in *eps*.
        most: share of the largest magnitude past which a drift is not rounding any more.
    """

    eps: float
    rtol: float
    atol: float
    most: float


#: Float32, by experiment (suites/parity): BatchNorm folds, thread counts, other engines and weights that are one
#: unit in the last place off move the outputs of 6 to 50 layers by 1 to 8 eps of the largest value, which is 2 to 7
#: times the median. The small types add up in float32, so that a few roundings remain.
UNITS = {
    "float64": Unit(2.0**-52, 256, 512, 1e-6),
    "float32": Unit(2.0**-23, 16, 32, 1e-3),
    "float16": Unit(2.0**-10, 4, 8, 5e-2),
    "bfloat16": Unit(2.0**-7, 2, 4, 1e-1),
}
#: Float32 that was computed with eight-bit numbers on both sides: a value between two steps may take either.
_STEPS = Unit(2.0**-23, 16, 32, 1e-1)
#: The eight-bit floats and what else NumPy knows as raw bytes only.
_TINY = Unit(2.0**-3, 0.5, 1, 0.5)
#: The default tolerance is this many times the measured drift. Other engines and folds need up to 1.5 of it.
FACTOR = 4.0
#: The same, where dozens of samples were compared: the largest drift of few elements is luck, that of many is not. By
#: experiment (50 seeds each of a classifier and of its feature maps, 12 legal forms): pairs past the rounding floor
#: need up to 1.2 times the drift on three samples, and up to 1.1 times on 67.
SURE = 2.0


def unit_of(array: Array, computed: str = "") -> Unit | None:
    """Return the unit of *array*'s dtype; None for types that must be equal: integers, booleans, text.

    Args:
        array: whose dtype decides.
        computed: float type of fewer digits that *array* was computed in, or ``int8``; empty where that is its own.
    """
    if computed and array.dtype.kind in "fcV":
        own, other = unit_of(array), UNITS.get(computed, _STEPS)
        return own if own is None or own.eps > other.eps else other
    name = array.dtype.name.replace("complex128", "float64").replace("complex64", "float32")
    return UNITS.get(name, _TINY if array.dtype.kind == "V" else None)


def scale_of(reference: Array) -> float:
    """Return the median magnitude of the finite elements that are not zero; 0.0 without any.

    Not the largest: one outlier of 1e6 would hide a fault in every element around 1.
    """
    size = _sizes(reference)
    size = size[size > 0]
    if not size.size:
        return 0.0
    middle = size.size // 2
    low = middle if size.size % 2 else middle - 1
    found = np.partition(size, (low, middle))  # numpy.median imports numpy.ma, which takes 20 ms
    return float(found[low] / 2 + found[middle] / 2)


def floor(reference: Array, computed: str = "") -> tuple[float, float]:
    """Return (rtol, atol) that rounding alone may need, by dtype and relative to the output's own scale."""
    unit = unit_of(reference, computed)
    if unit is None:
        return 0.0, 0.0
    return unit.rtol * unit.eps, unit.atol * unit.eps * scale_of(reference)


def drift(variant: Array, reference: Array, computed: str = "") -> float:
    """Return the largest difference of a legal variant of the model, less what each element's own magnitude explains.

    What the tolerance's relative part covers is subtracted, so that :data:`FACTOR` times the drift, as an absolute
    tolerance, is not made wide for small elements by large ones. Infinite where NaN or Inf stand at other places.
    """
    unit = unit_of(reference, computed)
    if unit is None or not reference.size:
        return 0.0
    a, b = as_floats(variant), as_floats(reference)
    with np.errstate(all="ignore"):
        gap = np.asarray(np.abs(a - b))
        gap[(a == b) | (np.isnan(a) & np.isnan(b))] = 0.0
        gap[np.isnan(gap)] = np.inf
        size = np.abs(b)
        explained = unit.rtol * unit.eps / FACTOR * np.where(np.isfinite(size), size, 0.0)
        return float(np.maximum(gap - explained, 0.0).max())


def is_rounding(found: float, reference: Array, computed: str = "") -> bool:
    """Return whether a drift of *found* can be rounding; a larger one says that the variant is another model."""
    unit, size = unit_of(reference, computed), _sizes(reference)
    return found == 0 or (unit is not None and size.size > 0 and found <= unit.most * float(size.max()))


def _sizes(reference: Array) -> NDArray[Any]:
    size: NDArray[Any] = np.abs(as_floats(reference)).ravel()
    found: NDArray[Any] = size[np.isfinite(size)]
    return found
