"""Explanations of differences that depend on the place: odd sizes and borders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.preprocessing.diagnosis.evidence import Evidence, Finding, Trial

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


#: Round sizes, and what is added to them to leave the multiples of a step.
_ROUND = ((32, 64), (96, 32), (64, 64))


def at_odd_sizes(evidence: Evidence, sizes: str = "") -> Finding | None:
    """Find a result that is right where both sides are multiples of a step, and wrong where they are not."""
    domain = evidence.domain
    if domain.sizes is not None or not domain.picture or evidence.own_size is not None:
        return _in_the_tail(evidence)
    step = _step(evidence)
    height, width = evidence.failure.image.shape[:2]
    if not step or (height % step == 0 and width % step == 0):
        return None
    shown = f"wrong where a side is not a multiple of {step}"
    if sizes:
        return "shape-tail", f"{sizes}: {shown}"
    place = _in_the_tail(evidence)
    return "shape-tail", place[1] + f"; {shown}" if place else f"right at multiples, {shown}"


def _step(evidence: Evidence) -> int:
    """Return the smallest power of two whose multiples are right as sides, and the sizes between wrong; else 0."""

    def right(size: tuple[int, int], seed: int = 40) -> bool:
        return evidence.passes(evidence.program("noise", size, seed, exact=True))

    if not all(right(size) for size in _ROUND):
        return 0
    for step in (2, 4, 8, 16, 32):
        if all(right(size) for size in ((32 + step, 64), (64, 32 + step), (32 + step, 32 + step))):
            off = [(33, 65), (32 + step - 1, 64 + step - 1), (47, 45), (32 + step // 2, 64 + step // 2 + 1)]
            wrong = sum(not right(size, 41 + index) for index, size in enumerate(off))
            return step if wrong >= len(off) - 1 else 0
    return 0


def _in_the_tail(evidence: Evidence) -> Finding | None:
    """Find differences that are all in the last few rows or columns, on every image that differs."""
    for name in ("rows", "columns"):
        shown = ""
        for trial in evidence.trials:
            plane = _map(evidence, trial)
            if plane is None:
                continue
            told = _tail(plane, name)
            if not told:
                shown = ""
                break
            shown = shown or told
        if shown:
            return "shape-tail", shown
    return None


def _tail(plane: Array, name: str) -> str:
    """Return in words that only the last rows or columns differ; empty where others do too."""
    rows, columns = plane.any(1), plane.any(0)
    hits, other = (rows, columns) if name == "rows" else (columns, rows)
    count = int(hits.size - np.argmax(hits))
    if not hits.any() or count >= max(2, hits.size // 2) or count > 32 or other.sum() < 2:
        return ""
    return f"the last {f'{count} {name}' if count > 1 else name.rstrip('s')} of {rows.size}x{columns.size} differ"


def _map(evidence: Evidence, trial: Trial) -> Array | None:
    """Return where in the plane of the result there is a difference, shape (rows, columns); None where nowhere."""
    bad = evidence.bad(trial)
    if bad is None or bad.ndim < 2:
        return None
    axis = evidence.axis(trial.reference)
    plane = np.asarray(np.moveaxis(bad, axis, -1).any(-1) if axis is not None and bad.ndim > 2 else bad)
    while plane.ndim > 2:
        plane = np.asarray(plane.any(0 if plane.shape[0] == 1 else -1))
    return plane if plane.ndim == 2 else None


def at_the_border(evidence: Evidence) -> Finding | None:
    """Find differences that touch the edge and end near it."""
    if evidence.domain.line == "signal" and (found := _at_the_ends(evidence)) is not None:
        return found
    depth = 0
    for seed, size in enumerate(((64, 64), (48, 96))):
        trial = evidence.run(evidence.program("noise", size, 50 + seed))
        plane = None if trial is None else _map(evidence, trial)
        if plane is None or min(plane.shape) < 8:
            return None
        height, width = plane.shape
        rows, columns = np.nonzero(plane)
        inward = np.minimum.reduce([rows, height - 1 - rows, columns, width - 1 - columns])
        depth = max(depth, int(inward.max()) + 1)
        if inward.min() > 0 or depth > max(1, min(height, width) // 4):
            return None
    if not evidence.domain.picture:
        return "border", f"only values within {depth} of the edge of the result differ"
    return "border", f"only the outer {depth} pixel{'s' if depth > 1 else ''} at the edge of the image differ"


def _at_the_ends(evidence: Evidence) -> Finding | None:
    """Find one row of results of which only the first or the last few differ, however long the signal is."""
    ends: set[tuple[int, int]] = set()
    for seed, length in enumerate((2000, 3000, 4000)):
        trial = evidence.run(evidence.program("noise", (1, length), 50 + seed))
        bad = None if trial is None else evidence.bad(trial)
        if bad is None or bad.ndim != 1 or bad.size < 64:
            return None
        at = np.flatnonzero(bad)
        first, last = at[at < bad.size // 2], at[at >= bad.size // 2]
        count = int(first.max(initial=-1)) + 1, bad.size - int(last.min(initial=bad.size))
        if len(at) != sum(count) or max(count) > 8:
            return None
        ends.add(count)
    if len(ends) != 1:
        return None
    front, back = ends.pop()
    parts = [_few(count, name) for count, name in ((front, "first"), (back, "last")) if count]
    return "border", f"only {' and '.join(parts)} of the result differ{'s' if front + back == 1 else ''}"


def _few(count: int, name: str) -> str:
    return f"the {name} value" if count == 1 else f"the {name} {count} values"
