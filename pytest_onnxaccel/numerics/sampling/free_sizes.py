"""Sizes to try for the free dimensions of a model's inputs: plausible ones first, and those that go together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from math import prod

from pytest_onnxaccel.core.dims import base_names, evaluate, is_expression
from pytest_onnxaccel.core.domains import InputFacts
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.specs import DimSpec, TensorSpec
from pytest_onnxaccel.numerics.sampling.input_sets import Inputs

#: Tried for all free dimensions alike where what is plausible does not run, with the sizes of the model's weights.
_SIZES = (8, 16, 5, 4, 32, 64, 128, 224, 256, 512, 3, 2, 1)
#: What a name suggests, first match first: sizes, best first.
_NAMED: tuple[tuple[re.Pattern[str], tuple[int, ...]], ...] = (
    (re.compile(r"(?i)past|cache|history|memory"), (3, 5, 2, 1, 0)),
    (re.compile(r"(?i)seq|token|len|word|step|time|frame|target|source|decoder|encoder"), (8, 13, 5, 16, 32, 64)),
    (re.compile(r"(?i)height|width|^[hw]$|row|col|image|pixel"), (64, 96, 128, 224, 256, 320, 512, 32)),
    (re.compile(r"(?i)sample|audio|wave|signal|input_values"), (4096, 16000, 512, 1024, 8192, 32000)),
    (re.compile(r"(?i)node|edge|point|box|roi"), (6, 9, 12, 4)),
)
_SIDE, _AUDIO = _NAMED[2], _NAMED[3]
#: An axis of fewer elements is no side of an image.
_LEAST_SIDE = 8
#: Beside an input of this name, what is long is sound.
_RATE = re.compile(r"(?i)^(sr|sample_?rate)$")
#: Names that PyTorch makes up for sizes: what reads them says more.
_MADE_UP = re.compile(r"[su]\d+")
_IDS = re.compile(r"(?i)^(decoder_)?input_ids$|^tokens?$")
_ATTENTION = re.compile(r"(?i)^(decoder_)?attention_mask$")
_OTHERWISE = (8, 4, 16, 5, 3, 2)
#: A name of the cache and the new tokens together.
_TOTAL = re.compile(r"(?i)total|(^|_)all(_|$)|full|kv_?(seq|len)|key_?(seq|len)")
_PAST = re.compile(r"(?i)past|cache")
_NEW = re.compile(r"(?i)^(?!.*(past|total|encoder|cache)).*(seq|len|token)")
#: Sizes are not tried once an input has so many elements: several free dimensions multiply.
MOST_ELEMENTS = 1 << 24
#: At most so many sets of sizes are tried.
_MOST_TRIES = 96
#: Of so many free lengths one may be the sum of two others.
_FEWEST, _MOST_SUMMED = 3, 4


@record(frozen=True)
class FreeSizes:
    """The free dimensions of a model and what they follow from.

    Attributes:
        keys: what needs a size: names, and ``input:axis`` of dimensions without one.
        given: sizes that the user named.
        formulas: dimensions that follow from others, as expressions of names.
        swept: sizes that the user named to be tried one after the other.
    """

    keys: tuple[str, ...]
    given: Mapping[str, int]
    formulas: Mapping[str, str]
    swept: Mapping[str, tuple[int, ...]]
    plausible: Mapping[str, tuple[int, ...]]
    lengths: frozenset[str]

    @property
    def open(self) -> tuple[str, ...]:
        """Keys whose size is a guess."""
        return tuple(k for k in self.keys if k not in self.given and k not in self.formulas and k not in self.swept)

    def complete(self, sizes: Mapping[str, int]) -> dict[str, int]:
        """Return *sizes* with those that follow from them."""
        found = {**sizes, **self.given}
        for name, formula in self.formulas.items():
            value = evaluate(formula, {k: v for k, v in found.items() if k != name})
            if value is not None:
                found[name] = value
        return found


def free_sizes(base: Inputs, facts: InputFacts, dims: Sequence[DimSpec]) -> FreeSizes:
    """Return what needs a size in *base*, before any was chosen. *dims*: what the user said of sizes by name."""
    shaped = {g.name for g in base.given if g.shape is not None} | set(base.files)
    named: list[str] = []
    unnamed: list[str] = []
    for spec in base.specs:
        for axis, dim in enumerate(spec.shape or ()):
            if isinstance(dim, int) or base.axes.get(spec.name) == axis or spec.name in shaped:
                continue
            (unnamed if dim is None else named).append(f"{spec.name}:{axis}" if dim is None else dim)
    batch = set(base.symbols())
    known = _known(base, shaped) if not base.golden else _stored(base)
    names = [name for name in base_names(named) if name not in batch]
    formulas = {d.name: d.formula for d in dims if d.formula is not None}
    for name in names:
        if name not in formulas and _TOTAL.search(name):
            past = next((n for n in names if _PAST.search(n) and n != name and not _TOTAL.search(n)), "")
            new = next((n for n in names if _NEW.search(n) and n != name), "")
            if past and new:
                formulas[name] = f"{past} + {new}"
    formulas = {**_of_a_cache(base.specs, names), **formulas}
    given = {d.name: d.sizes[0] for d in dims if len(d.sizes) == 1} | known
    swept = {d.name: d.sizes for d in dims if len(d.sizes) > 1}
    if base.golden:
        # Golden samples come first, at their own sizes; those that the user names are tried after them
        asked = {d.name: d.sizes for d in dims if d.name in known and set(d.sizes) - {known[d.name]}}
        swept = {name: (known[name], *(s for s in sizes if s != known[name])) for name, sizes in asked.items()}
        given = {key: size for key, size in known.items() if key not in swept}
    keys = tuple(dict.fromkeys([*names, *unnamed]))
    plausible = {key: facts.plausible.get(key) or _guess(key, base.specs) for key in keys}
    # What is not the side of an image is a length: of time, of a list, of a cache
    lengths = frozenset(key for key in keys if key in facts.lengths or not _side(key, base.specs))
    return FreeSizes(keys, given, formulas, swept, plausible, lengths)


def _of_a_cache(specs: Sequence[TensorSpec], names: Sequence[str]) -> dict[str, str]:
    """Return the sizes that made-up ones follow from in a decoder with a cache."""
    free = {
        spec.name: [dim for dim in spec.shape or () if dim in names and _MADE_UP.fullmatch(str(dim))] for spec in specs
    }
    past = dict.fromkeys(str(dims[-1]) for name, dims in free.items() if _PAST.search(name) and dims)
    new = next((str(dims[-1]) for name, dims in free.items() if _IDS.search(name) and dims), "")
    if not past or not new:
        return {}
    first, *others = past
    totals = {str(dims[-1]) for name, dims in free.items() if _ATTENTION.search(name) and dims}
    return dict.fromkeys(others, first) | dict.fromkeys(totals - {first, new, *others}, f"{first} + {new}")


def _known(base: Inputs, shaped: set[str]) -> dict[str, int]:
    """Return sizes of names that the user's shapes and samples have: they hold for every axis of that name."""
    found: dict[str, int] = {}
    declared = {g.name: g.shape for g in base.given if g.shape is not None}
    for spec in base.specs:
        if spec.name not in shaped or spec.shape is None:
            continue
        shape = declared.get(spec.name) or tuple(base.files[spec.name][0].shape)
        shape = (1, *shape) if len(shape) == len(spec.shape) - 1 else shape
        for axis, (dim, size) in enumerate(zip(spec.shape, shape, strict=False)):
            if isinstance(dim, str) and base.axes.get(spec.name) != axis and not is_expression(dim):
                found.setdefault(dim, size)
    return found


def _stored(base: Inputs) -> dict[str, int]:
    """Return sizes that the golden inputs have."""
    found: dict[str, int] = {}
    for spec in base.specs:
        for axis, (dim, size) in enumerate(zip(spec.shape or (), base.golden[0][spec.name].shape, strict=False)):
            if not isinstance(dim, int) and base.axes.get(spec.name) != axis and not is_expression(dim or ""):
                found.setdefault(f"{spec.name}:{axis}" if dim is None else dim, size)
    return found


def plausible_sizes(name: str) -> tuple[int, ...]:
    """Return sizes that the *name* of a dimension suggests, best first."""
    return _guess(name, ())


def _guess(key: str, specs: Sequence[TensorSpec]) -> tuple[int, ...]:
    if any(_RATE.search(spec.name) for spec in specs):
        return _AUDIO[1]
    for pattern, sizes in _NAMED:
        if pattern.search(_told(key, specs)):
            return sizes
    return _SIDE[1] if _of_image(key, specs) else _OTHERWISE


def _told(key: str, specs: Sequence[TensorSpec]) -> str:
    """Return the name that says what *key* is a size of: its own, or where that is made up, that of an input."""
    if _MADE_UP.fullmatch(key):
        return next((spec.name for spec in specs if key in (spec.shape or ())), key)
    return key.partition(":")[0]


def _side(key: str, specs: Sequence[TensorSpec]) -> bool:
    named = next((pattern for pattern, _ in _NAMED if pattern.search(_told(key, specs))), None)
    return named is _SIDE[0] if named is not None else _of_image(key, specs)


def _of_image(key: str, specs: Sequence[TensorSpec]) -> bool:
    """Return whether *key* is height or width of something with 1, 3 or 4 channels."""
    for spec in specs:
        shape = spec.shape or ()
        places = [i for i, dim in enumerate(shape) if dim == key or f"{spec.name}:{i}" == key]
        sides = [shape[2:], shape[1:3]] if len(shape) == 4 and places else []
        for channels, both in zip((shape[1:2], shape[3:]), sides, strict=False):
            # The other side of an image is free as well, or as large as one
            if channels[0] in (1, 3, 4) and all(not isinstance(d, int) or d >= _LEAST_SIDE for d in both):
                return True
    return False


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
        if mark in tried or len(tried) >= _MOST_TRIES:
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
    return [other for i, other in enumerate(found) if other != dict(sizes) and other not in found[:i]]


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
        keys = [dim if isinstance(dim, str) else f"{spec.name}:{axis}" for axis, dim in enumerate(spec.shape or ())]
        open_keys = [key for key in keys if key in free.open and key in free.lengths and key in sizes]
        if len(open_keys) == 1 and rows > sizes[open_keys[0]] and rows <= MOST_ELEMENTS:
            found[open_keys[0]] = max(found.get(open_keys[0], 0), rows)
    return found


def sweep(free: FreeSizes, sizes: Mapping[str, int]) -> Iterator[dict[str, int]]:
    """Yield other sizes for what is free: all together, larger and smaller, then each dimension alone."""

    def steps(size: int) -> tuple[int, ...]:
        return 2 * size, size + 1, size + 32, max(1, size // 2)

    for turn in range(4):
        yield free.complete({**sizes, **{key: steps(sizes[key])[turn] for key in free.open}})
    for key in free.open if len(free.open) > 1 else ():
        for size in steps(sizes[key])[:3]:
            yield free.complete({**sizes, key: size})
