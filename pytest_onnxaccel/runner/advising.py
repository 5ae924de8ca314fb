"""Tries what advice says is worth trying on one model in one backend: file, proof, timing, the combination, the files.

Nothing is timed before it gave the outputs of the model as shipped, within the model's own tolerances.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.checks import advice as decide
from pytest_onnxaccel.checks.advice import Advice, Finding, Gain, Outcome, Setup, Trial
from pytest_onnxaccel.checks.agreement import Agreement
from pytest_onnxaccel.errors import OnnxAccelError
from pytest_onnxaccel.runner import advice_files
from pytest_onnxaccel.runner.duel import duel
from pytest_onnxaccel.runner.engines import Engines
from pytest_onnxaccel.runner.plan import available
from pytest_onnxaccel.runner.subject import Ready, Subject
from pytest_onnxaccel.runner.throughput import batch_finding
from pytest_onnxaccel.runner.variants import Variants

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.guard import GuardedSession
    from pytest_onnxaccel.backends.protocol import Array

#: Distinct inputs on which a candidate must give what the model as shipped gives.
SAMPLES = 5
#: Seconds after which nothing further is tried.
SECONDS = 240.0


class NotTheModel(Exception):
    """A candidate that gives other outputs than the model as shipped, or none; the reason as its text."""


class Advising:
    """One model in one backend at one batch.

    Args:
        path: of the file that is asked about; None for the model as it is.
        batch: of the samples; None for the model's own.
        threads: intra-op threads that the budget pins.
    """

    def __init__(
        self,
        subject: Subject,
        engines: Engines,
        backend: str,
        ready: Ready,
        path: str | None = None,
        batch: int | None = None,
        threads: int | None = None,
    ) -> None:
        self._subject = subject
        self._engines = engines
        self._backend = backend
        self._ready = ready
        self._batch = batch
        self._base = LoadOptions(threads=threads)
        self._source = path or subject.path
        self._shown = os.path.basename(subject.spec.path)
        folder = os.path.join(subject.folder, f"advice-{backend}-{batch or 0}")
        self._variants = Variants(subject.graph, self._source, self._shown, folder)
        self._feeds = [ready.settled.inputs.feeds(index, batch) for index in range(SAMPLES)]
        self._shipped: GuardedSession = subject.session(backend, path, self._base)
        self._expected: list[Mapping[str, Array]] = []

    def advise(self, target: str = "") -> Advice:
        """Try everything that applies, and write what is advised below the folder *target*, where one is named.

        Raises:
            OnnxAccelError: the model as shipped fails, or the folder cannot be written.
        """
        end = time.monotonic() + SECONDS
        self._expected = [self._shipped.run(feeds) for feeds in self._feeds]
        unstable = self._differs(self._shipped.run(self._feeds[0]), 0)
        if unstable:
            return Advice((), limit=f"two equal runs of the model differ, so that nothing can be proven: {unstable}")
        listed, found = decide.trials(self._around())
        sure = decide.confidence(len(listed))
        tried: list[tuple[Trial, Finding]] = []
        late: list[str] = []
        for trial in listed:
            if time.monotonic() > end:
                late.append(trial.title)
                continue
            tried.append((trial, self._tried(trial, sure)))
        findings = (*(finding for _, finding in tried), *found)
        setup, titles, left = decide.combined(decide.winners(tried), lambda a, b: self._further(a, b, sure))
        advice = Advice(findings, setup, titles, left=left)
        if late:
            advice = replace(advice, limit=f"{', '.join(late)}: the time was up after {SECONDS:g} s")
        if titles:
            advice = advice.confirmed(self._further(Setup(), setup, 0.975))
        if self._batch is None:
            advice = replace(advice, throughput=batch_finding(self._subject, self._backend, self._ready, self._base))
        return self._written(advice, target) if target and advice.advised else advice

    def _around(self) -> decide.Surroundings:
        engines = self._engines
        names = available(engines.backend, engines.availability)
        others = [n for n in names if n != self._backend and engines.backend(n).role == "runtime"]
        return decide.Surroundings(
            self._subject.info,
            tuple(getattr(engines.backend(self._backend), "tunes", ())),
            self._base.threads,
            len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
            tuple(n for n in others if not engines.backend(n).environment),
        )

    # -- one trial --------------------------------------------------------------------------------------------

    def _tried(self, trial: Trial, sure: float) -> Finding:
        variant = self._variants.file(trial.setup.steps)
        if variant.reason:
            return Finding(trial.kind, trial.title, Outcome.NOT_APPLICABLE, why=variant.reason)
        if variant.refused:
            return Finding(trial.kind, trial.title, Outcome.REFUSED, why=variant.refused)
        try:
            with self._proven(trial.setup) as (session, error):
                return decide.judged(trial, self._timed(self._shipped, session, sure), error)
        except NotTheModel as refusal:
            return Finding(trial.kind, trial.title, Outcome.REFUSED, why=str(refusal))

    def _further(self, before: Setup, after: Setup, sure: float) -> Gain | None:
        """The gain of *after* over *before*; None where *after* is not the model."""
        try:
            with self._proven(after) as (new, _), self._proven(before) as (old, _):
                return self._timed(old, new, sure)
        except NotTheModel:
            return None

    def _timed(self, first: Any, second: Any, sure: float) -> Gain:
        return duel((first, self._feeds[0]), (second, self._feeds[0]), sure)

    @contextmanager
    def _proven(self, setup: Setup) -> Iterator[tuple[GuardedSession, float | None]]:
        """A session of *setup* that gives what the model as shipped gives, and its largest difference from it.

        Raises:
            NotTheModel: it does not.
        """
        if setup == Setup():
            yield self._shipped, 0.0
            return
        name, path = setup.backend or self._backend, self._variants.file(setup.steps).path
        options = replace(self._base, **setup.options)
        try:
            session = self._subject.session(name, path, options)
        except OnnxAccelError as error:
            raise NotTheModel(error.cause) from None
        try:
            yield session, self._proof(session)
        finally:
            if session is not self._shipped:
                self._subject.drop(name, path, options)

    def _proof(self, session: GuardedSession) -> float | None:
        agreement = self._agreement()
        for feeds, expected in zip(self._feeds, self._expected, strict=True):
            try:
                agreement.add(session.run(feeds), expected)
            except OnnxAccelError as error:
                raise NotTheModel(error.cause) from None
            if not agreement.ok:
                raise NotTheModel(agreement.message())
        worst: float | None = agreement.summary().get("max_abs")
        return worst

    def _differs(self, outputs: Mapping[str, Array], sample: int) -> str:
        agreement = self._agreement()
        agreement.add(outputs, self._expected[sample])
        return "" if agreement.ok else agreement.message()

    def _agreement(self) -> Agreement:
        spec = self._subject.spec
        return Agreement(("the candidate", "the model as shipped"), spec.tolerance, spec.output_tolerances)

    # -- files ------------------------------------------------------------------------------------------------

    def _written(self, advice: Advice, target: str) -> Advice:
        name = advice.setup.backend or self._backend
        path = self._variants.file(advice.setup.steps).path
        options = replace(self._base, **advice.setup.options)
        facts = self._subject.session(name, path, options).info.facts
        external: Sequence[str] = self._subject.graph("inspect", path=path)["external"]
        folder = advice_files.folder_of(target, self._subject.spec.name, self._backend, self._batch)
        files = advice_files.write(folder, path, self._shown, external, options, advice, facts, name)
        return replace(advice, files=files)
