"""Two sets of outputs side by side: the contract first, then the figures. No broadcasting, no pairing by position."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.printing import named
from pytest_onnxaccel.core.specs import Tolerance
from pytest_onnxaccel.numerics.compare.distances import Distances, as_floats, blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.generic]

#: Default rtol by dtype; atol is :data:`_ATOL_SHARE` of it times the largest reference value.
_RTOL = {"float64": 1e-7, "float32": 1e-4, "float16": 1e-2, "bfloat16": 4e-2}
_ATOL_SHARE = 0.1
_TEXT = "OSU"


@record(frozen=True)
class Problem:
    """One breach: ``kind`` is a fixed word, ``output`` the output's name, ``message`` a sentence."""

    kind: str
    output: str
    message: str


def name_problems(candidate: Mapping[str, Any], reference: Mapping[str, Any], sides: tuple[str, str]) -> list[Problem]:
    """Return missing, extra and reordered outputs. *sides* names the candidate and the reference in messages."""
    found = []
    ours, theirs = sides
    missing = [name for name in reference if name not in candidate]
    extra = [name for name in candidate if name not in reference]
    if len(missing) == len(extra) == 1 and len(candidate) == len(reference):
        message = f"output {missing[0]!r} of {theirs} is called {extra[0]!r} in {ours}"
        if extra[0].startswith(f"{missing[0]}["):  # as maps are called, with their keys
            message += ": a list of maps (ZipMap) - convert with options={'zipmap': False}, "
            message += f"or let {theirs} give a list of dicts"
        return [Problem("renamed", missing[0], message)]
    found += [Problem("missing", name, f"{ours} lacks output {name!r} of {theirs}") for name in missing]
    found += [Problem("extra", name, f"{ours} has an output {name!r} that {theirs} lacks") for name in extra]
    if not found and list(candidate) != list(reference):
        message = f"{ours} gives the outputs in the order {named(candidate, 80)}, {theirs} in {named(reference, 80)}"
        found.append(Problem("reordered", next(iter(candidate)), message))
    return found


def twice(names: Sequence[str], side: str) -> list[Problem]:
    """Return names that *side* gives to more than one output: a mapping by name would drop one of them in silence."""
    counts = Counter(names)
    return [Problem("duplicated", n, f"{side} has {c} outputs {n!r}") for n, c in counts.items() if c > 1]


def value_problems(name: str, candidate: Array, reference: Array) -> list[Problem]:
    """Return the breaches of one output that make its figures meaningless: dtype, rank, shape, NaN and Inf."""
    texts = candidate.dtype.kind in _TEXT and reference.dtype.kind in _TEXT  # runtimes hold text in different types
    if candidate.dtype != reference.dtype and not texts:
        return [Problem("dtype", name, f"output {name!r} is {candidate.dtype}, the reference {reference.dtype}")]
    if candidate.shape != reference.shape:
        kind = "rank" if candidate.ndim != reference.ndim else "shape"
        message = f"output {name!r} has shape {candidate.shape}, the reference {reference.shape}"
        return [Problem(kind, name, message)]
    if candidate.dtype.kind not in "fcV":
        return []
    candidate, reference = candidate.reshape(-1), reference.reshape(-1)
    found, counts = [], Counter[str]()
    for block in blocks(candidate, reference):
        a, b = as_floats(candidate[block]), as_floats(reference[block])
        nans = np.isnan(a), np.isnan(b)
        counts["one-sided"] += int(np.count_nonzero(nans[0] != nans[1]))
        counts["more"] += int(nans[0].sum()) - int(nans[1].sum())
        infinite = np.isinf(a) | np.isinf(b)
        counts["infinite"] += int(np.count_nonzero(infinite & ~(a == b) & ~nans[0] & ~nans[1]))
    if counts["one-sided"]:
        where = "candidate" if counts["more"] > 0 else "reference"
        message = f"output {name!r}: {counts['one-sided']} elements are NaN in the {where} alone"
        found.append(Problem("nan", name, message))
    if counts["infinite"]:
        message = f"output {name!r}: {counts['infinite']} elements are infinite on one side or differ in sign"
        found.append(Problem("inf", name, message))
    return found


def nothing_finite(name: str, reference: Array) -> list[Problem]:
    """Return an output without a finite value, of which an equal one would prove nothing."""
    if reference.dtype.kind not in "fcV" or not reference.size:
        return []
    flat = reference.reshape(-1)
    if any(np.isfinite(as_floats(flat[block])).any() for block in blocks(flat)):
        return []
    message = f"output {name!r} holds no finite value on either side: there is nothing to compare"
    return [Problem("nonfinite", name, message)]


def default_tolerance(reference: Array) -> tuple[float, float]:
    """Return (rtol, atol) where the user gave none, by dtype and scaled to the largest finite reference value.

    Integers, booleans and text must be equal.
    """
    rtol = _RTOL.get(reference.dtype.name)
    if rtol is None:
        return (0.0, 0.0) if reference.dtype.kind not in "fcV" else (4e-2, 4e-3)
    flat, largest = reference.reshape(-1), []
    for block in blocks(flat):
        values = np.abs(as_floats(flat[block]))
        if (values := values[np.isfinite(values)]).size:
            largest.append(float(values.max()))
    return rtol, rtol * _ATOL_SHARE * max(largest, default=1.0)


def figures(candidate: Array, reference: Array, tolerance: Tolerance) -> dict[str, Any]:
    """Return how far apart two arrays of equal dtype and shape are, element by element.

    Returns:
        ``max_abs``, ``max_rel`` (over the reference's magnitude), ``max_rel_range`` (max_abs over the reference's
        range), ``max_ulp``, ``cosine``, ``bad_share`` (elements with |c - r| > atol + rtol*|r|), ``worst_index``,
        ``worst_candidate``, ``worst_reference``, ``rtol``, ``atol``, ``needed_atol`` (the least atol that would do
        with that rtol). Pairs of NaN and of equal Inf count as equal.
    """
    rtol, atol = default_tolerance(reference)
    rtol = rtol if tolerance.rtol is None else tolerance.rtol
    atol = atol if tolerance.atol is None else tolerance.atol
    base = {"rtol": rtol, "atol": atol, "elements": int(reference.size)}
    if not reference.size:
        return {**base, "max_abs": 0.0, "bad_share": 0.0, "needed_atol": 0.0}
    if reference.dtype.kind in _TEXT:
        differing = int(np.count_nonzero(candidate != reference))
        return {**base, "max_abs": 0.0, "bad_share": differing / reference.size}
    parts = Distances()
    ours, theirs = candidate.reshape(-1), reference.reshape(-1)
    for block in blocks(ours):
        parts.add(ours[block], theirs[block], rtol, atol)
    return {**base, **parts.figures((*reference.shape, 2) if reference.dtype.kind == "c" else reference.shape)}
