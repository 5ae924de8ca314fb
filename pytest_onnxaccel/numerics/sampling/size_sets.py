"""Sets of sizes to try: the plausible ones first, then other lengths, longer ones, ones that are told apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from math import prod

from pytest_onnxaccel.core.specs import TensorSpec
from pytest_onnxaccel.numerics.sampling.free_sizes import FreeSizes
from pytest_onnxaccel.numerics.sampling.input_sets import Inputs

#: Tried for all free dimensions alike where what is plausible does not run, with the sizes of the model's weights.
_SIZES = (8, 16, 5, 4, 32, 64, 128, 224, 256, 512, 3, 2, 1)
#: Sizes are not tried once an input has so many elements: several free dimensions multiply.
MOST_ELEMENTS = 1 << 24
#: At most so many sets of sizes are tried.
_MOST_TRIES = 96
#: Of so many free lengths one may be the sum of two others.
_FEWEST, _MOST_SUMMED = 3, 4


def assignments(base: Inputs, free: FreeSizes, hints: Sequence[int] = ()) -> Iterator[dict[str, int]]:
    """Yield sets of sizes, the most plausible first; each fits the formulas, and no input becomes too large."""
    first = {name: sizes[0] for name, sizes in free.swept.items()}
    if not free.open:
        yield free.complete(first)
        return
    tried: set[tuple[tuple[str, int], ...]] = set()
    longest = max(len(free.plausible[key]) for key in free.open)
    rounds: list[dict[str, int]] = []
    for turn in range(longest):
        rounds.append({key: free.plausible[key][min(turn, len(free.plausible[key]) - 1)] for key in free.open})
    common = [*_SIZES[:-1], *(size for size in sorted(hints) if size not in _SIZES), 1]
    rounds += [dict.fromkeys(free.open, size) for size in common]
    if len(free.open) > 1:
        # One dimension is a size of its own (a width that the weights dictate), the others are free
        rounds += [rounds[0] | {key: size} for key in free.open for size in (*common, *free.plausible[key])]
    for chosen in rounds:
        sizes = free.complete({**first, **chosen})
        mark = tuple(sorted(sizes.items()))
        if mark in tried or len(tried) >= _MOST_TRIES or free.without_size(sizes):
            continue
        tried.add(mark)
        if max(map(prod, replace(base, sizes=sizes).shapes().values()), default=0) <= MOST_ELEMENTS:
            yield sizes


def sums(free: FreeSizes, specs: Sequence[TensorSpec]) -> Iterator[FreeSizes]:
    """Yield *free* with one length as the sum of two others: what a cache holds and what is new, however named.

    Args:
        free: sizes of which nobody said what they follow from.
        specs: the inputs.
    """
    lengths = [key for key in free.open if key in free.lengths]
    if not _FEWEST <= len(lengths) <= _MOST_SUMMED:
        return
    # A mask over all is a matrix; what a cache holds has more axes
    rank = {key: max((len(s.shape or ()) for s in specs if key in (s.shape or ())), default=0) for key in lengths}
    totals = sorted(lengths, key=lambda key: (rank[key], -lengths.index(key)))
    for total in totals:
        for first, second in combinations([key for key in lengths if key != total], 2):
            yield replace(free, formulas={**free.formulas, total: f"({first}) + ({second})"})


def other_lengths(free: FreeSizes, sizes: Mapping[str, int]) -> list[dict[str, int]]:
    """Return further sets of sizes: what the user wants swept, and other lengths, for one hides what many tell."""
    found: list[dict[str, int]] = []
    for name, wanted in free.swept.items():
        found += [free.complete({**sizes, name: size}) for size in wanted[1:]]
    lengths = [key for key in free.open if key in free.lengths]
    if lengths:
        for turn in (1, 2):
            more = {}
            for key in lengths:
                options = [size for size in free.plausible[key] if size not in (0, 1, sizes[key])]
                step = (sizes[key] + 5, max(2, sizes[key] // 2))[turn - 1]
                more[key] = options[turn - 1] if len(options) >= turn and options[turn - 1] < 4096 else step
            found.append(free.complete({**sizes, **more}))
    legal = [other for other in found if not free.without_size(other)]
    return [other for i, other in enumerate(legal) if other != dict(sizes) and other not in legal[:i]]


def told_apart(free: FreeSizes, sizes: Mapping[str, int], known: Mapping[str, int]) -> dict[str, int] | None:
    """Return *sizes* in which no two open lengths are equal, so that axes that were mixed up show.

    Args:
        free: what is open.
        sizes: some of which may be equal.
        known: the sizes that run: a length keeps away from its own there.

    Returns:
        None where they are different already, or where there is but one.
    """
    lengths = [key for key in free.open if key in free.lengths]
    if len({sizes[key] for key in lengths}) == len(lengths):
        return None
    taken: set[int] = set()
    found: dict[str, int] = {}
    for key in lengths:
        size = sizes[key]
        while size in taken or (size in (1, known[key]) and size != sizes[key]):
            size += 1
        taken.add(size)
        found[key] = size
    return free.complete({**sizes, **found})


def longer(
    free: FreeSizes, specs: Sequence[TensorSpec], sizes: Mapping[str, int], longest: Mapping[str, int]
) -> dict[str, int]:
    """Return the size of each length by which a table is read, so that it is read to its end.

    Args:
        free: what is open.
        specs: the inputs.
        sizes: the ones that run.
        longest: rows of the table by the input whose lengths count them.
    """
    found: dict[str, int] = {}
    for spec in specs:
        rows = longest.get(spec.name, 0)
        for key in only_lengths(free, [spec], sizes):
            if sizes[key] < rows <= MOST_ELEMENTS:
                found[key] = max(found.get(key, 0), rows)
    return found


def only_lengths(free: FreeSizes, specs: Sequence[TensorSpec], sizes: Mapping[str, int]) -> list[str]:
    """Return the open length of each of *specs* that has just one."""
    found = []
    for spec in specs:
        keys = [dim if isinstance(dim, str) else f"{spec.name}:{axis}" for axis, dim in enumerate(spec.shape or ())]
        open_keys = [key for key in keys if key in free.open and key in free.lengths and key in sizes]
        found += open_keys if len(open_keys) == 1 else []
    return found


def sweep(free: FreeSizes, sizes: Mapping[str, int]) -> Iterator[dict[str, int]]:
    """Yield other sizes for what is free: all together, larger and smaller, then each dimension alone."""

    def steps(size: int) -> tuple[int, ...]:
        return 2 * size, size + 1, size + 32, max(1, size // 2)

    sets = [{key: steps(sizes[key])[turn] for key in free.open} for turn in range(4)]
    sets += [{key: size} for key in free.open if len(free.open) > 1 for size in steps(sizes[key])[:3]]
    yield from (other for one in sets if not free.without_size(other := free.complete({**sizes, **one})))
