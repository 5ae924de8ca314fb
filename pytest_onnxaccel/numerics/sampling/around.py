"""Samples around golden ones: what of an input may be drawn, and between which numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pytest_onnxaccel.core.domains import Domain
from pytest_onnxaccel.core.specs import InputSpec, TensorSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.generic]

Samples = Sequence[Mapping[str, "Array"]]


def is_held(golden: Samples, spec: TensorSpec, domain: Domain | None) -> bool:
    """Return whether input *spec* keeps its golden values: nobody knows which others are legal.

    Args:
        golden: the stored samples.
        spec: the input.
        domain: what the graph says of it; sizes that it cannot tell are kept.
    """
    if domain is not None:
        return domain.kind == "size" and domain.exact is None
    if "float" not in spec.dtype:
        return True
    values = [one[spec.name].astype(np.float64) for one in golden]
    # A single number, such as a scale, and masks with infinities are not a matter of a range
    return all(array.size == 1 for array in values) or not all(np.isfinite(array).all() for array in values)


def golden_range(golden: Samples, spec: TensorSpec) -> InputSpec | None:
    """Return what the golden values of a float input are between; None where they do not show it."""
    values = [one[spec.name].astype(np.float64) for one in golden if one[spec.name].size]
    if not values or "float" not in spec.dtype:
        return None
    low, high = min(float(array.min()) for array in values), max(float(array.max()) for array in values)
    return InputSpec(spec.name, low, high) if np.isfinite(low) and np.isfinite(high) and low < high else None
