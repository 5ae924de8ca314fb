"""The proof that a session at another batch is still the model: N distinct samples at once against their own runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.backends.protocol import Session
from pytest_onnxaccel.checks.batch import permutation as shuffle
from pytest_onnxaccel.checks.batch.single_runs import SingleRuns
from pytest_onnxaccel.checks.parity.comparison import Agreement
from pytest_onnxaccel.core.errors import ModelError, OnnxAccelError
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.printing import counted
from pytest_onnxaccel.core.specs import Tolerance
from pytest_onnxaccel.numerics.sampling.input_sets import Inputs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_onnxaccel.backends.protocol import Array

#: Ways to get a session at a batch size, cheapest first: how it was obtained, and the session or why there is none.
BatchSessions = Callable[[int], Iterator[tuple[str, Session | OnnxAccelError]]]


#: A difference past this share of an output's range is no noise, which need not be measured then.
_GROSS = 0.3


@record(frozen=True)
class Proof:
    """Whether a session at batch *size* gives what the original gives, and how it was obtained.

    Attributes:
        agreement: of the samples in their order, or of the step that failed.
        error: why there was nothing to compare.
        step: what was done to the samples when it failed; empty for the samples in their order.
        full: samples were also permuted, and one of them replaced.
    """

    size: int
    method: str
    agreement: Agreement
    error: str = ""
    step: str = ""
    full: bool = False

    @property
    def ok(self) -> bool:
        """It runs, and every sample agrees."""
        return not self.error and self.agreement.ok

    def why(self) -> str:
        """Return what went wrong."""
        return self.error or self.step + self.agreement.message()

    def figures(self) -> dict[str, Any]:
        """Return the figures of the comparison; ``samples`` are those that went into one batch."""
        return {**self.agreement.summary(), "samples": self.size}


@record(frozen=True)
class Prover:
    """Proves sessions at other batch sizes against one original.

    Attributes:
        singles: the original's own runs.
        inputs: the original's inputs.
        make: a new comparison with the tolerances that hold.
        full: permute the samples and replace one as well, from two samples on.
        noise: absolute tolerances by output that measured noise asks for, asked where the default is passed.
    """

    single_runs: SingleRuns
    inputs: Inputs
    make: Callable[[], Agreement]
    full: bool = False
    noise: Callable[[], Mapping[str, float]] | None = None

    def prove(self, size: int, method: str, session: Session) -> Proof:
        """Feed *size* distinct samples at once and compare with the original's own runs of them.

        Raises:
            OnnxAccelError: a worker died; or ``V_BATCH``, the original's runs do not combine.
        """
        full = self.full and size > 1
        empty = self.make()
        key = (size, method, empty.tolerance, tuple(sorted(empty.outputs.items(), key=lambda item: item[0])))
        known = self.single_runs.proofs.get(key)
        if known is None or (full and not known.full):
            known = self._prove(size, method, session, empty, full)
            if known.ok:
                self.single_runs.proofs[key] = known
        return known

    def _prove(self, size: int, method: str, session: Session, agreement: Agreement, full: bool) -> Proof:
        expected, feeds = self.single_runs.outputs(size), self.inputs.feeds(0, size)
        got = _run(session, feeds)
        if isinstance(got, str):
            return Proof(size, method, agreement, f"batch {size} does not run: {got}")
        agreement = self._agreed(got, expected, agreement)
        if not full or not agreement.ok:
            return Proof(size, method, agreement)
        return self._shuffled(size, session, feeds, expected) or Proof(size, method, agreement, full=True)

    def _agreed(self, got: Mapping[str, Array], expected: Mapping[str, Array], agreement: Agreement) -> Agreement:
        """Add these outputs to *agreement*; where they differ by what may be noise, within what was measured of it."""
        got = {name: array for name, array in got.items() if name not in self.inputs.whole}
        agreement.add(got, expected)
        if agreement.ok or agreement.problems or self.noise is None:
            return agreement
        free = [n for n in agreement.bad() if agreement.outputs.get(n, agreement.tolerance).atol is None]
        gross = any(agreement.worst[n].get("max_rel_range", math.inf) > _GROSS for n in free)
        if gross or len(free) < len(agreement.bad()):
            return agreement
        measured = self.noise()
        near = all(agreement.worst[n].get("needed_atol", math.inf) <= measured.get(n, 0.0) for n in free)
        if not near:
            return agreement
        given = {n: agreement.outputs.get(n, agreement.tolerance) for n in free}
        wider = {n: Tolerance(own.rtol, measured[n], "measured noise") for n, own in given.items()}
        again = replace(self.make(), outputs={**agreement.outputs, **wider})
        again.add(got, expected)
        return again

    def _shuffled(
        self, size: int, session: Session, feeds: Mapping[str, Array], expected: Mapping[str, Array]
    ) -> Proof | None:
        """Return the proof that failed when samples were permuted and one was replaced; None when none did."""
        mixed = shuffle.permuted(feeds, self.inputs, size)
        method, place = "", shuffle.replaced_index(size)
        got: dict[str, Array] | str = ""
        for far in (True, False):
            # A sample far out of range may be more than the model takes, which says nothing of the batch
            got = _run(session, shuffle.replaced_sample(mixed, self.inputs, size, far))
            if not isinstance(got, str):
                break
        if isinstance(got, str):
            return Proof(size, method, self.make(), f"batch {size} does not run with other samples: {got}")
        agreement = self._agreed(*shuffle.compared(got, expected, self.single_runs.joins, size, place), self.make())
        if agreement.ok:
            return None
        # Which of the two it was is asked only now, because it rarely is either
        again = _run(session, mixed)
        alone = self.make()
        if not isinstance(again, str):
            again = {name: array for name, array in again.items() if name not in self.inputs.whole}
            alone.add(*shuffle.compared(again, expected, self.single_runs.joins, size))
            if not alone.ok:
                return Proof(size, method, alone, step="the order of the samples changes their results: ")
        return Proof(size, method, agreement, step="one sample changes the results of the others: ")

    def own_batch(self, session: Session) -> str:
        """Return why the samples that one run of the original takes depend on each other; empty when they do not.

        Of a model that is frozen to several samples: its axis 0 may be time, or a batch that it mixes.
        """
        size, expected = self.single_runs.own, self.single_runs.block(0)
        for name in expected:
            how = self.single_runs.joins.get(name)
            if how is not None and how["join"] == "stack":
                return f"output {name!r} is one result for {size} samples"
        if self.single_runs.without_batch():
            return ""
        failed = self._shuffled(size, session, self.inputs.feeds(0), expected)
        return "" if failed is None else failed.why()

    def first(self, size: int, batch_sessions: Iterable[tuple[str, Session | OnnxAccelError]]) -> Found:
        """Return the first of *ways* that is proven, and the ones that were tried and refuted before it."""
        refuted: list[Proof] = []
        for method, session in batch_sessions:
            if isinstance(session, OnnxAccelError):
                refuted.append(Proof(size, method, self.make(), session.cause))
                continue
            proof = self.prove(size, method, session)
            failed = self.other_lengths(size, proof.method, session) if proof.ok and self.full else None
            proof = failed or proof
            if proof.ok:
                return Found(proof, session, refuted)
            refuted.append(proof if proof.method else _named(proof, method))
        return Found(None, None, refuted)

    def other_lengths(self, size: int, method: str, session: Session) -> Proof | None:
        """Return the proof that failed at another one of the lengths that are tried; None where none did.

        A length that the original itself does not take at *size* proves nothing, and fails nothing.
        """
        for variant in range(1, self.inputs.variants):
            inputs = self.inputs.at(variant)
            prover = Prover(self.single_runs.at(inputs), inputs, self.make)
            try:
                proof = prover.prove(size, method, session)
            except ModelError as error:
                if error.code not in ("E_RUN", "E_INPUT", "V_BATCH"):
                    raise
                continue
            if not proof.ok:
                return proof
        return None

    def unstable(self) -> str:
        """Return the outputs that differ between two equal runs of the original: nothing can be proven about them.

        To be asked first: a seeded source of noise can give the same numbers to a batch as to its samples.
        """
        if self.single_runs.stable:
            return ""
        again, first, agreement = self.single_runs.again(), self.single_runs.block(0), self.make()
        agreement.add(again, first)
        if agreement.ok:
            self.single_runs.stable = True
            return ""
        worst = [name for name, found in agreement.worst.items() if found["bad_share"]]
        named = counted([f"output {name!r}" for name in worst]) or agreement.message()
        return f"two equal runs of the model differ ({named}), so nothing can be proven about its batch"


@record(frozen=True)
class Found:
    """What :meth:`Prover.first` found: the proof with its session, or only refuted ones."""

    proof: Proof | None
    session: Session | None
    refuted: list[Proof] = field(default_factory=list)


def _named(proof: Proof, method: str) -> Proof:
    return Proof(proof.size, method, proof.agreement, proof.error, proof.step)


def _run(session: Session, feeds: Mapping[str, Array]) -> dict[str, Array] | str:
    """Return the outputs, or why it does not run; a worker that dies is an error of its own."""
    try:
        return dict(session.run(feeds))
    except ModelError as error:
        if error.code not in ("E_RUN", "E_INPUT"):
            raise
        return error.cause
