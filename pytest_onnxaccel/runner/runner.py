"""Runs one check after another, and turns whatever goes wrong on the way into a verdict."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

from pytest_onnxaccel.core.results import CheckResult
from pytest_onnxaccel.core.specs import ModelSpec
from pytest_onnxaccel.core.unexpected import as_error
from pytest_onnxaccel.runner.check_run import CheckRun, RunState
from pytest_onnxaccel.runner.check_table import checks
from pytest_onnxaccel.runner.faults.fault_verdict import verdict_of
from pytest_onnxaccel.runner.faults.known_faults import with_known
from pytest_onnxaccel.runner.faults.structure_fault import told_by_structure
from pytest_onnxaccel.runner.locks.device_locks import DeviceLocks
from pytest_onnxaccel.runner.locks.machine_lock import MachineLock
from pytest_onnxaccel.runner.reach import Reaching
from pytest_onnxaccel.runner.request import Request, RunOptions
from pytest_onnxaccel.runner.sessions.model_sessions import ModelSessions
from pytest_onnxaccel.runner.sessions.workers.engines import Engines
from pytest_onnxaccel.runner.sessions.workers.prefetch import Prefetch


class Runner:
    """Runs checks on the models of one run.

    Args:
        specs: the models, by which requests name them.
        backends: backends of the run by model, in the order in which they resolve inputs.
        machine_lock: shared with other processes of the same run; None when there are none.
        engines: to run on, where some were started ahead.
        prefetch: what was begun in advance for the first model.
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
        self._options = options
        self._backends = dict(backends)
        self._machine_lock = machine_lock
        self.engines = engines or Engines(options)
        self.device_locks = DeviceLocks(self.engines)
        #: Its models, opened one at a time
        self.model_sessions = ModelSessions(specs, self._backends, self.engines, options.seed, prefetch)
        self._state = RunState(options, self.engines, self.model_sessions, self._backends, Reaching(self.engines), {})

    def check(self, request: Request) -> CheckResult:
        """Run one check; whatever the model or a runtime does becomes a result."""
        check = checks()[request.check]
        held: AbstractContextManager[object] = nullcontext()
        if self._machine_lock is not None:
            held = self._machine_lock.exclusive() if check.exclusive else self._machine_lock.shared()
        start = time.perf_counter()
        try:
            with held, self.device_locks.held(self._used_by(request), check.exclusive):
                start = time.perf_counter()
                result = check.function()(CheckRun(request, self._state))
        except self._options.let_through:
            raise
        except BaseException as error:  # libraries raise what is not an Exception too (SystemExit, panics)
            spec = self.model_sessions.spec(request.model)
            fault = as_error(error)
            result = verdict_of(fault, request, self.engines, self._options.required, spec)
            result = told_by_structure(result, fault, request, self.model_sessions)
        result = self._placed(result, request)
        spec = self.model_sessions.spec(request.model)
        result = with_known(result, request, spec) if spec is not None and spec.known_faults else result
        return result.with_(duration_s=time.perf_counter() - start)

    def _used_by(self, request: Request) -> tuple[str, ...]:
        """Return the backends that *request* runs on, as far as it names them."""
        spec = self.model_sessions.spec(request.model)
        budget = request.budget or (spec.budget if spec is not None else None)
        over = budget.speedup_over[0] if budget is not None and budget.speedup_over else ""
        return (request.backend, request.reference, over)

    def _placed(self, result: CheckResult, request: Request) -> CheckResult:
        """Return *result* with where the nodes of the model run, which a result of a backend never leaves out."""
        opened = self.model_sessions.opened(request.model) if request.backend else None
        told = opened.runs_on.get(request.backend) if opened is not None else None
        return result.with_(figures={**told, **result.figures}) if told else result

    def add(self, spec: ModelSpec, backends: tuple[str, ...]) -> None:
        """One more model, which runs on *backends*."""
        self._backends[spec.name] = backends
        self.model_sessions.add(spec)

    def close(self) -> None:
        """End every worker and remove every staged file."""
        self.model_sessions.close()
        self.engines.close()
