"""Results whose rows may come in any order, such as detections: rows are matched before they are compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.preprocessing.results.leaves import Leaves

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

#: Most rows that are matched each with each.
ROWS = 3000


def reordered(reference: Leaves, candidate: Leaves, paths: bool | Sequence[str]) -> Leaves:
    """Return *candidate* with its rows in the order of the reference's nearest ones.

    Leaves that stand next to each other and have as many rows (boxes, scores, labels) are moved together.
    Where the number of rows differs, nothing is moved: that is found as a difference of shape.
    """
    moved = dict(candidate.arrays)
    for group in _groups(reference, candidate, paths):
        order = _matched([reference.arrays[path] for path in group], [candidate.arrays[path] for path in group])
        for path in group:
            moved[path] = candidate.arrays[path][order]
    return Leaves(moved, candidate.weak, candidate.names)


def _groups(reference: Leaves, candidate: Leaves, paths: bool | Sequence[str]) -> list[list[str]]:
    """Return the paths whose rows belong together: same parent, same number of rows on both sides."""
    groups: dict[tuple[str, int], list[str]] = {}
    for path, array in reference.arrays.items():
        other = candidate.arrays.get(path)
        asked = paths is True or (not isinstance(paths, bool) and path in paths)
        if asked and other is not None and array.ndim and array.shape == other.shape and 1 < len(array) <= ROWS:
            parent = path[: max(path.rfind("["), path.rfind("."), 0)]
            groups.setdefault((parent, len(array)), []).append(path)
    return list(groups.values())


def _matched(left: list[Array], right: list[Array]) -> Array:
    """Return, for each row of the reference, the candidate's nearest row that is still free, surest pairs first."""
    mine, theirs = _table(left), _table(right)
    spread = np.maximum(np.nanmax(np.abs(mine), axis=0, initial=0), 1e-30)
    with np.errstate(invalid="ignore"):
        apart = np.zeros((len(mine), len(theirs)))
        for column in range(mine.shape[1]):
            apart += np.nan_to_num(np.abs(mine[:, None, column] - theirs[None, :, column]) / spread[column], nan=1.0)
    order = np.full(len(mine), -1)
    free = np.ones(len(theirs), bool)
    for row in np.argsort(apart.min(axis=1), kind="stable"):
        choices = np.where(free, apart[row], np.inf)
        best = int(np.argmin(choices))
        order[row], free[best] = best, False
    return order


def _table(arrays: list[Array]) -> Array:
    parts = []
    for array in arrays:
        flat = array.reshape(len(array), -1)
        if flat.dtype.kind not in "iufb":
            _, numbers = np.unique(flat.astype(str), return_inverse=True)
            flat = numbers.reshape(flat.shape)
        parts.append(flat.astype(np.float64))
    return np.concatenate(parts, axis=1)
