"""Outputs that hold what another output of the reference holds. Pure: takes arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pytest_onnxaccel.numerics.compare.distance import floor, gap
from pytest_onnxaccel.numerics.compare.sqnr import sqnr

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

#: In dB: below the first a quantised output is nothing like what it should be, from the second on it is what it is of.
_UNLIKE_DB, _ALIKE_DB = 3.0, 15.0
#: Two sides may round so many times what one layer does, and still hold the same.
_ROUNDINGS = 16.0


def exchanged(
    ours: Mapping[str, Array], theirs: Mapping[str, Array], wrong: Sequence[str], narrow: str = ""
) -> dict[str, str]:
    """Return the reference's output that each *wrong* output equals, where that is another one of its own.

    Args:
        ours: outputs of the candidate, by name.
        theirs: those of the reference.
        wrong: outputs that failed.
        narrow: float type of fewer digits that one side computes in.

    Returns:
        Empty unless every wrong output has one: else the names do not explain it.
    """
    found: dict[str, str] = {}
    for name in wrong:
        if name not in ours:
            return {}
        if name in theirs and same(ours[name], theirs[name], narrow):
            continue
        equal = [other for other, array in theirs.items() if other != name and same(ours[name], array, narrow)]
        if not equal:
            return {}
        found[name] = next((other for other in equal if other not in found.values()), equal[0])
    return found


def exchanged_in_few_bits(ours: Mapping[str, Array], theirs: Mapping[str, Array]) -> dict[str, str]:
    """Return the reference's output that each output of a quantised model holds, where it is nothing like its own.

    Returns:
        Empty unless that is so of two outputs at least, each of which holds another one.
    """
    found: dict[str, str] = {}
    for name, array in ours.items():
        own = theirs.get(name)
        if own is None or not _comparable(array, own) or sqnr(own, array) > _UNLIKE_DB:
            continue
        others = {n: other for n, other in theirs.items() if n != name and _comparable(array, other)}
        best = max(others, key=lambda n: sqnr(others[n], array), default="")
        if not best or sqnr(others[best], array) < _ALIKE_DB:
            return {}
        found[name] = best
    return found if len(found) > 1 and len(set(found.values())) == len(found) else {}


def _comparable(a: Array, b: Array) -> bool:
    """Return whether both are floats of one shape that are not a single number in all places."""
    floats = a.dtype.kind == b.dtype.kind == "f" and a.shape == b.shape and a.size > 1
    return floats and all(bool((one != one.reshape(-1)[0]).any()) for one in (a, b))


def same(a: Array, b: Array, narrow: str = "") -> bool:
    """Return whether the two hold the same but for rounding, and more than a single number in all places.

    That of the type *narrow*, where values of floats are computed in it.
    """
    if a.shape != b.shape or a.dtype != b.dtype or not a.size:
        return False
    varied = a.dtype.kind in "OSU" or bool((a != a.reshape(-1)[0]).any())
    allowed = floor(narrow) if narrow and a.dtype.kind == "f" else _ROUNDINGS * floor(a.dtype.name)
    return varied and gap(a, b).share <= allowed


def told(found: Mapping[str, str]) -> str:
    """Return *found* in words."""
    return ", ".join(f"{name!r} equals the reference's {other!r}" for name, other in found.items())
