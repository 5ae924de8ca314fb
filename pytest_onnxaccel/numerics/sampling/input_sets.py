"""The inputs of one model, found: sizes of its free dimensions, values that are drawn, files that are read."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from pytest_onnxaccel.core.domains import Domain
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.specs import InputSpec, TensorSpec
from pytest_onnxaccel.numerics.sampling.around import golden_range, is_held
from pytest_onnxaccel.numerics.sampling.combined import AT_ONCE, Extra
from pytest_onnxaccel.numerics.sampling.declared import (
    ELEMENTS,
    as_declared,
    dim_at,
)
from pytest_onnxaccel.numerics.sampling.draw import DEFAULT_RANGE, LegalValues, concrete, sample
from pytest_onnxaccel.numerics.sampling.from_domain import draw
from pytest_onnxaccel.numerics.sampling.sample_numbers import (
    ABSENT,
    BEYOND,
    LEVELLED,
    LONG,
    QUIET,
    QUIETER,
    ROWED,
    SWEPT,
    WIDE,
    WIDENED,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.generic]

#: Samples that are fed at most so that every telling number is among them; of more of them where a sample has few
#: elements, as a row of a table has: such models are quick.
_MOST_SAMPLES, _MOST_ROWS = 24, 256
_FEW_ELEMENTS = 256
#: Rows of a table are fed so often that columns meet in many ways.
_MIXED = 4
#: Drawn samples are kept up to this size, bytes: several checks feed the same ones.
_KEPT = 32 << 20


@record(frozen=True)
class Inputs:
    """Makes feeds for one model.

    Attributes:
        specs: the declared inputs; of a sequence, its elements.
        batch: size of the batch that the model runs at by itself: its fixed one; when that axis is free, what the
            user's shapes and samples have there, or 1; None when the inputs share no batch axis.
        symbol: name of the batch dimension when it is a symbol.
        axes: axis of the batch by input name. An input that is missing carries no batch: all samples of one share it.
        sizes: chosen size by name of a dimension; of one without a name by ``input:axis``, or under ``?``.
        others: further sizes of free lengths, for samples that are told apart by them (:meth:`at`).
        long: sizes at which a table that is read by position is read to its end; None where there is none.
        absent: optional inputs without which the model runs.
        variant: which of those this makes feeds of; 0 for *sizes*, and one past *others* for *long*.
        domains: what values an input may take, by name.
        floats: range of float inputs without a declared one.
        integers: range of integer inputs without a declared one; None for the sampler's default.
        redrawn: how often a sample was drawn again because the model does not run on what came first.
        as_first: samples that run only with the first one's values in the inputs that choose: the branch of a
            condition may not run at these sizes.
        placed: sizes at which such a sample runs with its own values, by its number.
        files: samples by input name, as read from the user's files.
        golden: samples that come first, whole and as declared; all have the shapes of the first one.
        repeated: past the golden samples they come again, because the model does not run on others.
        infinite: outputs that may hold infinities, as the graph says.
        shares: outputs that engines compute to the last digit of 1, as the graph says.
        whole: outputs that are one number for all samples of a batch, with the node that makes them so.
        beyond: other domains, of samples from BEYOND on, see :meth:`with_beyond`.
        weights: numbers that the model multiplies with; None where nobody counted them.
        limited: what the model computes meets limits, or chooses: loud and quiet inputs tell.
        quantised: it, or the file that it is compared with, is quantised by what usual inputs are.
    """

    specs: tuple[TensorSpec, ...]
    batch: int | None
    symbol: str | None = None
    seed: int = 0
    sizes: Mapping[str, int] = field(default_factory=dict)
    floats: tuple[float, float] = DEFAULT_RANGE
    integers: tuple[int, int] | None = None
    given: tuple[InputSpec, ...] = ()
    files: Mapping[str, Sequence[Array]] = field(default_factory=dict)
    axes: Mapping[str, int] = field(default_factory=dict)
    domains: Mapping[str, Domain] = field(default_factory=dict)
    others: tuple[Mapping[str, int], ...] = ()
    long: Mapping[str, int] | None = None
    absent: tuple[str, ...] = ()
    variant: int = 0
    redrawn: Mapping[int, int] = field(default_factory=dict)
    as_first: frozenset[int] = frozenset()
    placed: Mapping[int, Mapping[str, int]] = field(default_factory=dict)
    golden: tuple[Mapping[str, Array], ...] = ()
    repeated: bool = False
    infinite: tuple[str, ...] = ()
    beyond: Mapping[str, Domain] = field(default_factory=dict)
    shares: tuple[str, ...] = ()
    whole: Mapping[str, str] = field(default_factory=dict)
    weights: int | None = None
    limited: bool = False
    quantised: bool = False
    _drawn: dict[tuple[int, int], dict[str, Array]] = field(default_factory=dict, init=False, repr=False, compare=False)
    _variants: dict[int, Inputs] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def shared(self) -> bool:
        """Some input carries no batch: samples that are fed at once have it in common."""
        return self.batch is not None and any(spec.name not in self.axes for spec in self.specs)

    @property
    def dynamic(self) -> bool:
        """The batch axis is declared free."""
        return self.batch is not None and any(
            not isinstance(dim_at(spec, self.axes[spec.name]), int) for spec in self.specs if spec.name in self.axes
        )

    # -- sizes ------------------------------------------------------------------------------------------------

    @property
    def variants(self) -> int:
        """How many sets of sizes there are: samples of a parity check go through them."""
        return 1 + len(self.others)

    def at(self, variant: int) -> Inputs:
        """Return these inputs at another set of sizes; itself at its own."""
        if variant == self.variant:
            return self
        if variant not in self._variants:
            self._variants[variant] = replace(self, variant=variant)
        return self._variants[variant]

    def for_sample(self, index: int) -> Inputs:
        """Return these inputs at the sizes of sample *index*: the golden ones first, then all sets of sizes."""
        if index == LONG and self.long is not None:
            return self.at(self.variants)
        if index in self.placed:
            return self.at(self.variants + 1 + [*self.placed].index(index))
        return self.at(0 if index < len(self.golden) else (index - len(self.golden)) % self.variants)

    def symbols(self, batch: int | None = None) -> dict[str, int]:
        """Return the size by name, that of the batch included, at *batch* or at the model's own."""
        size = batch if batch is not None else self.batch
        sets = (self.sizes, *self.others, self.long or {}, *self.placed.values())
        found = dict(self.sizes) | dict(sets[self.variant])
        if self.symbol is not None and size is not None:
            found[self.symbol] = size
        if size is not None:  # names that exporters made up for the one batch
            for spec in self.specs:
                dim = dim_at(spec, self.axes.get(spec.name, -1))
                if isinstance(dim, str):
                    found[dim] = size
        return found

    def shapes(self, batch: int | None = None) -> dict[str, tuple[int, ...]]:
        """Return the concrete shape by input name at *batch*, or at the model's own."""
        size = batch if batch is not None else self.batch
        if self.golden and self.variant == 0 and size == self.batch:
            return {spec.name: tuple(self.golden[0][spec.name].shape) for spec in self.specs}
        symbols = self.symbols(batch)
        return {spec.name: concrete(spec, symbols, size, self.axes.get(spec.name), self.given) for spec in self.specs}

    # -- values -----------------------------------------------------------------------------------------------

    def feeds(self, index: int = 0, batch: int | None = None, turn: int = 0) -> dict[str, Array]:
        """Return sample *index*: one array per input, at *batch* or at the model's own batch.

        At another batch than its own, a feed is the concatenation of the samples *index*, *index* + 1 ... along the
        axis of its batch. The arrays may be read-only: samples are drawn once and kept.

        Args:
            index: number of the sample, from 0.
            batch: samples in the feed; the model's own batch when None.
            turn: which values inputs without a batch have: samples of one batch have them in common, and samples
                that are compared one by one go through them.
        """
        if batch is None or batch == self.batch or self.batch is None:
            return self._one(index, turn)
        blocks = -(-batch // self.batch)
        parts = [self._one(index + i, turn) for i in range(blocks)]
        return {name: self._joined(name, [part[name] for part in parts], batch) for name in parts[0]}

    def seeded(self, seed: int, batch: int | None = None) -> dict[str, Array]:
        """Return one drawn sample of another *seed*, the same for the same one."""
        return replace(self, seed=seed).feeds(len(self.golden), batch)

    def _joined(self, name: str, parts: Sequence[Array], batch: int) -> Array:
        axis = self.axes.get(name)
        if axis is None:
            return self._of_batch(name, parts[0], batch)
        found: Array = np.concatenate(parts, axis)
        return found[(slice(None),) * axis + (slice(batch),)]

    def _of_batch(self, name: str, array: Array, batch: int) -> Array:
        """Return what an input without a batch has at *batch*: a shape that is fed may hold its size."""
        domain = self.domains.get(name)
        if domain is None or not self.made_up(name) or not any(isinstance(item, str) for item in domain.exact or ()):
            return array
        found = draw(np.random.default_rng(0), domain, array.dtype, array.shape, 0, self.symbols(batch))
        return array if found is None else found

    def _one(self, index: int, turn: int = 0) -> dict[str, Array]:
        key = (index, turn)
        if key in self._drawn:
            return dict(self._drawn[key])
        feeds = self._make(index, turn)
        for array in feeds.values():
            array.flags.writeable = False  # every check is fed the same
        self._drawn[key] = feeds
        while sum(map(_size, self._drawn.values())) > _KEPT:
            self._drawn.pop(next(iter(self._drawn)))
        return dict(feeds)

    def _make(self, index: int, turn: int) -> dict[str, Array]:
        stored = self.golden[index % len(self.golden)] if self.golden else {}
        if stored and (index < len(self.golden) or self.repeated):
            return {spec.name: stored[spec.name].copy() for spec in self.specs}
        held = {spec.name: stored[spec.name].copy() for spec in self.specs if stored and self._held(spec)}
        drawn = [spec for spec in self.specs if spec.name not in self.files and spec.name not in held]
        shared = [spec for spec in drawn if self.batch is not None and spec.name not in self.axes]
        own = [spec for spec in drawn if spec not in shared]
        feeds = self._sampled(own, index)
        if shared:  # the samples of one batch have it in common
            feeds |= self._sampled(shared, turn or self.variant)
        feeds |= held
        for spec in self.specs:
            if spec.name in self.files:
                arrays = self.files[spec.name]
                own_index = index - len(self.golden)
                place = own_index if self.batch is None or spec.name in self.axes else turn or self.variant
                feeds[spec.name] = as_declared(arrays[place % len(arrays)], spec, self.axes.get(spec.name))
        left_out = self.absent if index == ABSENT else ()
        return {spec.name: feeds[spec.name] for spec in self.specs if spec.name not in left_out}

    def _held(self, spec: TensorSpec) -> bool:
        """Return whether past the golden samples, input *spec* keeps their values."""
        return not self._given_values(spec.name) and is_held(self.golden, spec, self.domains.get(spec.name))

    def _sampled(self, specs: Sequence[TensorSpec], index: int) -> dict[str, Array]:
        if index not in self.as_first or self.variant > self.variants:
            return self._drawn_of(specs, index)
        choosing = [s for s in specs if self.made_up(s.name) and (s.name in self.domains or "float" not in s.dtype)]
        others = [spec for spec in specs if spec not in choosing]
        return self._drawn_of(choosing, 0) | self._drawn_of(others, index)

    def _drawn_of(self, specs: Sequence[TensorSpec], index: int) -> dict[str, Array]:
        again = self.redrawn.get(index, 0)
        given, floats = self.given, self.floats
        if self.golden:
            free = (s for s in specs if not self._given_values(s.name) and s.name not in self.domains)
            given += tuple(filter(None, (golden_range(self.golden, s) for s in free)))
        if WIDE <= index < BEYOND:
            floats = (floats[0] * (WIDENED if floats[0] < 0 else 1.0), floats[1] * WIDENED)
        if QUIET <= index < SWEPT:
            floats = (floats[0] * QUIETER, floats[1] * QUIETER)
        domains = {**self.domains, **self.beyond} if BEYOND <= index < LONG else self.domains
        legal = LegalValues(given, floats, self.integers, domains, self.symbols())
        made = sample(specs, self.shapes(), self.seed + 7919 * again, index + again, legal)
        return made | self.extra.arrays(index, specs, made) if index >= LEVELLED else made

    @cached_property
    def telling(self) -> int:
        """Samples after which every telling number was fed once; at most :data:`_MOST_SAMPLES` of large ones."""
        shapes = self.shapes()
        wanted = 1
        for spec in self.specs:
            domain = self.domains.get(spec.name)
            if domain is None or not self.made_up(spec.name) or domain.exact is not None:
                continue
            size = math.prod(shapes[spec.name])
            wanted = max(
                wanted, -(-(len(domain.points) + len(domain.choices) + len(domain.apart)) // max(size // 2, 1))
            )
            if domain.near and size:
                wanted = max(wanted, -(-2 * len(domain.near) * len(domain.near[0]) // size))
            if domain.columns and size:
                rows = max(size // (shapes[spec.name] or (1,))[-1], 1)
                wanted = max(wanted, -(-_MIXED * max(map(len, domain.columns)) // rows))
        few = sum(map(math.prod, shapes.values())) <= _FEW_ELEMENTS
        return min(wanted, _MOST_ROWS if few else _MOST_SAMPLES)

    def with_beyond(self, other: Mapping[str, Domain], limited: bool = False, quantised: bool = False) -> Inputs:
        """Return these inputs with extra samples for what only the *other* file's graph shows.

        A limit, a branch or a row that a damaged file lost shows only in the healthy one.

        Args:
            other: what that graph says of the inputs.
            limited: what it computes meets limits.
            quantised: it is quantised.
        """
        found = {}
        for spec in self.specs:
            domain, own = other.get(spec.name), self.domains.get(spec.name)
            if domain is None or not self.made_up(spec.name) or domain.kind == "size" or domain.origin != "graph":
                continue
            if own is None or (own.kind != "size" and _values(own) != _values(domain)):
                found[spec.name] = domain
        limited, quantised = limited or self.limited, quantised or self.quantised
        if not found and (limited, quantised) == (self.limited, self.quantised):
            return self
        return replace(self, beyond=found, limited=limited, quantised=quantised)

    @property
    def beyond_samples(self) -> range:
        """Numbers of the samples of :attr:`beyond`; empty where there is none."""
        if not self.beyond:
            return range(0)
        return range(BEYOND, BEYOND + max(ELEMENTS, replace(self, domains=self.beyond).telling))

    # -- samples that are compared in addition --------------------------------------------------------------------

    @cached_property
    def extra(self) -> Extra:
        """Samples that parity compares where all others agree."""
        made_up = tuple(spec for spec in self.specs if self.made_up(spec.name))
        sources = (self.domains, self.beyond)
        said = {spec.name: tuple(one[spec.name] for one in sources if spec.name in one) for spec in made_up}
        shapes = self.shapes()
        products = math.inf
        if self.weights is not None:
            products = max(self.weights, 1) * sum(map(math.prod, shapes.values()))
        own = self.batch == 1 and self.dynamic and not self.shared
        return Extra(made_up, shapes, said, self.seed, products, self.limited, self.quantised, AT_ONCE if own else 1)

    @property
    def extra_samples(self) -> Iterator[int]:
        """Numbers of the samples of :attr:`extra`, and that of several samples at once."""
        if self.golden:
            return
        yield from self.extra.numbers()
        if self.dynamic and self.extra.light and "batch" not in (self.symbol or "").lower():
            yield ROWED  # of an axis that nobody calls the batch, one place alone does not tell what it is

    # -- where values come from --------------------------------------------------------------------------------

    def made_up(self, name: str) -> bool:
        """Return whether nobody gave values of input *name*, in a file or by a range."""
        return not self.golden and not self._given_values(name)

    def _given_values(self, name: str) -> bool:
        return name in self.files or any(item.name == name and item.says_values for item in self.given)

    def origin(self, name: str) -> str:
        """Return where the values of input *name* come from: one of ``Domain.ORIGINS``."""
        if self.golden:
            return "golden"
        if name in self.files:
            return "given"
        if not self.made_up(name):
            return "given"
        return self.domains[name].origin if name in self.domains else "search"


def _values(domain: Domain) -> tuple[object, ...]:
    ends = (
        domain.kind,
        domain.low,
        domain.high,
        domain.choices,
        domain.columns,
        domain.apart,
        domain.ranges,
        domain.filled,
        domain.ordered,
        domain.window,
        domain.levels,
        domain.near,
    )
    return (*ends, frozenset(map(str, domain.points)))


def _size(feeds: Mapping[str, Array]) -> int:
    return sum(array.nbytes for array in feeds.values())
