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


#: What a tolerance may name.
MEASURES = ("atol", "rtol", "ulp", "levels")


@record(frozen=True)
class Bound:
    """How far a candidate's values may be off: as far as the widest of these allows.

    Attributes:
        ulp: for floats, in units of the last place of the largest reference value.
        levels: for integers.
        atol, rtol: ``|candidate - reference| <= atol + rtol * |reference|`` for every type, where given.
    """

    ulp: float = 4.0
    atol: float = 0.0
    rtol: float = 0.0
    levels: float = 0.0

    @classmethod
    def of(cls, tolerance: float | Mapping[str, float], **named: float | None) -> Bound:
        """Parse what the user wrote: a number of scaled ULP, or measures by name.

        Args:
            tolerance: a number of scaled ULP, or a mapping of some of :data:`MEASURES`.
            named: the same measures, one argument each; these win. None is not given.

        Raises:
            ConfigError: unknown, negative, or not finite.
        """
        given: dict[str, Any] = {}
        if isinstance(tolerance, Mapping):
            given = dict(tolerance)
        elif tolerance != 4 or isinstance(tolerance, bool):
            given = {"ulp": tolerance}
        said = given | {name: value for name, value in named.items() if value is not None}
        numbers = [v for v in said.values() if isinstance(v, (int, float)) and not isinstance(v, bool)]
        good = len(numbers) == len(said) and all(0 <= v < np.inf for v in numbers) and set(said) <= set(MEASURES)
        if not good or (isinstance(tolerance, Mapping) and not given):
            shown = tolerance if said == given and isinstance(tolerance, Mapping) else said.get("ulp", said)
            raise ConfigError(
                f"tolerance is {shown!r}",
                remedy='give a number of scaled ULP (4), or some of {"atol": 1e-6, "rtol": 0, "ulp": 4, "levels": 1}',
            )
        # Who names an absolute or relative tolerance means that one, not also 4 ULP
        least = 0.0 if {"atol", "rtol"} & set(said) else 4.0
        return cls(
            float(said.get("ulp", least)),
            float(said.get("atol", 0)),
            float(said.get("rtol", 0)),
            float(said.get("levels", 0)),
        )

    def __str__(self) -> str:
        parts = [f"atol {self.atol:g}, rtol {self.rtol:g}"] if self.atol or self.rtol else []
        parts += [f"{self.ulp:g} scaled ULP"] if self.ulp or not parts else []
        if self.levels:
            parts.append(f"integers {self.levels:g} level{'s' if self.levels > 1 else ''}")
        elif not (self.atol or self.rtol):
            parts.append("integers exact")
        return ", ".join(parts)

    def limit(self, reference: Array, scale: float) -> Any:
        """Return the largest legal difference, broadcastable to *reference*.

        *scale* is the reference's largest magnitude.
        """
        least = self.levels if reference.dtype.kind in "iu" else self.ulp * ulp(reference.dtype, scale)
        if not (self.atol or self.rtol) or reference.dtype.kind not in "iufcb":
            return least
        return np.maximum(least, self.atol + self.rtol * magnitudes(reference))


def magnitudes(array: Array) -> Array:
    """Return the magnitude of each element in float64."""
    return np.abs(array.astype(np.complex128 if array.dtype.kind == "c" else np.float64))


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
    if reference.dtype.kind not in "iufcb" or candidate.dtype.kind not in "iufcb":
        same = np.asarray(reference == candidate)
        return np.where(np.broadcast_to(same, reference.shape), 0.0, np.inf)
    if reference.dtype.kind in "iu" and reference.dtype.itemsize == 8 and candidate.dtype == reference.dtype:
        # float64 does not tell neighbours above 2^53 apart
        larger = reference > candidate
        return np.where(larger, reference - candidate, candidate - reference).astype(np.float64)
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


def near(reference: Array, candidate: Array, bound: Bound, scale: float) -> float:
    """Return the largest difference as a share of what *bound* allows there; 0 where that is nothing."""
    if np.array_equal(reference, candidate) or reference.dtype.kind not in "iufcb":
        return 0.0
    limit = np.broadcast_to(bound.limit(reference, max(scale, magnitude(reference))), reference.shape)
    apart = differences(reference, candidate)
    some = (limit > 0) & np.isfinite(apart)
    return float((apart[some] / limit[some]).max(initial=0.0))
