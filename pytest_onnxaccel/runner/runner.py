"""Runs one check after another, and turns whatever goes wrong on the way into a verdict."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Any

from pytest_onnxaccel.checks.batch.check import batch
from pytest_onnxaccel.checks.contract import contract
from pytest_onnxaccel.checks.find_inputs import on_guessed_sizes, sized
from pytest_onnxaccel.checks.hygiene import hygiene
from pytest_onnxaccel.checks.interface import input_problems
from pytest_onnxaccel.checks.parity.check import parity
from pytest_onnxaccel.checks.reach.sensitivity import Reach, with_reach
from pytest_onnxaccel.checks.reach.telling import Telling
from pytest_onnxaccel.checks.structure import structure
from pytest_onnxaccel.core.errors import BackendUnavailable, OnnxAccelError
from pytest_onnxaccel.core.printing import identifier
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import ModelInfo, ModelSpec
from pytest_onnxaccel.core.unexpected import as_error
from pytest_onnxaccel.numerics.sampling.input_sets import Inputs
from pytest_onnxaccel.runner.fault_verdict import ElsewhereFault, verdict_of
from pytest_onnxaccel.runner.machine_lock import MachineLock
from pytest_onnxaccel.runner.reach import Reaching
from pytest_onnxaccel.runner.request import GOLDEN, Request, RunOptions
from pytest_onnxaccel.runner.sessions import noise_variants as noise
from pytest_onnxaccel.runner.sessions.batch_sessions import batch_sessions
from pytest_onnxaccel.runner.sessions.comparison_sides import ComparisonSide
from pytest_onnxaccel.runner.sessions.engines import Engines
from pytest_onnxaccel.runner.sessions.model_session import ModelSession, Ready
from pytest_onnxaccel.runner.sessions.model_sessions import ModelSessions
from pytest_onnxaccel.runner.sessions.prefetch import Prefetch
from pytest_onnxaccel.runner.sessions.reference_side import opposite


class Runner:
    """Runs checks on the models of one run.

    Args:
        specs: the models, by which requests name them.
        backends: backends of the run by model, in the order in which they settle inputs.
        leases: shared with other processes of the same run; None when there are none.
        engines: to run on, where some were started ahead.
        prefetch: what was begun ahead for the first model.
    """

    def __init__(
        self,
        specs: Sequence[ModelSpec],
        backends: Mapping[str, tuple[str, ...]],
        options: RunOptions,
        machine_lock: MachineLock | None = None,
        engines: Engines | None = None,
        prefetch: Prefetch | None = None,
    ) -> None:
        self._backends = backends
        self._options = options
        self._machine_lock = machine_lock
        self.engines = engines or Engines(options)
        #: Its models, opened one at a time
        self.model_sessions = ModelSessions(specs, backends, self.engines, options.seed, prefetch)
        self._reaching = Reaching(self.engines)
        self._advice: dict[tuple[object, ...], dict[str, Any]] = {}
        self._checks: dict[str, Callable[[Request, ModelSession], CheckResult]] = {
            "structure": self._structure,
            "hygiene": self._hygiene,
            "contract": self._contract,
            "parity": self._parity,
            "batch": self._batch,
            "latency": self._latency,
        }

    def check(self, request: Request) -> CheckResult:
        """Run one check; whatever the model or a runtime does becomes a result."""
        exclusive = request.check == "latency"
        held: AbstractContextManager[object] = nullcontext()
        if self._machine_lock is not None:
            held = self._machine_lock.exclusive() if exclusive else self._machine_lock.shared()
        start = time.perf_counter()
        try:
            with held:
                start = time.perf_counter()
                result = self._checks[request.check](request, self.model_sessions.of(request.model))
        except self._options.let_through:
            raise
        except BaseException as error:  # libraries raise what is not an Exception too (SystemExit, panics)
            spec = self.model_sessions.spec(request.model)
            result = verdict_of(as_error(error), request, self.engines, self._options.required, spec)
        return result.with_(duration_s=time.perf_counter() - start)

    # -- the checks -------------------------------------------------------------------------------------------

    def _structure(self, request: Request, model_session: ModelSession) -> CheckResult:
        info = model_session.info
        return structure(request.model, info, model_session.graph("structure", path=model_session.path))

    def _hygiene(self, request: Request, model_session: ModelSession) -> CheckResult:
        self._taken(request, model_session)
        findings = model_session.graph("hygiene", path=model_session.path)
        warnings: dict[str, None] = {}
        for name in self._backends.get(request.model, ()):
            if self.engines.backend(name).role != "runtime" or self.engines.backend(name).environment:
                continue
            try:
                warnings |= dict.fromkeys(model_session.session(name).info.warnings)
            except OnnxAccelError:
                continue  # the contract check says so
        return hygiene(request.model, findings, list(warnings), self._options.fail_on_hygiene)

    def _contract(self, request: Request, model_session: ModelSession) -> CheckResult:
        info = self._taken(request, model_session)
        ready = model_session.ready(request.backend)
        result = sized(contract(request.model, request.backend, info, ready.session, ready.resolved), ready.resolved)
        result = model_session.golden.told_in(result)
        # It has just compared two equal runs, so that the proof of a batch need not
        ready.single_runs.stable = ready.single_runs.stable or result.verdict is Verdict.PASSED
        if result.verdict is not Verdict.PASSED:
            return result
        return with_reach(result, self._telling(request, model_session, ready).ask())

    def _parity(self, request: Request, model_session: ModelSession) -> CheckResult:
        self._taken(request, model_session)
        if request.reference == GOLDEN:
            from pytest_onnxaccel.runner.golden_replay import replay

            return replay(request, model_session, self._options, partial(self._ready, request, model_session))
        ready, path = self._ready(request, model_session, request.backend), self._file(request, model_session)
        candidate = ready.session if path is None else model_session.session(request.backend, path)
        problems = self._unlike(request, model_session)
        shown = identifier(request.reference.rpartition("/")[2])
        if problems:
            return CheckResult(
                request.model, "parity", Verdict.FAILED, "V_CONTRACT", problems[0], request.backend, shown,
                request.batch, details=tuple(problems[1:]),
            )  # fmt: skip
        inputs = self._with_beyond(request, ready)
        against = opposite(
            request,
            model_session,
            path,
            self.model_sessions.other,
            lambda name: self._ready(request, model_session, name),
        )
        result = parity(
            request.model, request.backend, shown, candidate, against.session, inputs,
            request.tolerance or model_session.spec.tolerance,
            {} if request.tolerance else model_session.spec.output_tolerances,
            request.seeds, request.batch, ready.single_runs.block if path is None else None,
            noise.noisy(
                self._options, request.model, request.backend, shown, against.variants, against.alike,
                candidate if against.borrowed else None,
            ),
            request.decision or model_session.spec.decision, replace(self._telling(request, model_session, ready), inputs=inputs),
        )  # fmt: skip
        result = sized(noise.elsewhere(result, request.reported), ready.resolved)
        if result.verdict is Verdict.FAILED and self._options.localise:
            from pytest_onnxaccel.runner.localise.localise import looked_into, worst_sample

            ours = ComparisonSide(request.backend, model_session, request.backend, path)
            theirs = against.side(inputs.for_sample(worst_sample(result)))
            if theirs is None and request.source is not None:
                from pytest_onnxaccel.runner.localise.no_graph import not_looked_into

                return not_looked_into(
                    result, request, ours, request.source, against.session, inputs, self.engines, self._options.failures
                )
            if theirs is not None:
                backends = self._backends.get(request.model, ())
                both = (ours, theirs)
                return looked_into(result, request, both, inputs, backends, self.engines, self._options.failures)
        return result

    def _with_beyond(self, request: Request, ready: Ready) -> Inputs:
        """Return the inputs that run, and what the other file tells of more of them."""
        inputs = ready.resolved.inputs
        if request.source is not None or not request.reference.endswith(".onnx"):
            return inputs
        try:
            return inputs.with_beyond(self.model_sessions.other(request.reference).facts.domains)
        except OnnxAccelError:
            return inputs  # what stands against the file is told where it is run

    def _unlike(self, request: Request, model_session: ModelSession) -> list[str]:
        """Return why the model and the other file that it is compared with cannot be fed the same."""
        if request.source is not None or not request.reference.endswith(".onnx"):
            return []
        other = self.model_sessions.other(request.reference)
        return input_problems(model_session.info.inputs, other.info.inputs, (model_session.spec.name, other.spec.name))

    def _batch(self, request: Request, model_session: ModelSession) -> CheckResult:
        self._taken(request, model_session)
        ready = self._ready(request, model_session, request.backend)
        sizes = request.sizes or model_session.spec.batch.sizes
        result = batch(
            request.model, request.backend, ready.session, ready.resolved.inputs, batch_sessions(model_session, request.backend),
            sizes, request.tolerance or model_session.spec.tolerance,
            {} if request.tolerance else model_session.spec.output_tolerances, model_session.candidates.holders, ready.single_runs,
            wide=not request.sizes, memory=self._options.limits.memory, telling=self._telling(request, model_session, ready),
        )  # fmt: skip
        return sized(result, ready.resolved)

    def _latency(self, request: Request, model_session: ModelSession) -> CheckResult:
        from pytest_onnxaccel.runner.advice.latency_advice import (
            advises,
            has_scenario,
            in_a_row,
            with_advice,
            with_scenario,
        )
        from pytest_onnxaccel.runner.latency import check as latency
        from pytest_onnxaccel.runner.latency.timing_sessions import Bench

        self._taken(request, model_session)
        budget = request.budget if request.budget is not None else model_session.spec.budget
        if budget.speedup_over is not None and budget.speedup_over[0] == request.backend:
            budget = replace(budget, speedup_over=None)  # asked of the others
        ready, path = self._ready(request, model_session, request.backend), self._file(request, model_session)
        baseline: tuple[str, str] = ("", "")
        notes: tuple[str, ...] = ()
        if budget.regression is not None:
            try:
                baseline = latency.baseline(
                    model_session,
                    budget.regression[1],
                    self.model_sessions.other,
                    request.backend,
                    request.batch if path else None,
                )
            except latency.NoBaseline as error:
                budget, notes = replace(budget, regression=None), (f"nothing to be slower than: {error}",)
                if not budget:
                    raise
        course = latency.Course(
            request.model, request.backend, path, ready.resolved.inputs, request.batch, in_a_row(budget), baseline,
            notes, self._options.required, self._options.seed,
        )  # fmt: skip
        result = latency.check(course, lambda fresh: Bench(model_session, self.engines, fresh))
        if has_scenario(budget):
            result = with_scenario(
                result, request, model_session, self.engines, ready, budget, path, self._options.seed
            )
        if advises(budget, self._options):
            result = with_advice(
                result, request, model_session, self.engines, ready, budget, path, self._options, self._advice
            )
        return on_guessed_sizes(sized(result, ready.resolved), ready.resolved, bool(budget))

    # -- what the checks share --------------------------------------------------------------------------------

    def _telling(self, request: Request, model_session: ModelSession, ready: Ready) -> Telling:
        """Return how telling a check's inputs are, measured in the ONNX file of the reference, or else in its own."""
        inputs, backends = ready.resolved.inputs, (request.backend, *self._backends.get(request.model, ()))

        def ask() -> Reach:
            other = request.check == "parity" and request.source is None and request.reference.endswith(".onnx")
            where = self.model_sessions.other(request.reference) if other else model_session
            return self._reaching.of(where, inputs, backends)

        return Telling(request.model, inputs, ask, model_session.spec.reach, bool(request.seeds))

    def _taken(self, request: Request, model_session: ModelSession) -> ModelInfo:
        """Return what the model declares; a file that cannot be taken in is the structure check's to report."""
        try:
            return model_session.info
        except OnnxAccelError as error:
            if ("structure", "") in request.reported:
                raise ElsewhereFault(error, "structure") from None
            raise

    def _ready(self, request: Request, model_session: ModelSession, backend: str) -> Ready:
        """Return the model running in *backend*; a model that does not run is the contract check's to report."""
        try:
            return model_session.ready(backend)
        except OnnxAccelError as error:
            # A backend that is merely not here is said by each check, unless it must be: then it is one failure
            absent = isinstance(error, BackendUnavailable) and backend not in self._options.required
            if ("contract", backend) in request.reported and not absent:
                raise ElsewhereFault(error, f"contract[{backend}]") from None
            raise

    def _file(self, request: Request, model_session: ModelSession) -> str | None:
        """Return the file of the model at the requested batch; None when it runs there as it is."""
        resolved = self._ready(request, model_session, request.backend).resolved.inputs
        if request.batch is None or resolved.dynamic or resolved.batch == request.batch:
            return None
        try:
            return self.model_sessions.frozen(request.model, request.batch).path
        except OnnxAccelError as error:
            if ("batch", request.backend) in request.reported:
                raise ElsewhereFault(error, f"batch[{request.backend}]") from None
            raise

    def close(self) -> None:
        """End every worker and remove every staged file."""
        self.model_sessions.close()
        self.engines.close()
