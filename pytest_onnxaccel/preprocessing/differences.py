"""Tolerances, and how far two arrays of one shape are apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.frozen import record

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


@record(frozen=True)
class Bound:
    """How far a candidate's values may be off.

    Attributes:
        ulp: for floats, in units of the last place of the largest reference value; integers must be exact.
        atol, rtol: ``|candidate - reference| <= atol + rtol * |reference|`` for every type, where given.
    """

    ulp: float | None = 4.0
    atol: float = 0.0
    rtol: float = 0.0

    @classmethod
    def of(cls, tolerance: float | Mapping[str, float]) -> Bound:
        """Parse what the user wrote: a number of scaled ULP, or a mapping with ``atol`` and ``rtol``.

        Raises:
            ConfigError: neither, or negative, or not finite.
        """
        if isinstance(tolerance, Mapping):
            unknown = set(tolerance) - {"atol", "rtol"}
            numbers = [float(v) for v in tolerance.values()] if not unknown else []
            if numbers and all(np.isfinite(v) and v >= 0 for v in numbers):
                return cls(None, float(tolerance.get("atol", 0)), float(tolerance.get("rtol", 0)))
        elif not isinstance(tolerance, bool) and isinstance(tolerance, (int, float)) and 0 <= tolerance < np.inf:
            return cls(float(tolerance))
        raise ConfigError(
            f"tolerance is {tolerance!r}",
            remedy='give a number of scaled ULP (4), or {"atol": 1e-6, "rtol": 0}',
        )

    def __str__(self) -> str:
        if self.ulp is None:
            return f"atol {self.atol:g}, rtol {self.rtol:g}"
        return f"{self.ulp:g} scaled ULP, integers exact"

    def limit(self, reference: Array, scale: float) -> Any:
        """Return the largest legal difference, broadcastable to *reference*.

        *scale* is the reference's largest magnitude.
        """
        if self.ulp is None:
            return self.atol + self.rtol * np.abs(reference.astype(np.float64))
        return self.ulp * ulp(reference.dtype, scale)


def ulp(dtype: np.dtype[Any], scale: float) -> float:
    """Return the spacing of *dtype* at *scale*; 0 for types that are exact."""
    if dtype.kind not in "fc":
        return 0.0
    real = np.zeros((), dtype).real.dtype
    return float(np.spacing(np.asarray(min(scale, float(np.finfo(real).max) / 2), dtype=real.newbyteorder("="))))


def magnitude(array: Array) -> float:
    """Return the largest finite magnitude; 0 for an empty array."""
    if array.dtype.kind not in "iufcb" or not array.size:
        return 0.0
    values = np.abs(array.astype(np.float64) if array.dtype.kind in "iub" else array)
    values = values[np.isfinite(values)]
    return float(values.max()) if values.size else 0.0


def differences(reference: Array, candidate: Array) -> Array:
    """Return magnitudes of candidate - reference in float64; equal NaN and Inf count 0, one-sided ones count Inf."""
    if reference.dtype.kind not in "iufcb":
        return np.where(reference == candidate, 0.0, np.inf)
    wide = np.complex128 if "c" in reference.dtype.kind + candidate.dtype.kind else np.float64
    left, right = reference.astype(wide), candidate.astype(wide)
    with np.errstate(invalid="ignore", over="ignore"):
        apart: Array = np.abs(right - left)
    if np.isfinite(apart).all():
        return apart
    same = (left == right) | (np.isnan(left) & np.isnan(right))
    return np.where(same, 0.0, np.where(np.isfinite(apart), apart, np.inf))


def beyond(reference: Array, candidate: Array, bound: Bound, scale: float) -> Array | None:
    """Return True where the two are further apart than *bound* allows; None when they are nowhere."""
    if np.array_equal(reference, candidate):
        return None
    apart = differences(reference, candidate)
    bad = apart > bound.limit(reference, max(scale, magnitude(reference)))
    return bad if bad.any() else None
