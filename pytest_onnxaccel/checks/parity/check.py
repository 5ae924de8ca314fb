"""Does a candidate give what a reference gives, within a tolerance, element by element."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING

from pytest_onnxaccel.backends.protocol import Session
from pytest_onnxaccel.checks.find_inputs import is_finite
from pytest_onnxaccel.checks.parity.comparison import Agreement
from pytest_onnxaccel.checks.parity.noise_floor import Variants, measure
from pytest_onnxaccel.checks.parity.rounded_inputs import nudged
from pytest_onnxaccel.checks.parity.tolerances import Limits
from pytest_onnxaccel.checks.parity.verdict import figures_of, notes_of, ruled
from pytest_onnxaccel.checks.reach.answers import Answers
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import Decision, Tolerance
from pytest_onnxaccel.numerics.compare.elementwise import twice
from pytest_onnxaccel.numerics.sampling.input_sets import BEYOND, WIDE, WIDENED, Inputs

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array
    from pytest_onnxaccel.checks.parity.decisions import Decisions
    from pytest_onnxaccel.checks.parity.resample import SecondLook
    from pytest_onnxaccel.checks.reach.telling import Telling

#: One random input misleads; these many distinct ones are compared, and every sample that the user gives up to MOST.
SAMPLES = 3
MOST = 16


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


def parity(
    model: str,
    backend: str,
    reference: str,
    candidate_session: Session,
    reference_session: Session,
    inputs: Inputs,
    tolerance: Tolerance,
    outputs: Mapping[str, Tolerance] | None = None,
    seeds: Sequence[int] = (),
    batch: int | None = None,
    known: Callable[[int], Mapping[str, Array]] | None = None,
    noisy: Noisy | None = None,
    decision: Decision | None = None,
    telling: Telling | None = None,
) -> CheckResult:
    """Check that the candidate's outputs equal the reference's within the tolerance.

    Args:
        seeds: one sample for each; without any, :data:`SAMPLES` distinct ones of the inputs' own seed.
        batch: batch size to feed; None for the model's own.
        known: the candidate's outputs of a default sample at its own batch, where they need no second run.
        noisy: how the default tolerance is measured; without it, it is rounding alone.
        decision: what both sides must decide alike.
        telling: whether what was compared tells anything; more samples are compared where it does not.
    """
    noisy = noisy or Noisy()
    limits = Limits(tolerance, outputs or {}, noisy.locked, least=noisy.least, shares=inputs.shares)
    agreement = Agreement(
        (backend, reference), tolerance, outputs or {}, limit=limits, stored=noisy.stored, infinite=inputs.infinite
    )
    agreement.problems += twice([spec.name for spec in reference_session.info.outputs], reference)
    agreement.problems += twice([spec.name for spec in candidate_session.info.outputs], backend)
    decisions = None
    if decision is not None:
        from pytest_onnxaccel.checks.parity.decisions import Decisions  # few runs ask for decisions

        decisions = Decisions(decision, limits)

    answers = Answers()
    of, base = (reference, reference_session) if noisy.base is None else (backend, noisy.base)
    rounded = functools.partial(nudged, base)

    def compare(index: int, feeds: Mapping[str, Array], ours: Mapping[str, Array] | None = None) -> None:
        ours = candidate_session.run(feeds) if ours is None else ours
        judge(index, feeds, ours, reference_session.run(feeds))

    def judge(index: int, feeds: Mapping[str, Array], ours: Mapping[str, Array], theirs: Mapping[str, Array]) -> None:
        agreement.add(ours, theirs, index)
        if telling is not None:
            answers.add(feeds, theirs)
        if decisions is not None and not agreement.problems:
            decisions.add(index, ours, theirs)

    def measured(feeds: Sequence[Mapping[str, Array]], variants: Variants | None = noisy.variants) -> None:
        assert variants is not None
        found = measure(of, base, variants, feeds)
        limits.noise = limits.noise.joined(found) if limits.noise is not None else found
        agreement.judge_again()
        if decisions is not None:
            decisions.judge_again()

    for index, feeds in enumerate(samples(inputs, seeds, batch)):
        if agreement.problems:
            break
        same = known is not None and batch is None and not seeds and sized(inputs, index) is inputs
        same = same and not (index and inputs.shared)  # which were run with what samples of a batch have in common
        compare(index, feeds, known(index) if known is not None and same else None)
    wanted = noisy.always or _worth_measuring(agreement, limits, decisions)
    look: SecondLook | None = None
    if noisy.variants is not None and wanted and not agreement.problems:
        chosen = _telling(list(samples(inputs, seeds, batch)), agreement)
        measured(chosen)
        if not noisy.alike and not noisy.locked and not agreement.ok and _worth_measuring(agreement, limits, decisions):
            # Another engine adds up in another order, which no variant of the reference shows
            measured(chosen, rounded)
        # Seeds and samples that the user chose are all that is asked for
        if noisy.alike and not seeds and not inputs.files:
            from pytest_onnxaccel.checks.parity.resample import look_again  # few runs need their noise measured

            look = look_again(
                agreement, limits, functools.partial(sample, inputs, seeds, batch), compare,
                lambda: _worth_measuring(agreement, limits, decisions), measured,
            )  # fmt: skip
    if telling is not None and agreement.ok and not (decisions is not None and decisions.flips()):
        for index in telling.more(answers, agreement.samples):
            feeds = sample(inputs, seeds, batch, index)
            both = _runs(candidate_session, reference_session, feeds)
            if both is None:
                continue
            large = WIDE <= index < BEYOND
            own = _of_large_inputs(limits) if large else replace(limits, floors=dict(limits.floors))
            trial = replace(agreement, limit=own, problems=[], worst={}, hardest={}, needed={}, flips={}, empty={})
            trial.add(*both, index)
            # Rounding the inputs otherwise takes a few runs, and each variant of the model a load
            first = rounded if large or not (noisy.alike or noisy.locked) else None
            for variants in (first, noisy.variants):
                if variants is None:
                    continue
                if trial.problems or not _worth_measuring(trial, own, None):
                    break
                found = measure(of, base, variants, [feeds])
                own.noise = own.noise.joined(found) if own.noise is not None else found
                trial.judge_again()
            if trial.ok:
                answers.add(feeds, both[1])
                agreement.samples += 1
                continue
            limits.noise = own.noise
            judge(index, feeds, *both)
            break
    result = CheckResult(
        model, "parity", Verdict.PASSED, backend=backend, reference=reference, batch=batch or inputs.batch,
        figures=figures_of(agreement, limits, decisions, look, noisy.always),
        notes=notes_of(candidate_session, reference_session, agreement, limits, decisions, look),
    )  # fmt: skip
    again = functools.partial(_worst_feeds, inputs, seeds, batch, agreement)
    result = ruled(result, agreement, limits, decisions, (candidate_session, reference_session), again)
    return telling.judged(result, answers, reference_session.run) if telling is not None else result


def _of_large_inputs(limits: Limits) -> Limits:
    """Return tolerances of a sample whose inputs are drawn wider: what it needs is tolerated of it alone.

    What is locked was measured on other samples, and an absolute tolerance was given for outputs of their size.
    """

    def wider(given: Tolerance) -> Tolerance:
        return given if given.atol is None else replace(given, atol=given.atol * WIDENED)

    outputs = {name: wider(given) for name, given in limits.outputs.items()}
    return replace(limits, given=wider(limits.given), outputs=outputs, locked={}, floors=dict(limits.floors))


def _runs(
    candidate: Session, reference: Session, feeds: Mapping[str, Array]
) -> tuple[Mapping[str, Array], Mapping[str, Array]] | None:
    """Return what both give; None where one of them refuses an extra sample, or overflows in it."""
    try:
        theirs = reference.run(feeds)
        return (candidate.run(feeds), theirs) if is_finite(theirs) else None
    except ModelError as error:
        if error.code not in ("E_RUN", "E_INPUT"):
            raise
        return None


def _worth_measuring(agreement: Agreement, limits: Limits, decisions: Decisions | None) -> bool:
    """Return whether a measured drift could explain what is past rounding; so a plain pass costs nothing."""
    bad = agreement.bad()
    if bad and not all(
        name in agreement.hardest and limits.may_help(name, agreement.needed[name], agreement.hardest[name][2])
        for name in bad
    ):
        return False  # it fails in any case
    flips = decisions.flips() if decisions is not None else []
    return bool(bad) or bool(flips and all(change.margin < float("inf") for _, _, change in flips))


def _telling(samples: Sequence[Mapping[str, Array]], agreement: Agreement) -> list[Mapping[str, Array]]:
    """Return at most :data:`SAMPLES` of the samples to measure on, those that need the widest tolerances among them."""
    first = dict.fromkeys(sample for sample, _, _ in agreement.hardest.values())
    chosen = list(dict.fromkeys([*first, *range(len(samples))]))[: max(SAMPLES, len(first))]
    return [samples[i] for i in sorted(chosen)]


def _worst_feeds(inputs: Inputs, seeds: Sequence[int], batch: int | None, agreement: Agreement) -> Mapping[str, Array]:
    index = next((agreement.worst[name]["sample"] for name in agreement.bad()), 0)
    return sample(inputs, seeds, batch, index)


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
    return inputs.feeds(index * (batch or 1), batch, index)


def sized(inputs: Inputs, index: int) -> Inputs:
    """Return the inputs at the sizes of sample *index*: samples go through the lengths that are tried."""
    return inputs.for_sample(index)
