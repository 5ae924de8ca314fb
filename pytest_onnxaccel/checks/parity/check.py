"""Does a candidate give what a reference gives, within a tolerance, element by element."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_onnxaccel.backends.protocol import Session
from pytest_onnxaccel.checks.parity.case import SAMPLES as SAMPLES
from pytest_onnxaccel.checks.parity.case import Noisy as Noisy
from pytest_onnxaccel.checks.parity.case import ParityCase as ParityCase
from pytest_onnxaccel.checks.parity.case import sample as sample
from pytest_onnxaccel.checks.parity.case import samples as samples
from pytest_onnxaccel.checks.parity.comparison import Agreement
from pytest_onnxaccel.checks.parity.measuring import both_runs, of_large_inputs, telling_samples, worth_measuring
from pytest_onnxaccel.checks.parity.noise_floor import Aligned, Noise, Variants, measure
from pytest_onnxaccel.checks.parity.outputs.comparer import VARIANT, Sample
from pytest_onnxaccel.checks.parity.rounded_inputs import nudged
from pytest_onnxaccel.checks.parity.tolerances import Limits
from pytest_onnxaccel.checks.parity.verdict import figures_of, notes_of, ruled
from pytest_onnxaccel.checks.precision.quantised import Quantised, open_verdict
from pytest_onnxaccel.checks.precision.types import Compared
from pytest_onnxaccel.checks.reach.answers import Answers
from pytest_onnxaccel.core import progress
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.numerics.compare.elementwise import twice
from pytest_onnxaccel.numerics.sampling.sample_numbers import BEYOND, LEVELLED, TOGETHER, WIDE
from pytest_onnxaccel.numerics.unpacked import holder

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array
    from pytest_onnxaccel.checks.parity.decisions import Decisions
    from pytest_onnxaccel.checks.parity.resample import SecondLook

    Feeds = Mapping[str, Array]


def parity(case: ParityCase) -> CheckResult:
    """Check that the candidate's outputs equal the reference's within the tolerance."""
    compared = _Comparison(case)
    for index, feeds in enumerate(case.samples()):
        if compared.agreement.problems:
            break
        progress.tell(f"sample {index + 1}")
        compared.compare(index, feeds, case.known_outputs(index))
    if not compared.holds and compared.look_at_types():
        compared.tighten()
    progress.tell("")
    look = compared.measure_noise()
    compared.look_at_summands()
    if case.telling is not None and compared.holds:
        for index in case.telling.more(compared.answers, compared.agreement.samples):
            if not compared.add(index):
                break
    return compared.result(look)


class _Comparison:
    """One parity check while it runs: what was compared so far, and within what."""

    def __init__(self, case: ParityCase) -> None:
        self.case, self.noisy = case, case.noisy
        sides = (case.backend, case.reference)
        inputs, noisy = case.inputs, case.noisy
        self.limits = Limits(case.tolerance, case.outputs, noisy.locked, least=noisy.least, shares=inputs.shares)
        self.agreement = Agreement(
            sides,
            case.tolerance,
            case.outputs,
            limit=self.limits,
            stored=noisy.stored,
            infinite=inputs.infinite,
            comparers=case.comparers,
        )
        for session, name in ((case.reference_session, case.reference), (case.candidate_session, case.backend)):
            self.agreement.problems += twice([spec.name for spec in session.info.outputs], name)
        self.decisions: Decisions | None = None
        if case.decision is not None:
            from pytest_onnxaccel.checks.parity.decisions import Decisions  # few runs ask for decisions

            self.decisions = Decisions(case.decision, self.limits)
        self.answers = Answers()
        #: What both sides compute in, once that was asked.
        self.types: Compared | None = None
        own = noisy.base is None
        self._base: Session = case.reference_session if noisy.base is None else noisy.base
        self._base_name = case.reference if own else case.backend
        self._rounded = functools.partial(nudged, self._base)

    @property
    def holds(self) -> bool:
        """Nothing speaks against the candidate so far."""
        return self.agreement.ok and not (self.decisions is not None and self.decisions.flips())

    def compare(self, index: int, feeds: Mapping[str, Array], ours: Mapping[str, Array] | None = None) -> None:
        """Run both sides on *feeds*, the candidate only where *ours* does not know its outputs, and judge them."""
        ours = self.case.candidate_session.run(feeds) if ours is None else ours
        self._judge(index, feeds, ours, self.case.reference_session.run(feeds))

    def _judge(self, index: int, feeds: Feeds, ours: Mapping[str, Array], theirs: Mapping[str, Array]) -> None:
        self.agreement.add(ours, theirs, index)
        if self.case.telling is not None:
            self.answers.add(feeds, theirs)
        if self.decisions is not None and not self.agreement.problems:
            self.decisions.add(index, ours, theirs)

    def worth_measuring(self) -> bool:
        """Return whether noise could explain what is past the tolerance."""
        return worth_measuring(self.agreement, self.limits, self.decisions)

    def look_at_types(self) -> bool:
        """Ask, once, what both sides compute in, and judge by that; whether it changed a tolerance."""
        if self.types is not None or self.case.types is None or self.agreement.problems:
            return False
        self.types = Compared.of(*self.case.types.ask())
        self.limits.computed = self.agreement.computed = self.types.computed
        if self.types.computed:
            self._judge_again()
        return bool(self.types.computed)

    def tighten(self) -> None:
        """Judge a conversion that passes by the noise that its original shows when it is rounded.

        Rounding at the scale of an output allows a deep model's few roundings and a shallow one's alike.
        """
        types, noisy = self.case.types, self.noisy
        if self.types is None or types is None or types.rounded is None or noisy.variants is None or noisy.locked:
            return
        if not self.holds or not self.types.converted:
            return
        self.measured_narrow(telling_samples(self.case, self.agreement))
        self.limits.tight = tuple(self.types.converted)
        self._judge_again()

    @property
    def unjudged(self) -> dict[str, tuple[str, ...]]:
        """Outputs past their tolerance that are computed with few whole numbers on one side, and have no limit."""
        quantised = self.types.quantised if self.types is not None else {}
        free = [name for name in self.agreement.bad() if self.limits.free(name) and self.limits.lock(name) is None]
        return {name: quantised[name] for name in free if name in quantised and not self._compared(name)}

    def _compared(self, name: str) -> bool:
        """Return whether the user said how output *name* is compared, which is a limit."""
        found = self.case.comparers.get(name)
        return found is not None and found.given

    def _judge_again(self) -> None:
        self.agreement.judge_again()
        if self.decisions is not None:
            self.decisions.judge_again()

    def measured_narrow(self, feeds: Sequence[Feeds]) -> None:
        """Widen the tolerances of conversions by what the reference, rounded to their type, shows of noise."""
        types = self.case.types
        if types is None or self.types is None:
            return
        for dtype in sorted({self.types.computed[name] for name in self.types.converted}):
            names = [name for name in self.types.converted if self.types.computed[name] == dtype]
            if types.rounded is not None:
                found = measure(
                    self._base_name, self._base, types.rounded(dtype), feeds, self._aligned(), self.limits.computed
                )
            elif types.own is not None:
                found = measure(self.case.backend, *types.own, feeds, self._aligned(), self.limits.computed)
            else:
                continue
            found = found.only(names)
            self.limits.noise = self.limits.noise.joined(found) if self.limits.noise is not None else found
        self._judge_again()

    def measured(self, feeds: Sequence[Feeds], variants: Variants | None = None) -> None:
        """Widen the tolerances by what *variants*, by default those of the reference, show of noise."""
        chosen = variants or self.noisy.variants
        assert chosen is not None
        if variants is None:
            self.measured_narrow(feeds)
            if self.limits.noise is not None and not self.noisy.always and not self.worth_measuring():
                return
        self.joined(measure(self._base_name, self._base, chosen, feeds, self._aligned(), self.limits.computed))

    def joined(self, found: Noise) -> None:
        """Tolerate *found* in addition to the noise that is known, and judge again."""
        self.limits.noise = self.limits.noise.joined(found) if self.limits.noise is not None else found
        self._judge_again()

    def look_at_summands(self) -> None:
        """Judge outputs near zero at the scale of what is added up for them, where they fail at their own."""
        ask, bad = self.noisy.summands, self.agreement.bad()
        if ask is None or not bad or self.agreement.problems or self.unjudged:
            return
        if not all(self.limits.free(name) and self.limits.lock(name) is None for name in bad):
            return
        self.limits.summands = ask(telling_samples(self.case, self.agreement))
        if self.limits.summands:
            self._judge_again()

    def _aligned(self) -> Aligned | None:
        """Lays the outputs of a variant as those of the reference lie, before its drift is taken."""
        comparers = self.case.comparers
        if not comparers:
            return None

        def aligned(name: str, run: Mapping[str, Array], base: Mapping[str, Array]) -> Array | None:
            comparer = comparers.get(holder(name, comparers))
            return (
                run[name]
                if comparer is None
                else comparer.aligned(name, Sample(VARIANT, run, base, self.limits.computed), self.limits)
            )

        return aligned

    def measure_noise(self) -> SecondLook | None:
        """Measure the noise where that could decide, and look a second time where a pass was narrow."""
        case, noisy = self.case, self.noisy
        wanted = noisy.always or self.worth_measuring()
        if noisy.variants is None or not wanted or self.agreement.problems or self.unjudged:
            return None
        chosen = telling_samples(case, self.agreement)
        self.measured(chosen)
        if not noisy.alike and not noisy.locked and not self.agreement.ok and self.worth_measuring():
            # Another engine adds up in another order, which no variant of the reference shows
            self.measured(chosen, self._rounded)
        if noisy.beside is not None and not noisy.locked and not self.agreement.ok and self.worth_measuring():
            self.joined(measure(*noisy.beside, chosen, self._aligned(), self.limits.computed))
        # Seeds and samples that the user chose are all that is asked for
        if not noisy.alike or case.seeds or case.inputs.files:
            return None
        from pytest_onnxaccel.checks.parity.resample import look_again  # few runs need their noise measured

        return look_again(self.agreement, self.limits, case.sample, self.compare, self.worth_measuring, self.measured)

    def add(self, index: int) -> bool:
        """Compare one more sample, within what it needs itself; False once the candidate fails."""
        feeds = self.case.sample(index)
        both = both_runs(self.case.candidate_session, self.case.reference_session, feeds)
        if both is not None:
            return self._add(index, feeds, both)
        # Several at once do not run, or one of them does not
        for one in self.case.one_by_one(index):
            both = both_runs(self.case.candidate_session, self.case.reference_session, one)
            if both is not None and not self._add(index, one, both):
                return False
        return True

    def _add(self, index: int, feeds: Feeds, both: tuple[Mapping[str, Array], Mapping[str, Array]]) -> bool:
        case, noisy = self.case, self.noisy
        large = WIDE <= index < BEYOND or LEVELLED <= index < TOGETHER
        # The noise of a narrow type was measured on the samples before
        own = of_large_inputs(self.limits) if large else replace(self.limits, floors=dict(self.limits.floors))
        own.tight = ()
        trial = replace(
            self.agreement,
            limit=own,
            problems=[],
            worst={},
            hardest={},
            needed={},
            flips={},
            empty={},
            whole={},
            remarks={},
            judged={},
        )
        trial.add(*both, index)
        if not trial.ok and self.look_at_types():
            own.computed = trial.computed = self.limits.computed
            trial.judge_again()
        # Rounding the inputs otherwise takes a few runs, and each variant of the model a load
        first = self._rounded if large or not (noisy.alike or noisy.locked) else None
        base = (self._base_name, self._base)
        tried = [(*base, variants) for variants in (first, noisy.variants) if variants is not None]
        for name, session, variants in (*tried, *([noisy.beside] if noisy.beside is not None else [])):
            if trial.problems or not worth_measuring(trial, own, None):
                break
            sides = zip((case.candidate_session, case.reference_session), both, strict=True)
            ran = [outputs for side, outputs in sides if side is session][:1] or None
            found = measure(name, session, variants, [feeds], self._aligned(), own.computed, ran)
            own.noise = own.noise.joined(found) if own.noise is not None else found
            trial.judge_again()
        if trial.ok:
            self.answers.add(feeds, both[1])
            self.agreement.samples += 1
            return True
        self.limits.noise = own.noise
        self._judge(index, feeds, *both)
        return False

    def result(self, look: SecondLook | None) -> CheckResult:
        """Return the verdict on everything that was compared."""
        case, agreement, limits = self.case, self.agreement, self.limits
        sides = (case.candidate_session, case.reference_session)
        result = CheckResult(
            case.model,
            "parity",
            Verdict.PASSED,
            backend=case.backend,
            reference=case.reference,
            batch=case.batch or case.inputs.batch,
            figures=figures_of(agreement, limits, self.decisions, look, self.noisy.always) | self._conversion(),
            notes=(
                *case.notes,
                *notes_of(*sides, agreement, limits, self.decisions, look),
                *self._of_types(),
            ),
        )
        if self.types is not None and self.types.quantised and not agreement.problems:
            plain = {n: nodes for n, nodes in self.types.quantised.items() if n not in case.comparers}
            left = Quantised.of(case.samples(), *sides, plain)
            result = result.with_(figures={**result.figures, "quantised": left.figures()})
            if self.unjudged and set(agreement.bad()) == set(self.unjudged):
                return open_verdict(result, left.only(self.unjudged), agreement, self.decisions, self.unjudged)
        result = ruled(result, agreement, limits, self.decisions, sides, self._worst_feeds)
        if case.telling is None:
            return result
        return case.telling.judged(result, self.answers, case.reference_session.run)

    def _conversion(self) -> dict[str, str]:
        """Return the figures: the float type that one side is a conversion to."""
        found = self.types.type if self.types is not None else ""
        return {"conversion": found} if found else {}

    def _of_types(self) -> tuple[str, ...]:
        told = self.case.types.notes if self.case.types is not None else ()
        return (*told, self.types.note()) if self.types is not None and self.types.note() else told

    def _worst_feeds(self) -> Feeds:
        return self.case.sample(next((self.agreement.worst[name]["sample"] for name in self.agreement.bad()), 0))
