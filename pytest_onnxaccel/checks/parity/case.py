"""What one parity check compares: the two sides, the samples, and what is known of noise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING

from pytest_onnxaccel.backends.protocol import Session
from pytest_onnxaccel.checks.parity.noise_floor import Variants
from pytest_onnxaccel.checks.parity.outputs.comparer import Comparer
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.specs import Decision, Tolerance
from pytest_onnxaccel.numerics.sampling.input_sets import Inputs
from pytest_onnxaccel.numerics.sampling.sample_numbers import ROWED, ROWS, WIDE

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array
    from pytest_onnxaccel.checks.precision.types import Types
    from pytest_onnxaccel.checks.reach.telling import Telling

    Feeds = Mapping[str, Array]

#: One random input misleads; these many distinct ones are compared, and every sample that the user gives up to MOST.
SAMPLES = 3
MOST = 16


#: Scale of the summands by output that is a sum, and whether it adds up many numbers, on some samples.
Summands = Callable[[Sequence["Feeds"]], Mapping[str, tuple[float, bool]]]


@record(frozen=True)
class Noisy:
    """What a parity check knows of noise.

    Attributes:
        variants: opens legal variants of the reference; None where nobody can.
        locked: tolerances of the reviewed lock file, by output.
        always: measure also where nothing is past the rounding floor: a lock is being written.
        base: the session that *variants* are variants of; the reference by default.
        stored: the reference is what was stored: there, equal values prove something also where none is finite.
        least: tolerances by output that its own noise needed where the reference was stored.
        beside: the ONNX side of a source framework, by name, with its variants: what a framework shows of noise on two
            threads is less than two frameworks are apart.
        summands: asks how large what outputs are added up of is.
        alike: candidate and reference run in one engine. Another one's kernels may round more than any variant
            shows; in the same one a narrow pass is worth a second look.
    """

    variants: Variants | None = None
    locked: Mapping[str, Tolerance] = field(default_factory=dict)
    always: bool = False
    alike: bool = False
    base: Session | None = None
    stored: bool = False
    least: Mapping[str, Tolerance] = field(default_factory=dict)
    beside: tuple[str, Session, Variants] | None = None
    summands: Summands | None = None


@record(frozen=True)
class ParityCase:
    """What one parity check compares.

    Attributes:
        model, backend, reference: names, as the result has them.
        candidate_session, reference_session: the two sides.
        outputs: tolerances by output, before *tolerance*.
        seeds: one sample for each; without any, :data:`SAMPLES` distinct ones of the inputs' own seed.
        batch: batch size to feed; None for the model's own.
        known: the candidate's outputs of a default sample at its own batch, where they need no second run.
        noisy: how the default tolerance is measured; without it, it is rounding alone.
        decision: what both sides must decide alike.
        telling: whether what was compared tells anything; more samples are compared where it does not.
        comparers: by output, what compares it otherwise than element by element.
        notes: what qualifies the verdict in addition to what the sessions say.
        types: what both sides compute in.
    """

    model: str
    backend: str
    reference: str
    candidate_session: Session
    reference_session: Session
    inputs: Inputs
    tolerance: Tolerance
    outputs: Mapping[str, Tolerance] = field(default_factory=dict)
    seeds: Sequence[int] = ()
    batch: int | None = None
    known: Callable[[int], Mapping[str, Array]] | None = None
    noisy: Noisy = field(default_factory=Noisy)
    decision: Decision | None = None
    telling: Telling | None = None
    comparers: Mapping[str, Comparer] = field(default_factory=dict)
    notes: Sequence[str] = ()
    types: Types | None = None

    def samples(self) -> Iterator[dict[str, Array]]:
        """Yield the feeds, in order."""
        return samples(self.inputs, self.seeds, self.batch)

    def sample(self, index: int) -> dict[str, Array]:
        """Return the feeds of sample *index*, also past those of :meth:`samples`."""
        return sample(self.inputs, self.seeds, self.batch, index)

    def one_by_one(self, index: int) -> list[dict[str, Array]]:
        """Return the samples that :meth:`sample` feeds in one run; none where it is one alone."""
        rows = self.inputs.extra.rows(index) if index >= WIDE and not self.seeds else ()
        return [self.inputs.feeds(row, turn=row) for row in rows] if len(rows) > 1 else []

    def known_outputs(self, index: int) -> Mapping[str, Array] | None:
        """Return the candidate's outputs of sample *index*, where it ran already."""
        if self.known is None or self.batch is not None or self.seeds or sized(self.inputs, index) is not self.inputs:
            return None
        # Not those that ran with what the samples of a batch have in common
        return None if index and self.inputs.shared else self.known(index)


def samples(inputs: Inputs, seeds: Sequence[int], batch: int | None) -> Iterator[dict[str, Array]]:
    """Yield the feeds that parity compares, in order; those of a second look come after them."""
    given = max((len(samples) for samples in inputs.files.values()), default=0)
    count = len(seeds) or max(SAMPLES, min(MOST, -(-given // (batch or 1))))
    count = max(count, inputs.variants, inputs.telling) if not seeds else count
    if inputs.golden and not seeds:
        count = len(inputs.golden) if inputs.repeated else max(count, len(inputs.golden) + inputs.variants)
    for index in range(count):
        yield sample(inputs, seeds, batch, index)


def sample(inputs: Inputs, seeds: Sequence[int], batch: int | None, index: int) -> dict[str, Array]:
    """Return the feeds of sample *index*, also past those of :func:`samples` where no seeds are given."""
    inputs = sized(inputs, index)
    if seeds:
        return inputs.seeded(seeds[index], batch)
    if index == ROWED:
        several = ROWS * (inputs.batch or 1)
        # Drawn at that size and not joined, so that both sides of a square matrix have it
        return inputs.feeds(0, several) if inputs.files else replace(inputs, batch=several).feeds(0)
    rows = inputs.extra.rows(index) if index >= WIDE else ()
    if len(rows) > 1:
        return inputs.feeds(index, len(rows))
    return inputs.feeds(index * (batch or 1) if index < WIDE else index, batch, index)


def sized(inputs: Inputs, index: int) -> Inputs:
    """Return the inputs at the sizes of sample *index*: samples go through the lengths that are tried."""
    return inputs.for_sample(index)
