"""Two sets of outputs side by side: the contract first, then the figures. No broadcasting, no pairing by position."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.printing import named
from pytest_onnxaccel.core.specs import Tolerance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.generic]

#: Default rtol by dtype; atol is :data:`_ATOL_SHARE` of it times the largest reference value.
_RTOL = {"float64": 1e-7, "float32": 1e-4, "float16": 1e-2, "bfloat16": 4e-2}
_ATOL_SHARE = 0.1
_TEXT = "OSU"
_BITS: dict[str, type[np.signedinteger[Any]]] = {
    "float64": np.int64, "float32": np.int32, "float16": np.int16, "bfloat16": np.int16,
}  # fmt: skip


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
    a, b = as_floats(candidate), as_floats(reference)
    found = []
    one_sided = int(np.count_nonzero(np.isnan(a) != np.isnan(b)))
    if one_sided:
        where = "candidate" if np.isnan(a).sum() > np.isnan(b).sum() else "reference"
        found.append(Problem("nan", name, f"output {name!r}: {one_sided} elements are NaN in the {where} alone"))
    infinite = np.isinf(a) | np.isinf(b)
    wrong = int(np.count_nonzero(infinite & ~(a == b) & ~np.isnan(a) & ~np.isnan(b)))
    if wrong:
        message = f"output {name!r}: {wrong} elements are infinite on one side or differ in sign"
        found.append(Problem("inf", name, message))
    return found


def nothing_finite(name: str, reference: Array) -> list[Problem]:
    """Return an output without a finite value, of which an equal one would prove nothing."""
    if reference.dtype.kind not in "fcV" or not reference.size or np.isfinite(as_floats(reference)).any():
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
    values = np.abs(as_floats(reference))
    values = values[np.isfinite(values)]
    return rtol, rtol * _ATOL_SHARE * (float(values.max()) if values.size else 1.0)


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
    a, b = as_floats(candidate), as_floats(reference)
    with np.errstate(all="ignore"):
        gap = np.asarray(np.abs(a - b))  # of scalars NumPy makes a number, not an array
        gap[(a == b) | (np.isnan(a) & np.isnan(b))] = 0.0
        gap[np.isnan(gap)] = np.inf
        size = np.abs(b)
        limit = atol + rtol * np.where(np.isfinite(size), size, 0.0)
        bad = np.asarray(gap > limit)
        needed = float(np.maximum(gap - (limit - atol), 0.0).max())
        if reference.dtype.kind in "iu":  # exact also where the widest float holds fewer digits than the integers
            bad = bad | ((limit == 0) & np.asarray(candidate != reference))
        worst = int(np.argmax(np.where(bad, gap / np.maximum(limit, 1e-300), 0.0) if bad.any() else gap))
        finite = b[np.isfinite(b)]
        spread = float(finite.max() - finite.min()) if finite.size else 0.0
        relative = np.where(gap == 0, 0.0, gap / np.where(size == 0, np.inf, size))
    index = np.unravel_index(worst, a.shape) if a.shape else ()
    largest = float(gap.max())
    return {
        **base,
        "max_abs": largest,
        "max_rel": float(np.where(np.isnan(relative), np.inf, relative).max()),
        "max_rel_range": largest / spread if spread else (0.0 if largest == 0 else float("inf")),
        "max_ulp": max_ulp(candidate, reference),
        "cosine": cosine(a, b),
        "bad_share": float(np.count_nonzero(bad)) / bad.size,
        "needed_atol": needed,
        "worst_index": [int(i) for i in index],
        "worst_candidate": float(a.reshape(-1)[worst]),
        "worst_reference": float(b.reshape(-1)[worst]),
    }


def as_floats(array: Array) -> NDArray[Any]:
    """Return *array* as float64, in which every difference of narrower types is exact enough.

    Complex numbers become pairs.
    """
    if array.dtype.kind == "c":
        return np.stack([array.real, array.imag], axis=-1).astype(np.float64)
    if array.dtype.kind in "iu" and array.dtype.itemsize == 8:
        return array.astype(np.longdouble)
    return array.astype(np.float64)


def cosine(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Return the cosine of the angle between two arrays seen as vectors; 1.0 for two zero vectors.

    Never decides a verdict.
    """
    with np.errstate(all="ignore"):
        # Sums, not BLAS: its threads take longer to wake, beside a busy worker, than the products take
        norms = math.sqrt(np.square(a).sum()) * math.sqrt(np.square(b).sum())
        if norms == 0:
            return 1.0 if not a.any() and not b.any() else 0.0
        return float((a * b).sum()) / norms


def max_ulp(candidate: Array, reference: Array) -> float | None:
    """Return the largest distance in units in the last place; None for types that have none."""
    bits = _BITS.get(reference.dtype.name)
    if bits is None:
        return None

    def ordered(array: Array) -> NDArray[Any]:
        raw = np.ascontiguousarray(array).reshape(-1).view(bits).astype(np.int64)
        lowest = np.int64(np.iinfo(bits).min)
        return np.where(raw < 0, lowest - raw, raw)

    both = np.isfinite(candidate).reshape(-1) & np.isfinite(reference).reshape(-1)
    if not both.any():
        return None
    a, b = ordered(candidate)[both], ordered(reference)[both]
    # Unsigned: the distance of two numbers of opposite sign does not fit into the signed type
    return float((np.maximum(a, b).view(np.uint64) - np.minimum(a, b).view(np.uint64)).max())
