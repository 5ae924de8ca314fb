"""The free dimensions of a model's inputs: which sizes are plausible, and which follow from others."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from pytest_onnxaccel.core.dims import base_names, evaluate, is_expression, names_in
from pytest_onnxaccel.core.domains import InputFacts
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.specs import DimSpec, TensorSpec
from pytest_onnxaccel.numerics.sampling.input_sets import Inputs

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
#: Names that exporters make up for sizes, one for each axis of each input: what reads them says more.
_MADE_UP = re.compile(r"[su]\d+|unk__\d+|.+_dynamic_axes_\d+")
#: Inputs that have a number for each new token.
_EACH_TOKEN = re.compile(r"(?i)^(position|token_type)_ids$")
_IDS = re.compile(r"(?i)^(decoder_)?input_ids$|^tokens?$")
_ATTENTION = re.compile(r"(?i)^(decoder_)?attention_mask$")
_OTHERWISE = (8, 4, 16, 5, 3, 2)
#: A name of the cache and the new tokens together.
_TOTAL = re.compile(r"(?i)total|(^|_)all(_|$)|full|kv_?(seq|len)|key_?(seq|len)")
_PAST = re.compile(r"(?i)past|cache")
_NEW = re.compile(r"(?i)^(?!.*(past|total|encoder|cache)).*(seq|len|token)")


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
        for _ in self.formulas:  # one may follow from another that stands after it
            before = dict(found)
            for name, formula in self.formulas.items():
                value = _value(formula, {k: v for k, v in found.items() if k != name})
                if value is not None:
                    found[name] = value
            if found == before:
                break
        return found

    def without_size(self, sizes: Mapping[str, int]) -> str:
        """Return what follows from *sizes* and is not a size, such as ``past - 5`` of 3; or an empty string."""
        told = {**sizes, **self.given}
        known = [f for f in self.formulas.values() if all(name in told for name in names_in(f))]
        return next((formula for formula in known if evaluate(formula, told) is None), "")


def free_sizes(base: Inputs, facts: InputFacts, dims: Sequence[DimSpec]) -> FreeSizes:
    """Return what needs a size in *base*, before any was chosen. *dims*: what the user said of sizes by name."""
    shaped = _shaped(base)
    named: list[str] = []
    unnamed: list[str] = []
    for spec in base.specs:
        for axis, dim in enumerate(spec.shape or ()):
            if isinstance(dim, int) or base.axes.get(spec.name) == axis or spec.name in shaped:
                continue
            (unnamed if dim is None else named).append(f"{spec.name}:{axis}" if dim is None else dim)
    batch = set(base.symbols())
    known = given_sizes(base) if not base.golden else _stored(base)
    names = [name for name in base_names(named) if name not in batch]
    formulas = {d.name: d.formula for d in dims if d.formula is not None}
    for name in names:
        if name not in formulas and _TOTAL.search(name):
            past = next((n for n in names if _PAST.search(n) and n != name and not _TOTAL.search(n)), "")
            new = next((n for n in names if _NEW.search(n) and n != name), "")
            if past and new:
                formulas[name] = f"{past} + {new}"
    formulas = {**_of_a_cache(base.specs, names, unnamed), **formulas}
    given = {d.name: d.sizes[0] for d in dims if len(d.sizes) == 1} | known
    swept = {d.name: d.sizes for d in dims if len(d.sizes) > 1}
    if base.golden:
        # Golden samples come first, at their own sizes; those that the user names are tried after them
        asked = {d.name: d.sizes for d in dims if d.name in known and set(d.sizes) - {known[d.name]}}
        swept = {name: (known[name], *(s for s in sizes if s != known[name])) for name, sizes in asked.items()}
        given = {key: size for key, size in known.items() if key not in swept}
    # What is given need not follow from anything
    said = {d.name for d in dims if d.formula is not None}
    formulas = {name: f for name, f in formulas.items() if name in said or (name not in given and name not in swept)}
    keys = tuple(dict.fromkeys([*names, *unnamed]))
    plausible = {key: facts.plausible.get(key) or _guess(key, base.specs) for key in keys}
    # What is not the side of an image is a length: of time, of a list, of a cache
    lengths = frozenset(key for key in keys if key in facts.lengths or not _side(key, base.specs))
    for key in lengths:
        plausible[key] = _at_least(plausible[key], max(_needed(key, base.specs, facts.windows), default=1))
    return FreeSizes(keys, given, formulas, swept, plausible, lengths)


def _shaped(base: Inputs) -> set[str]:
    """Return the inputs of which the user gives the shape, or samples."""
    return {g.name for g in base.given if g.shape is not None} | set(base.files)


def _of_a_cache(specs: Sequence[TensorSpec], names: Sequence[str], unnamed: Sequence[str]) -> dict[str, str]:
    """Return the sizes that made-up ones, and those without a name, follow from in a decoder with a cache."""
    open_keys = {*(name for name in names if _MADE_UP.fullmatch(name)), *unnamed}
    free: dict[str, list[str]] = {}
    for spec in specs:
        keys = [f"{spec.name}:{axis}" if dim is None else str(dim) for axis, dim in enumerate(spec.shape or ())]
        free[spec.name] = [key for key in keys if key in open_keys]
    past = dict.fromkeys(dims[-1] for name, dims in free.items() if _PAST.search(name) and dims)
    new = next((dims[-1] for name, dims in free.items() if _IDS.search(name) and dims), "")
    if not past or not new:
        return {}
    first, *others = past
    totals = {dims[-1] for name, dims in free.items() if _ATTENTION.search(name) and dims}
    tokens = {dims[-1] for name, dims in free.items() if _EACH_TOKEN.search(name) and dims}
    told = {first, new, *others}
    alike = dict.fromkeys(others, first) | dict.fromkeys(tokens - totals - told, new)
    return alike | dict.fromkeys(totals - told, f"{first} + {new}")


def _value(formula: str, sizes: Mapping[str, int]) -> int | None:
    """Return the size *formula*; its terms may be names that no expression can hold, such as ``past.0.key_axis_2``."""
    terms = [term.strip("()") for term in formula.split(" + ")]
    return sum(sizes[term] for term in terms) if all(term in sizes for term in terms) else evaluate(formula, sizes)


def given_sizes(base: Inputs) -> dict[str, int]:
    """Return sizes of names that the user's shapes and samples have: they hold for every axis of that name."""
    shaped = _shaped(base)
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


def _needed(key: str, specs: Sequence[TensorSpec], windows: Mapping[str, Sequence[int]]) -> Iterator[int]:
    """Yield how long *key* must be for what slides over it, wherever it is an axis."""
    for spec in specs:
        for axis, (dim, needed) in enumerate(zip(spec.shape or (), windows.get(spec.name, ()), strict=False)):
            if dim == key or f"{spec.name}:{axis}" == key:
                yield needed


def _at_least(sizes: tuple[int, ...], least: int) -> tuple[int, ...]:
    """Return *sizes* with those first over which what slides comes to several results."""
    if sizes[0] >= least:
        return sizes
    power = 1 << (least - 1).bit_length()
    return tuple(
        dict.fromkeys([*(size for size in sizes if size >= least), power, power + power // 2, 2 * power, *sizes])
    )


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
