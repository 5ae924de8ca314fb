"""The failing image and both results as numbers that a report holds, where they are few."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.core.results import finite

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_onnxaccel.preprocessing.report import Report

    Array = NDArray[Any]

#: Most values of one picture: the smallest failing image has a few, and a page enlarges them.
LARGEST = 3072


def pictures(report: Report) -> dict[str, Any]:
    """Return ``pictures``: ``image``, ``reference`` and ``candidate``, each with ``shape`` and ``values``.

    Args:
        report: of a comparison; nothing is returned where the two functions are equivalent.
    """
    if report.minimal is None:
        return {}
    sides = {"image": report.minimal, "reference": report.outputs[0], "candidate": report.outputs[1]}
    shown = {name: _values(array) for name, array in sides.items() if array is not None and _small(array)}
    return {"pictures": shown} if shown else {}


def _small(array: Array) -> bool:
    return 0 < array.size <= LARGEST and array.dtype.kind in "buif"


def _values(array: Array) -> dict[str, Any]:
    numbers = array.astype(np.float64) if array.dtype.kind == "f" else array
    return {"shape": list(array.shape), "dtype": str(array.dtype), "values": finite(numbers.ravel().tolist())}
