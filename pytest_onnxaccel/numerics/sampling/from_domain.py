"""Values of one input drawn from its domain: both ends, each telling point, then at random inside."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.core.dims import evaluate
from pytest_onnxaccel.core.domains import Bound, Domain
from pytest_onnxaccel.numerics.sampling.masks import mask, padding
from pytest_onnxaccel.numerics.sampling.sample_numbers import WIDE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.generic]

#: Width of a range whose other end nothing bounds.
_WIDTH_OF_FLOATS = 2.0
_WIDTH_OF_INTEGERS = 64
#: What stands for 0 where it is an end of a range.
_BESIDE_ZERO = 1e-3
#: The row, counted over all samples, in which two columns lie as far apart as they go: after both ends of each.
_APART = 2
#: In every so many samples all rows of a table of codes are the same, as those of words in one cell are.
_ALIKE = 4


def draw(
    generator: np.random.Generator,
    domain: Domain,
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    index: int,
    sizes: Mapping[str, int],
) -> Array | None:
    """Return one array of *shape* inside *domain*.

    Args:
        generator: source of randomness; it is advanced.
        domain: what the graph says of the input's values.
        dtype: that of the array.
        shape: that of the array, all sizes known.
        index: of the sample. Where an array has no room for every telling point, the next one takes the next points.
        sizes: of the named dimensions, for bounds that are sizes.

    Returns:
        None where the domain has no value that can be drawn: a size that is not known, an empty range.
    """
    if domain.exact is not None:
        return _exact(domain.exact, dtype, shape, sizes)
    maker: Callable[..., Array | None] = _KINDS.get(domain.kind, _numbers)
    made = maker(generator, domain, dtype, shape, index, sizes)
    return made if made is None or made.dtype == dtype else made.astype(dtype)


def _exact(
    elements: tuple[Bound, ...], dtype: np.dtype[Any], shape: tuple[int, ...], sizes: Mapping[str, int]
) -> Array | None:
    found = [bound(item, sizes) for item in elements]
    if any(item is None for item in found) or len(found) != math.prod(shape):
        return None
    return np.asarray(found, dtype=dtype).reshape(shape)


def bound(value: Bound | None, sizes: Mapping[str, int]) -> int | float | None:
    """Return a bound as a number: a text is a size."""
    return evaluate(value, sizes) if isinstance(value, str) else value


def limits(domain: Domain, dtype: np.dtype[Any], sizes: Mapping[str, int]) -> tuple[float, float] | None:
    """Return the inclusive range to draw from; None where it is empty, or hangs on a size that is not known."""
    low, high = bound(domain.low, sizes), bound(domain.high, sizes)
    if (low is None and domain.low is not None) or (high is None and domain.high is not None):
        return None
    whole = dtype.kind in "iu"
    width = _WIDTH_OF_INTEGERS if whole else _WIDTH_OF_FLOATS
    if low is None and high is None:
        low, high = (0, width) if dtype.kind == "u" else (-width / 2, width / 2)
    if low is None and high is not None:
        # Far from the other end the usual numbers are legal
        low, high = (-width / 2, width / 2) if high >= width / 2 else (high - width, high)
    elif high is None and low is not None:
        low, high = low, max(low + width, width / 2)
    assert low is not None
    assert high is not None
    if whole:
        info = np.iinfo(dtype)
        low, high = max(math.ceil(low), info.min), min(math.floor(high), info.max)
    return (low, high) if low <= high else None


def _numbers(
    generator: np.random.Generator,
    domain: Domain,
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    index: int,
    sizes: Mapping[str, int],
) -> Array | None:
    if domain.choices:
        return _chosen(generator, domain, dtype, shape, index, sizes)
    ends = limits(domain, dtype, sizes)
    if ends is None:
        return None
    low, high = ends
    made: NDArray[Any]
    if dtype.kind in "iu":
        made = generator.integers(int(low), int(high), shape, dtype=dtype, endpoint=True)
    else:
        unit = generator.random(shape)
        made = np.asarray(low + (high - low) * unit)
    made = np.asarray(_without(made, domain.exclude, low, high))
    # A bound that was only chosen here to draw from is none for the points
    least = -math.inf if domain.low is None else low
    most = math.inf if domain.high is None else high
    points = [p for p in domain.points if not isinstance(p, str) and p not in domain.exclude]
    points = [p for p in points if least <= p <= most or math.isnan(p)]
    points = [*dict.fromkeys([*points, *domain.apart])]
    points = [p for p in points if _fits(p, dtype)]
    if dtype.kind in "iu":
        given = [int(end) for end, known in ((low, domain.low), (high, domain.high)) if known is not None]
        points = [p for p in dict.fromkeys([*given, *points]) if p not in domain.exclude]
    if dtype.kind not in "iu":
        reached = (_end(domain.low, low, 1), _end(domain.high, high, -1))
        points = [*dict.fromkeys([end for end in reached if end is not None and end not in domain.exclude]), *points]
    made = _by_column(domain.columns, made, index) if domain.columns and shape else made
    made = _next_to(generator, domain.near, made, index) if domain.near and shape else made
    made = _with_points(generator, made, points, index)
    if domain.never_all and made.size and bool(np.isin(made, domain.never_all).all()):
        made = _with_another(made, domain.never_all, low, high)
    made = _in_ranges(generator, domain, made, index) if domain.ranges and shape else made
    return _padded(made, domain.filled, index) if domain.filled else made


def _padded(made: Any, filled: tuple[int | float, ...], index: int) -> Array:
    """Return *made* with a third of its rows at the end filled with one number, in every other sample."""
    found = np.array(made)
    if index % 2 and found.ndim > 1 and found.shape[-2] > 1:
        found[..., -max(1, found.shape[-2] // 3) :, :] = filled[index // 2 % len(filled)]
    return np.asarray(found)


def _next_to(generator: np.random.Generator, near: tuple[tuple[float, ...], ...], made: Any, index: int) -> Array:
    """Return *made* with rows next to those of *near* by turns, and between two of them."""
    rows = np.asarray(near)
    if made.shape[-1] != rows.shape[1]:
        return np.asarray(made)
    table = np.array(made).reshape(-1, made.shape[-1])
    spread = rows.std(axis=0) if len(rows) > 1 else np.ones(rows.shape[1])
    for place in range(len(table)):
        turn = index * len(table) + place
        one, other = rows[turn // 2 % len(rows)], rows[int(generator.integers(len(rows)))]
        share = 0.0 if turn % 2 == 0 else 0.5 * generator.random()
        table[place] = one + share * (other - one) + 0.05 * spread * (2 * generator.random(rows.shape[1]) - 1)
    return np.asarray(table.reshape(made.shape))


def _end(bound_: Bound | None, drawn: float, inwards: int) -> float | None:
    """Return an end of a range of floats that is legal and reached; next to 0, where 1 / x is none."""
    if isinstance(bound_, str) or bound_ is None or bound_ != drawn:
        return None
    return float(drawn) or inwards * _BESIDE_ZERO


def _with_another(made: Any, never_all: tuple[int | float, ...], low: float, high: float) -> Array:
    """Return *made*, in which all numbers are of *never_all*, with the least legal one that is not in one place."""
    found = np.array(made)
    other = next((n for n in range(math.ceil(low), math.floor(high) + 1) if n not in never_all), None)
    if other is not None:
        found.reshape(-1)[0] = other
    return np.asarray(found)


def _in_ranges(generator: np.random.Generator, domain: Domain, made: Any, index: int) -> Array:
    """Return *made* with the columns that have a range of their own inside it: both ends first, then at random."""
    table = np.array(made).reshape(-1, made.shape[-1])
    places = index * len(table) + np.arange(len(table))
    for column, low, high in domain.ranges:
        if column < table.shape[1]:
            drawn = generator.integers(low, high, len(table), endpoint=True)
            ends = np.where(places == column % 2, low, np.where(places == 1 - column % 2, high, drawn))
            table[:, column] = ends.astype(table.dtype)
    reach = {column: (low, high) for column, low, high in domain.ranges}
    for lesser, greater in domain.ordered:
        if lesser in reach and greater in reach and max(lesser, greater) < table.shape[1]:
            pair = [lesser, greater]
            table[:, pair] = np.sort(table[:, pair], axis=1)
            table[places == _APART, lesser] = reach[lesser][0]  # and once as far apart as they go
            table[places == _APART, greater] = reach[greater][1]
    found = np.asarray(table.reshape(made.shape))
    if index % _ALIKE == _ALIKE - 1 and found.ndim > 2:
        found[..., 1:, :] = found[..., :1, :]
    return found


def _by_column(columns: tuple[tuple[int | float | str, ...], ...], made: Any, index: int) -> Array:
    """Return *made* with each column's telling numbers or texts, one after the other over rows and samples."""
    table = np.array(made).reshape(-1, made.shape[-1])
    for place, numbers in enumerate(columns[: table.shape[1]]):
        if not numbers:
            continue
        # Not in their order, and each time round in another one, so that columns meet in many ways; the ends first
        rounds, at = np.divmod(index * len(table) + np.arange(len(table)), len(numbers))
        turn = np.array([_order(place, len(numbers), int(one))[i] for one, i in zip(rounds, at, strict=True)], np.intp)
        kind = object if isinstance(numbers[0], str) else np.float64
        table[:, place] = np.asarray(numbers, dtype=kind)[turn].astype(table.dtype)
    return np.asarray(table.reshape(made.shape))


@lru_cache(maxsize=4096)
def _order(place: int, count: int, turn: int) -> tuple[int, ...]:
    found = np.random.default_rng([place, count, turn]).permutation(count).tolist()
    ends = {0: (0, count - 1), 1: (count - 1, 0)}.get((place + turn) % 2, ()) if turn < 2 and count > 1 else ()
    return (*ends, *(i for i in found if i not in ends))


def _fits(number: float, dtype: np.dtype[Any]) -> bool:
    if dtype.kind not in "iu":
        return True
    info = np.iinfo(dtype)
    return not math.isnan(number) and bool(info.min <= number <= info.max)


def _without(values: Any, exclude: tuple[int | float, ...], low: float, high: float) -> Any:
    """Return *values* with each excluded one moved to a legal neighbour."""
    for value in exclude:
        hit = values == value
        if values.dtype.kind == "f":
            # As far from what is not legal as a unit of the range: the result of 1 / x should not overflow
            step = min(1.0, (high - low) / 64) or 1.0
            hit |= np.abs(values - value) < step / 64
            values = np.where(hit, value + step if value + step <= high else value - step, values)
        elif hit.any():
            near = sorted({*range(-8, 9)} - {0}, key=lambda gap: (abs(gap), -gap))
            legal = [value + gap for gap in near if low <= value + gap <= high and value + gap not in exclude]
            values = np.where(hit, legal[0] if legal else value, values).astype(values.dtype)
    return values


def _with_points(generator: np.random.Generator, made: Any, points: list[Any], index: int) -> Array:
    """Return *made* with *points* at random places.

    Where there is no room for all, those whose turn it is in this sample.
    """
    if not points or not made.size:
        return np.asarray(made)
    if made.size == 1 and len(points) <= index < WIDE:
        return np.asarray(made)  # each had its turn: what lies between them has its own
    room = max(1, made.size // 2) if made.size > 1 else 1
    first = index * room % len(points) if len(points) > room else 0
    turn = [points[(first + i) % len(points)] for i in range(min(room, len(points)))]
    flat = np.array(made).reshape(-1)
    places = generator.permutation(flat.size)[: len(turn)]
    flat[places] = np.asarray(turn).astype(flat.dtype)
    return np.asarray(flat.reshape(made.shape))


def _chosen(
    generator: np.random.Generator,
    domain: Domain,
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    index: int,
    sizes: Mapping[str, int],
) -> Array | None:
    if not domain.choices:
        return None
    words = any(isinstance(choice, str) for choice in domain.choices)
    choices: NDArray[Any] = np.asarray(domain.choices, dtype=object if words else None)
    made = choices[generator.integers(0, len(choices), shape)] if shape else choices[generator.integers(len(choices))]
    found = _with_points(generator, np.asarray(made), [*domain.choices, *domain.points], index)
    found = _by_column(domain.columns, found, index) if domain.columns and shape else found
    return found.astype(object) if words else found


def _lengths(
    generator: np.random.Generator,
    domain: Domain,
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    index: int,
    sizes: Mapping[str, int],
) -> Array | None:
    """Return lengths of sequences: the whole axis at least once, because many runtimes require that."""
    ends = limits(domain, dtype, sizes)
    if ends is None:
        return None
    made: NDArray[Any] = generator.integers(max(1, int(ends[0])), int(ends[1]), shape, endpoint=True)
    made = np.asarray(made)
    if made.size and (made.size > 1 or index == 0):
        made.reshape(-1)[0] = int(ends[1])
    return made


_KINDS: Mapping[str, Callable[..., Array | None]] = {
    "mask": mask,
    "padding": padding,
    "length": _lengths,
    "text": _chosen,
    "category": _chosen,
}
