"""How far apart two tensors are, as a share of their own scale: what makes values of different layers comparable."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_onnxaccel.core.frozen import record

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.generic]

#: Rounding alone may set two correct computations of one layer apart by so many units of the tensor's scale.
ROUNDING = 16
_EPSILON = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}
_TEXT = "OSU"


@record(frozen=True)
class Gap:
    """Two tensors side by side.

    Attributes:
        share: largest difference over the reference's largest magnitude; of integers, booleans and text the share of
            elements that differ; infinite where the two cannot be compared or one alone is not finite.
        max_abs: largest difference, in the tensor's own unit.
        why: what keeps them from being compared, in words.
    """

    share: float
    max_abs: float
    why: str = ""


def floor(dtype: str) -> float:
    """Return what rounding may do to a tensor of *dtype*, as a share of its scale; 0 where equality is required."""
    return ROUNDING * _EPSILON.get(dtype, 0.0)


def gap(candidate: Array, reference: Array) -> Gap:
    """Return how far *candidate* is from *reference*.

    Equal NaN and equal infinities on both sides count as no difference. The scale is the largest finite magnitude of
    the reference, or of the candidate where the reference is all zero.
    """
    if candidate.shape != reference.shape:
        return Gap(np.inf, np.inf, f"shape {candidate.shape} against {reference.shape}")
    if candidate.dtype != reference.dtype:
        return Gap(np.inf, np.inf, f"{candidate.dtype} against {reference.dtype}")
    if not reference.size:
        return Gap(0.0, 0.0)
    if reference.dtype.kind not in "fcV":
        return _exact(candidate, reference)
    a, b = _wide(candidate), _wide(reference)
    with np.errstate(all="ignore"):
        apart = np.asarray(np.abs(a - b))
        largest = float(apart.max())
        if not np.isfinite(largest):  # looked at in detail only where needed: this runs over every value of a model
            apart[(a == b) | (np.isnan(a) & np.isnan(b))] = 0.0
            apart[np.isnan(apart)] = np.inf
            largest = float(apart.max())
    if not np.isfinite(largest):
        return Gap(np.inf, np.inf, "not finite on one side alone")
    if largest == 0.0:
        return Gap(0.0, 0.0)
    return Gap(largest / (magnitude(b) or magnitude(a) or 1.0), largest)


def magnitude(array: Array) -> float:
    """Return the largest finite magnitude of *array*; 0 when it has none."""
    wide = _wide(array)
    if not wide.size:
        return 0.0
    largest = max(float(np.abs(wide.max())), float(np.abs(wide.min()))) if wide.dtype.kind != "c" else np.inf
    if np.isfinite(largest):
        return largest
    values = np.abs(wide[np.isfinite(wide)])
    return float(values.max()) if values.size else 0.0


def _exact(candidate: Array, reference: Array) -> Gap:
    differing = int(np.count_nonzero(candidate != reference))
    if not differing or reference.dtype.kind in _TEXT:
        return Gap(differing / reference.size, 0.0)
    apart = np.abs(candidate.astype(np.float64) - reference.astype(np.float64))
    return Gap(differing / reference.size, float(apart.max()))


def _wide(array: Array) -> NDArray[np.floating]:
    """Convert *array* to a type that NumPy computes in; float32 and float64 stay as they are."""
    if array.dtype.kind == "c" or array.dtype.name in ("float32", "float64"):
        return array  # type: ignore[return-value]
    return array.astype(np.float32)
