"""Samples that are compared in addition: combinations of choices, elements next to one number, loud and quiet ones."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.core.domains import Domain
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.specs import TensorSpec
from pytest_onnxaccel.numerics.sampling.draw import array_dtype
from pytest_onnxaccel.numerics.sampling.sample_numbers import LEVELLED, QUIET, ROWED, SWEPT, TOGETHER, WIDE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.generic]

#: A model is light where a sample takes so few multiplications, and one is bearable up to so many.
_LIGHT, _BEARABLE = 10**6, 10**12
#: So many loud samples are fed of a light model.
_LOUD = 24
#: So many of them are fed in one run, where each input has a batch axis.
AT_ONCE = 64
#: So many combinations are fed one by one; of more of them, some at random.
_MOST, _AT_RANDOM = 512, 256
#: How far elements lie about their level, as a share of it and by itself.
_ABOUT, _BESIDE = 0.01, 0.01
#: Tables of so many columns, and so many numbers that tell, are gone through column by column.
_MOST_COLUMNS, _MOST_POINTS = 64, 64
#: A list of numbers that is gone through is no longer than this.
_MOST_VALUES = 512


@record(frozen=True)
class Extra:
    """Samples that are compared where all others agree.

    Attributes:
        specs: inputs whose values are made up.
        shapes: of all inputs, by name.
        said: of each input, what one file or two of them say of its values.
        products: about how many multiplications a sample takes.
        limited: what the model computes meets limits, or chooses: loud and quiet inputs tell.
        quantised: a file is quantised by what usual inputs are: of others it need not give the right results.
        at_once: so many of them may be fed in one run.
    """

    specs: tuple[TensorSpec, ...]
    shapes: Mapping[str, tuple[int, ...]]
    said: Mapping[str, Sequence[Domain]]
    seed: int
    products: float
    limited: bool
    quantised: bool = False
    at_once: int = 1

    @property
    def light(self) -> bool:
        """A sample takes next to no time: hundreds of them may be fed."""
        return self.products <= _LIGHT

    def numbers(self) -> Iterator[int]:
        """Yield the numbers of the samples."""
        for first, count in ((TOGETHER, self._counts[0]), (SWEPT, 0 if self.quantised else self._counts[1])):
            yield from range(first, first + count, self.at_once)
        if self.quantised:
            return
        yield from range(LEVELLED, LEVELLED + max(map(len, self._levels.values()), default=0))
        if self.limited and self.products <= _BEARABLE:
            yield from (QUIET, *range(WIDE, WIDE + (_LOUD if self.light else 1)))

    def rows(self, index: int) -> range:
        """Return the numbers of the samples that are fed in one run from *index* on."""
        for first, count in ((TOGETHER, self._counts[0]), (SWEPT, self._counts[1])):
            if first <= index < first + count:
                return range(index, min(index + self.at_once, first + count))
        return range(index, index + 1)

    @cached_property
    def _counts(self) -> tuple[int, int]:
        """How many combinations there are, and how many samples in which columns have each number that tells."""
        combinations = self._together.count if self._together is not None else 0
        return combinations, max(map(sweeps, self._points.values()), default=0)

    def arrays(self, index: int, specs: Sequence[TensorSpec], made: Mapping[str, Array]) -> dict[str, Array]:
        """Return what of *specs* is another array in sample *index* than the one that was *made*."""
        found: dict[str, Array] = {}
        if TOGETHER <= index < ROWED and self._together is not None:
            return self._together.arrays(index - TOGETHER, specs, made)
        for spec in specs:
            name = spec.name
            shape = made[name].shape
            if LEVELLED <= index < TOGETHER and self._levels.get(name):
                numbers = self._levels[name]
                found[name] = levelled(spec, shape, numbers[(index - LEVELLED) % len(numbers)], self.seed)
            elif index >= SWEPT and self._points.get(name):
                found[name] = swept(spec, shape, self._points[name], index - SWEPT)
        return found

    @cached_property
    def _together(self) -> Combined | None:
        return combined(self.specs, self.shapes, self.said) if self.light else None

    @cached_property
    def _levels(self) -> dict[str, tuple[float, ...]]:
        return {spec.name: levels(self.said.get(spec.name, ())) for spec in self.specs}

    @cached_property
    def _points(self) -> dict[str, tuple[Any, ...]]:
        known = self.specs if self.light else ()
        return {s.name: telling_points(self.said.get(s.name, ()), s, self.shapes[s.name]) for s in known}


@record(frozen=True)
class Combined:
    """Values of several inputs, or of the columns of one, of which every combination tells.

    Attributes:
        places: name of an input, and the column of it; None where it is one number alone.
        values: by place.
    """

    places: tuple[tuple[str, int | None], ...]
    values: tuple[tuple[Any, ...], ...]

    @property
    def count(self) -> int:
        """How many samples are fed of them."""
        found = math.prod(map(len, self.values))
        return found if found <= _MOST else _AT_RANDOM

    def turn(self, number: int) -> list[Any]:
        """Return the value at each place in combination *number*."""
        if math.prod(map(len, self.values)) > _MOST:
            generator = np.random.default_rng([len(self.values), number])
            return [values[int(generator.integers(len(values)))] for values in self.values]
        found = []
        for values in self.values:
            number, place = divmod(number, len(values))
            found.append(values[place])
        return found

    def arrays(self, number: int, specs: Sequence[TensorSpec], made: Mapping[str, Array]) -> dict[str, Array]:
        """Return the arrays of those of *specs* that are among the places, in combination *number*."""
        by_name: dict[str, dict[int | None, Any]] = {}
        for (name, column), value in zip(self.places, self.turn(number), strict=True):
            by_name.setdefault(name, {})[column] = value
        found: dict[str, Array] = {}
        for spec in specs:
            if spec.name in by_name:
                row = [value for _, value in sorted(by_name[spec.name].items(), key=lambda item: item[0] or 0)]
                filled: NDArray[Any] = np.empty(len(row), array_dtype(spec.dtype))
                filled[:] = row
                found[spec.name] = filled.reshape(made[spec.name].shape)
        return found


def combined(
    specs: Sequence[TensorSpec], shapes: Mapping[str, tuple[int, ...]], domains: Mapping[str, Sequence[Domain]]
) -> Combined | None:
    """Return what is to be combined; None where there is nothing, or where single numbers are fed anyway.

    Args:
        specs: inputs whose values are made up.
        shapes: of them, by name.
        domains: of each input, as one file or two of them say it.
    """
    places: list[tuple[str, int | None]] = []
    values: list[tuple[Any, ...]] = []
    for spec in specs:
        size = math.prod(shapes[spec.name])
        known = domains.get(spec.name, ())
        if size == 1:
            found = dict.fromkeys(value for domain in known for value in _values(domain, spec.dtype))
            if not known and spec.dtype == "bool":
                found = dict.fromkeys((0, 1))
            if 1 < len(found) <= _MOST_VALUES:
                places.append((spec.name, None))
                values.append(tuple(found))
            continue
        for domain in known[:1]:
            rows = _columns(domain, spec.dtype)
            if len(rows) == size and all(rows):
                places += [(spec.name, column) for column in range(size)]
                values += rows
    fed = [len((*domain.points, *domain.choices)) for known in domains.values() for domain in known]
    if not values or (len(values) == 1 and len(values[0]) <= max(fed, default=2)):
        return None
    return Combined(tuple(places), tuple(values))


def _values(domain: Domain, dtype: str) -> list[Any]:
    """Return the values of one number that are worth to be combined with others."""
    if domain.exact is not None or domain.kind in ("length", "size", "padding"):
        return []
    if domain.choices:
        return list(domain.choices)
    if domain.kind == "mask" or dtype == "bool":
        return [value for value in (0, 1) if value not in domain.exclude]
    if len(domain.columns) == 1:
        return list(domain.columns[0])
    low, high = domain.low, domain.high
    if isinstance(low, str) or isinstance(high, str):
        return []
    whole = dtype.startswith(("int", "uint"))
    if whole and low is not None and high is not None and high - low < _MOST_VALUES:
        found: list[Any] = [n for n in range(math.ceil(low), math.floor(high) + 1) if n not in domain.exclude]
    else:
        found = [p for p in domain.points if not isinstance(p, str) and _legal(p, low, high, dtype)]
    return [*found, *(p for p in domain.apart if p not in found)]


def _legal(number: float, low: float | None, high: float | None, dtype: str) -> bool:
    if dtype.startswith(("int", "uint")):
        info = np.iinfo(dtype)
        if not info.min <= number <= info.max:
            return False
    return math.isnan(number) or ((low is None or low <= number) and (high is None or number <= high))


def _columns(domain: Domain, dtype: str) -> list[tuple[Any, ...]]:
    """Return the values of each column of one row of codes, texts or places."""
    if domain.ranges:
        columns = {column: (low, high) for column, low, high in domain.ranges}
        if sorted(columns) == list(range(len(columns))) and all(b - a < _MOST_VALUES for a, b in columns.values()):
            return [tuple(range(columns[i][0], columns[i][1] + 1)) for i in range(len(columns))]
    return list(domain.columns) if domain.kind in ("index", "text", "category") else []


def telling_points(domains: Sequence[Domain], spec: TensorSpec, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """Return the numbers that tell in each column of a table; empty for what is none."""
    if len(shape) < 2 or not 1 < shape[-1] <= _MOST_COLUMNS:
        return ()
    known = [d for d in domains if d.kind == "number" and not d.columns and not d.near and d.exact is None]
    found = dict.fromkeys(point for domain in known for point in _values(replace(domain, choices=()), spec.dtype))
    return tuple(found) if len(found) <= _MOST_POINTS else ()


def sweeps(points: Sequence[Any]) -> int:
    """Return after how many samples each column had each of *points*, and most pairs of columns each pair of them."""
    if len(points) == 1 and math.isfinite(points[0]):  # all of one number may be a mask that leaves nothing
        return 0
    return min(len(points) * len(points), _AT_RANDOM)


def swept(spec: TensorSpec, shape: tuple[int, ...], points: Sequence[Any], number: int) -> Array:
    """Return an input each column of which has one of *points* in each row, in another order in every sample.

    No row is one of them throughout: of a mask that is compared with 0, a row without a valid place means nothing.
    """
    turn, number = divmod(number, len(points))
    if (turn + 1) % len(points) == 0:
        turn += 1
    rows, columns = math.prod(shape[:-1]), shape[-1]
    places = number + np.arange(rows)[:, None] + (turn + 1) * np.arange(columns)[None, :]
    found: NDArray[Any] = np.asarray(points)[places % len(points)]
    return np.asarray(found.astype(array_dtype(spec.dtype)).reshape(shape))


def levels(domains: Sequence[Domain]) -> tuple[float, ...]:
    """Return the legal numbers next to which all elements of an input tell."""
    return tuple(
        dict.fromkeys(
            level
            for domain in domains
            for level in domain.levels
            if domain.kind == "number"
            and (domain.low is None or (not isinstance(domain.low, str) and domain.low <= level))
            and (domain.high is None or (not isinstance(domain.high, str) and level <= domain.high))
        )
    )


def levelled(spec: TensorSpec, shape: tuple[int, ...], level: float, seed: int) -> Array:
    """Return an input all elements of which lie next to *level*."""
    generator = np.random.default_rng([seed, len(shape)])
    made: NDArray[Any] = level + (abs(level) * _ABOUT + _BESIDE) * (2 * generator.random(shape) - 1)
    dtype = array_dtype(spec.dtype)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        made = np.clip(np.round(made), info.min, info.max)
    return np.asarray(made).astype(dtype)
