"""Tries what advice says is worth trying on one model in one backend: file, proof, timing, the combination, the files.

Nothing is timed before it gave the outputs of the model as shipped, within the model's own tolerances.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.checks.advice import recommend as decide
from pytest_onnxaccel.checks.advice.candidates import Setup, Surroundings, Trial, trials
from pytest_onnxaccel.checks.advice.recommend import Advice
from pytest_onnxaccel.checks.advice.speedup import Finding, Gain, Outcome
from pytest_onnxaccel.checks.parity.check import sample
from pytest_onnxaccel.checks.parity.comparison import Agreement
from pytest_onnxaccel.checks.reach.answers import Answers, remedy
from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.core.printing import file_name
from pytest_onnxaccel.runner.advice import write_files as advice_files
from pytest_onnxaccel.runner.advice.model_variants import Variants
from pytest_onnxaccel.runner.latency.paired_timing import TRIAL, WHOLE, Opens, paired_timing
from pytest_onnxaccel.runner.latency.throughput import batch_finding
from pytest_onnxaccel.runner.latency.timing_sessions import TimedModel
from pytest_onnxaccel.runner.plan import available

if TYPE_CHECKING:
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
        threads: intra-op threads that the budget pins.
    """

    def __init__(self, model: TimedModel, threads: int | None = None) -> None:
        session, backend, batch = model.model_session, model.backend, model.batch
        self._model = model
        self._model_session = session
        self._backend = backend
        self._base = LoadOptions(threads=threads)
        self._source = model.path or session.path
        self._shown = file_name(os.path.basename(session.spec.path))
        folder = os.path.join(session.folder, f"advice-{backend}-{batch or 0}")
        self._variants = Variants(session.graph, self._source, self._shown, folder)
        inputs = model.ready.resolved.inputs
        self._feeds = [sample(inputs, (), batch, index) for index in range(max(SAMPLES, inputs.variants))]
        # What is timed is the longest of the lengths that are tried, the first of several
        self._timed = max(self._feeds, key=lambda feeds: sum(array.nbytes for array in feeds.values()))
        self._expected: list[Mapping[str, Array]] = []
        self._proofs: dict[str, float | NotTheModel | None] = {}

    def advise(self, target: str = "", seconds: float = SECONDS, whole: bool = True) -> Advice:
        """Try everything that applies, and write what is advised below the folder *target*, where one is named.

        Args:
            seconds: after which nothing further is tried.
            whole: time what is advised once more as a whole, and other batch sizes; not where the caller does that.

        Raises:
            OnnxAccelError: the model as shipped fails, or the folder cannot be written.
        """
        end = time.monotonic() + seconds
        if why := self._cannot_prove():
            return Advice((), limit=why)
        listed, found = trials(self._around())
        tried: list[tuple[Trial, Finding]] = []
        late: list[str] = []
        for trial in listed:
            if time.monotonic() > end:
                late.append(trial.title)
                continue
            tried.append((trial, self._tried(trial)))
        findings = (*(finding for _, finding in tried), *found)
        setup, titles, left = decide.combined(decide.winners(tried), self._further)
        advice = Advice(findings, setup, titles, left=left)
        if late:
            advice = replace(advice, limit=f"{', '.join(late)}: the time was up after {seconds:.0f} s")
        if titles and whole:
            advice = advice.confirmed(self._further(Setup(), setup, WHOLE))
        if self._model.batch is None and whole:
            advice = replace(advice, throughput=batch_finding(self._model, self._base))
        return self._written(advice, target) if target and advice.advised else advice

    def setup_of(self, titles: Sequence[str]) -> Setup | None:
        """Return what was advised under *titles*, proven once more.

        None when that is nothing that can be tried here, or when it is not the model.

        Raises:
            OnnxAccelError: the model as shipped fails.
        """
        known = {trial.title: trial.setup for trial in trials(self._around())[0]}
        if not all(title in known for title in titles) or self._cannot_prove():
            return None
        setup = Setup()
        for title in titles:
            setup = setup.with_(known[title])
        try:
            self._proven(setup)
        except NotTheModel:
            return None
        return setup

    def opens(self, setup: Setup) -> Opens:
        """Open sessions of *setup*, exactly as advised."""
        return self._opens(setup)

    def _cannot_prove(self) -> str:
        """Run the model as shipped: why nothing can be proven by what it gives, or nothing."""
        with closing(self._opens(Setup())()) as shipped:
            self._expected = [shipped.run(feeds) for feeds in self._feeds]
            answers = Answers()
            for feeds, outputs in zip(self._feeds, self._expected, strict=True):
                answers.add(feeds, outputs)
            again = self._agreement()
            again.add(shipped.run(self._feeds[0]), self._expected[0])
        if not again.ok:
            return f"two equal runs of the model differ, so that nothing can be proven: {again.message()}"
        if answers.hollow():
            what = remedy([], self._model.ready.resolved.inputs, self._model_session.spec.name)
            return f"{answers.told(answers.silent())}, so that nothing can be proven: {what}"
        return ""

    def _around(self) -> Surroundings:
        engines = self._model.engines
        names = available(engines.backend, engines.availability)
        others = [n for n in names if n != self._backend and engines.backend(n).role == "runtime"]
        rows = {n: row for n in (*others, self._backend) if (row := getattr(engines.backend(n), "row", None))}
        others = [n for n in others if n in rows or not engines.backend(n).environment]
        return Surroundings(
            self._model_session.info,
            tuple(getattr(engines.backend(self._backend), "tunes", ())),
            self._base.threads,
            len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
            tuple(others),
            {"" if n == self._backend else n: row.tries for n, row in rows.items()},
        )

    # -- one trial --------------------------------------------------------------------------------------------

    def _tried(self, trial: Trial) -> Finding:
        variant = self._variants.file(trial.setup.steps)
        if variant.reason:
            return Finding(trial.kind, trial.title, Outcome.NOT_APPLICABLE, why=variant.reason)
        try:
            if variant.refused:
                raise NotTheModel(variant.refused)
            error = self._proven(trial.setup)
            return decide.judged(trial, self._paired_timing(Setup(), trial.setup), error)
        except NotTheModel as refusal:
            return Finding(trial.kind, trial.title, Outcome.REFUSED, why=str(refusal))

    def _further(self, before: Setup, after: Setup, looks: tuple[int, ...] = TRIAL) -> Gain | None:
        """Return the gain of *after* over *before*; None where *after* is not the model."""
        try:
            self._proven(after)
            return self._paired_timing(before, after, looks)
        except NotTheModel:
            return None

    def _paired_timing(self, before: Setup, after: Setup, looks: tuple[int, ...] = TRIAL) -> Gain:
        feeds = self._timed
        # Sessions that take turns would spin against each other, so they do only where that is the question
        asked = {"spin", "threads"} & {*before.options, *after.options} or looks is WHOLE
        quiet: dict[str, object] = {} if asked else {"spin": False}
        try:
            return paired_timing((self._opens(before, quiet), feeds), (self._opens(after, quiet), feeds), looks)
        except OnnxAccelError as error:
            raise NotTheModel(error.cause) from None

    def _options(self, setup: Setup) -> LoadOptions:
        return replace(self._base, **setup.options)

    def _opens(self, setup: Setup, changes: Mapping[str, Any] | None = None) -> Opens:
        path, options = self._variants.file(setup.steps).path, replace(self._options(setup), **(changes or {}))
        return partial(self._model_session.fresh, setup.backend or self._backend, path, options)

    def _proven(self, setup: Setup) -> float | None:
        """Return the largest difference of *setup* from the model as shipped, over all samples.

        Raises:
            NotTheModel: it is past the tolerance, or it does not run.
        """
        key = repr(setup)
        if key not in self._proofs:
            try:
                self._proofs[key] = self._proof(setup)
            except NotTheModel as refusal:
                self._proofs[key] = refusal
        known = self._proofs[key]
        if isinstance(known, NotTheModel):
            raise known
        return known

    def _proof(self, setup: Setup) -> float | None:
        agreement = self._agreement()
        try:
            with closing(self._opens(setup)()) as session:
                for feeds, expected in zip(self._feeds, self._expected, strict=True):
                    agreement.add(session.run(feeds), expected)
                    if not agreement.ok:
                        raise NotTheModel(f"outputs differ: {agreement.message()}")
        except OnnxAccelError as error:
            raise NotTheModel(error.cause) from None
        worst: float | None = agreement.summary().get("max_abs")
        return worst

    def _agreement(self) -> Agreement:
        spec = self._model_session.spec
        return Agreement(("the candidate", "the model as shipped"), spec.tolerance, spec.output_tolerances)

    # -- files ------------------------------------------------------------------------------------------------

    def _written(self, advice: Advice, target: str) -> Advice:
        name, path = advice.setup.backend or self._backend, self._variants.file(advice.setup.steps).path
        options = self._options(advice.setup)
        with closing(self._opens(advice.setup)()) as session:
            facts = session.info.facts
        external: Sequence[str] = self._model_session.graph("inspect", path=path)["external"]
        folder = advice_files.folder_of(target, self._model_session.spec.name, self._backend, self._model.batch)
        advised = advice_files.AdvisedFile(path, self._shown, name, options, external, facts)
        files = advice_files.write(folder, advised, advice)
        return replace(advice, files=files)
