"""The failing image and both results as numbers that a report holds, where they are few."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.core.results import finite

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_onnxaccel.preprocessing.report import Report

    Array = NDArray[Any]

#: Most values of one picture: the smallest failing image has a few, and a page enlarges them. Larger ones are thinned.
LARGEST = 3072


def pictures(report: Report) -> dict[str, Any]:
    """Return ``pictures``: ``image``, ``reference`` and ``candidate``, each with ``shape`` and ``values``.

    Of a picture with more values every second row and column is kept, or every third and so on: ``every`` says which,
    and ``of`` is the whole shape. The largest difference is among what is kept.

    Args:
        report: of a comparison; nothing is returned where the two functions are equivalent.
    """
    if report.minimal is None:
        return {}
    shown = {}
    if isinstance(report.minimal, np.ndarray) and _drawable(report.minimal):
        shown["image"] = _kept(report.minimal, _step(report.minimal), None)
    sides = {
        name: side for name, side in zip(("reference", "candidate"), report.outputs, strict=True) if side is not None
    }
    sides = {name: side for name, side in sides.items() if _drawable(side)}
    step = max((_step(side) for side in sides.values()), default=1)
    at = _worst(list(sides.values()))
    shown |= {name: kept for name, side in sides.items() if (kept := _kept(side, step, at))["values"]}
    return {"pictures": shown} if shown else {}


def _drawable(array: Array) -> bool:
    return array.size > 0 and array.ndim > 0 and array.dtype.kind in "buif"


def _plane(array: Array) -> tuple[int, ...]:
    """Return the axes that hold rows and columns, or the one axis that there is."""
    if array.ndim == 1:
        return (0,)
    last = array.ndim - 1
    if array.ndim > 2 and array.shape[-1] in (1, 2, 3, 4) and array.shape[-3] not in (1, 2, 3, 4):
        return last - 2, last - 1
    return last - 1, last


def _step(array: Array) -> int:
    """Return the least step at which the plane has few enough values."""
    axes = _plane(array)
    rest = array.size // int(np.prod([array.shape[axis] for axis in axes]))
    step = 1
    while step < max(array.shape) and rest * int(np.prod([-(-array.shape[a] // step) for a in axes])) > LARGEST:
        step += 1
    return step


def _worst(sides: list[Array]) -> tuple[int, ...] | None:
    """Return where two results of one shape are furthest apart."""
    if len(sides) < 2 or sides[0].shape != sides[1].shape:
        return None
    with np.errstate(all="ignore"):
        apart = np.nan_to_num(np.abs(sides[0].astype(np.float64) - sides[1].astype(np.float64)))
    return tuple(int(n) for n in np.unravel_index(int(np.argmax(apart)), apart.shape))


def _kept(array: Array, step: int, at: tuple[int, ...] | None) -> dict[str, Any]:
    places = [slice(None)] * array.ndim
    for axis in _plane(array):
        places[axis] = slice(0 if at is None else at[axis] % step, None, step)
    few = array[tuple(places)]
    whole = {"of": list(array.shape), "every": step} if few.shape != array.shape else {}
    # planes of so many channels that no step helps are left out
    numbers = few.astype(np.float64) if few.dtype.kind == "f" else few
    # nine digits are all of a float32
    listed = (
        [float(f"{v:.9g}") for v in numbers.ravel().tolist()] if few.dtype.kind == "f" else numbers.ravel().tolist()
    )
    values = finite(listed) if 0 < few.size <= LARGEST else []
    return {"shape": list(few.shape), "dtype": str(array.dtype), "values": values, **whole}
