"""What a run of ours knows: settings, which backends take part, the runner once something runs, results so far."""

from __future__ import annotations

import time
from functools import cached_property
from typing import TYPE_CHECKING

import pytest

from pytest_onnxaccel.backends.protocol import Availability, Backend
from pytest_onnxaccel.core.results import CheckResult
from pytest_onnxaccel.core.specs import ModelSpec
from pytest_onnxaccel.core.unexpected import as_error
from pytest_onnxaccel.isolation.staging.run_folder import Staging
from pytest_onnxaccel.plugin.keys import ACTIVATE
from pytest_onnxaccel.plugin.options.model_paths import distinct
from pytest_onnxaccel.plugin.options.settings import Settings
from pytest_onnxaccel.plugin.options.with_options import with_options
from pytest_onnxaccel.plugin.prestart import shared_folder
from pytest_onnxaccel.plugin.run.folders import RunFolders
from pytest_onnxaccel.plugin.run.gc_pause import undisturbed, undisturbed_end
from pytest_onnxaccel.plugin.run.kept_results import KeptResults
from pytest_onnxaccel.plugin.run.run_options import LET_THROUGH, run_options
from pytest_onnxaccel.runner.check_table import checks
from pytest_onnxaccel.runner.faults.fault_verdict import verdict_of
from pytest_onnxaccel.runner.plan import Plan, make_plan, registered
from pytest_onnxaccel.runner.request import RunOptions
from pytest_onnxaccel.runner.sessions.workers.engines import Engines
from pytest_onnxaccel.runner.sessions.workers.next_model import small_enough
from pytest_onnxaccel.runner.sessions.workers.worker_counts import WorkerCounts

if TYPE_CHECKING:
    from pytest_onnxaccel.report.comparison.changes import Comparison
    from pytest_onnxaccel.report.run_report import RunReport
    from pytest_onnxaccel.runner.locks.machine_lock import MachineLock
    from pytest_onnxaccel.runner.request import Request
    from pytest_onnxaccel.runner.runner import Runner
    from pytest_onnxaccel.runner.sessions.model_session import ModelSession
    from pytest_onnxaccel.runner.sessions.workers.prefetch import Prefetch

STATE = pytest.StashKey["State"]()


def state_of(config: pytest.Config) -> State:
    """Return the state of this run, made at the first call.

    Raises:
        pytest.UsageError: a setting that cannot be used.
    """
    return config.stash[STATE] if STATE in config.stash else config.stash[ACTIVATE](config)


class State:
    """One per pytest process, in ``config.stash``."""

    def __init__(self, config: pytest.Config, settings: Settings, staging: Staging | None = None) -> None:
        self.config = config
        self.settings = settings
        self.started = time.time()
        self._staging = staging
        #: Results of tests that have ended.
        self.kept = KeptResults()
        #: Why the report, or the lock file, could not be written.
        self.report_error: str | None = None
        #: Reports that were written, and remarks on what could not be.
        self.written: list[str] = []
        self.remarks: list[str] = []
        #: The saved run of ``--onnx-baseline``, and what this one is like compared with it.
        self.baseline: RunReport | None = None
        self.comparison: Comparison | None = None
        #: Something was deselected: what is missing was not lost.
        self.deselected = False
        #: Folders in addition to the private one, and the line to processes of pytest-xdist.
        self.folders = RunFolders()
        #: How many workers were started, here and in processes of pytest-xdist.
        self.workers = WorkerCounts()
        #: What is told of golden data that was recorded.
        self.recorded: list[str] = []
        #: Checks that were selected, by model: a fault is reported by one of them and referred to by the others.
        self.selected: dict[str, frozenset[tuple[str, str]]] = {}
        #: Tests that are still to be run, by model: with the last one its private copies go.
        self._waiting: dict[str, set[str]] = {}
        self._plans: dict[str, Plan] = {}
        self._runner: Runner | None = None
        #: Why the run ends before all its tests did; empty while it does not.
        self.interrupted = ""
        #: The test that runs.
        self.test: pytest.Item | None = None
        #: Models that it used so far.
        self._in_test: set[str] = set()
        #: Models that tests brought themselves.
        self._adopted: dict[str, ModelSpec] = {}
        #: By the id of a test that found no model: the folder of the manifest next to it, or nothing.
        self.without_model: dict[str, str] = {}
        #: Node ids of tests that began and did not end.
        self.unfinished: tuple[str, ...] = ()

    @property
    def results(self) -> list[CheckResult]:
        """Every result so far; to be asked when the run is over."""
        return self.kept.all()

    # -- backends ---------------------------------------------------------------------------------------------

    def backend(self, name: str) -> Backend:
        """Return the backend registered as *name*."""
        return self._engines.backend(name)

    def availability(self, name: str) -> Availability:
        """Return whether backend *name* can be tried here; no framework is imported."""
        return self._engines.availability(name)

    @cached_property
    def runtimes(self) -> tuple[str, ...]:
        """Every registered backend that people deploy."""
        return tuple(name for name in registered(self.backend) if self.backend(name).role == "runtime")

    @property
    def backends(self) -> list[str]:
        """Asked for in settings or by a model; else every registered runtime, of which the absent ones are skipped."""
        settings = self.settings
        asked = [*settings.backends, *(name for spec in settings.models for name in spec.backends)]
        return list(dict.fromkeys([*(asked or self.runtimes), *settings.required]))

    def plan(self, model: str) -> Plan:
        """Return backends and checks of *model*."""
        if model not in self._plans:
            self._plans[model] = make_plan(self.spec(model), self.settings.required, self.backend, self.availability)
        return self._plans[model]

    def absent(self) -> list[str]:
        """Return a header line that names the runtimes that are left out because they do not run here."""
        if not self.settings.models or self.settings.backends or any(s.backends for s in self.settings.models):
            return []
        names = [name for name in self.runtimes if not self.availability(name).ok]
        why = "python -m pytest_onnxaccel doctor says why"
        return [f"onnxaccel without: {', '.join(names)} ({why})"] if names else []

    @cached_property
    def machine_lock(self) -> MachineLock | None:
        """What an xdist worker shares with the others; None in a process that is alone."""
        from pytest_onnxaccel.runner.locks.machine_lock import MachineLock

        folder = shared_folder(self.config)
        return None if folder is None else MachineLock(folder)

    # -- running ----------------------------------------------------------------------------------------------

    @property
    def runner(self) -> Runner:
        """The runner, made when the first check needs it."""
        if self._runner is None:
            self._runner = self._make_runner()
        return self._runner

    @cached_property
    def _engines(self) -> Engines:
        return Engines(self.run_options, self._staging, shared_folder(self.config))

    @cached_property
    def run_options(self) -> RunOptions:
        """What holds for every check of this run."""
        return run_options(self.settings, self.config)

    def _make_runner(self, first: str | None = None) -> Runner:
        """Return the runner; *first* is the model that it will be asked for first, where that is known."""
        prefetch = self._prefetch(first) if first is not None else None
        # Here, because the worker imports its runtime at the same time: what would wait for it later is free now
        with undisturbed():
            import pytest_onnxaccel.plugin.summary
            import pytest_onnxaccel.report.failure_text
            import pytest_onnxaccel.report.junit  # noqa: F401
            from pytest_onnxaccel.runner.runner import Runner

        if not self.settings.in_process:  # runtimes in this process may want to be taken down in order
            undisturbed_end()
        models = self.models
        backends = {spec.name: self.plan(spec.name).backends for spec in models}
        return Runner(models, backends, self.run_options, self.machine_lock, self._engines, prefetch)

    def begin_next(self, current: str, model: str) -> None:
        """Have a worker begin with *model*, which is next, while *current* is judged.

        Not where processes share the machine: they fill it, and one of them may be timing.
        """
        if self._runner is None or self.machine_lock is not None or model in self._adopted:
            return
        sessions = self._runner.model_sessions
        sessions.of(current)  # which takes what was begun for it
        if sessions.awaits(model) and small_enough(self.spec(model).path):
            sessions.expect(self._prefetch(model))

    def _prefetch(self, model: str) -> Prefetch | None:
        """Return what the worker can begin with while this process still imports what it needs to judge."""
        from pytest_onnxaccel.runner.sessions.workers.prefetch import foresee

        selected = {check for check, _ in self.selected.get(model, frozenset())}
        needs = dict.fromkeys(need for check in checks().values() if check.name in selected for need in check.needs)
        backends = self.plan(model).backends
        if not backends or self.settings.in_process or not selected:
            return None
        return foresee(self._engines, self.spec(model), self._numbers[model], backends, list(needs))

    def check(self, request: Request) -> CheckResult:
        """Run one check; faults that another selected check of the model reports are referred to."""
        return self.run(request.among(self.selected.get(request.model, frozenset())), request.model)

    def run(self, request: Request, first: str | None = None) -> CheckResult:
        """Run one check for itself; *first* is its model where more of it will be asked."""
        try:
            if self._runner is None:
                self._runner = self._make_runner(first)
        except LET_THROUGH:
            raise
        except BaseException as error:  # no disk for a private folder, no process for a worker
            return verdict_of(as_error(error), request, self._engines, frozenset(self.settings.required))
        return self._runner.check(request)

    def expect(self, model: str, test: str) -> None:
        """Note that *test* of *model* will be run."""
        self._waiting.setdefault(model, set()).add(test)

    def ended(self, model: str, test: str) -> None:
        """Note that *test* of *model* was run; in a worker of pytest-xdist the next model then takes over."""
        waiting = self._waiting.get(model, set())
        waiting.discard(test)
        if not waiting and self._runner is not None:
            self._runner.model_sessions.done(model)

    @property
    def models(self) -> tuple[ModelSpec, ...]:
        """The models of the run, and those that tests brought so far."""
        return (*self.settings.models, *self._adopted.values())

    def spec(self, model: str) -> ModelSpec:
        """Return the model named *model*."""
        return self._adopted[model] if model in self._adopted else self._by_name[model]

    @cached_property
    def _by_name(self) -> dict[str, ModelSpec]:
        return {spec.name: spec for spec in self.settings.models}

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {spec.name: number for number, spec in enumerate(self.settings.models)}

    @cached_property
    def by_path(self) -> dict[str, list[ModelSpec]]:
        """The models of the run by their file; a manifest may declare one file several times."""
        found: dict[str, list[ModelSpec]] = {}
        for spec in self.settings.models:
            found.setdefault(spec.path, []).append(spec)
        return found

    def adopt(self, path: str, shown: str, origin: str) -> str:
        """Name of the model at *path*, which a test brings; with what the options say of every model.

        Raises:
            ConfigError: what the options say does not fit it.
        """
        known = next((spec.name for spec in self.models if spec.path == path), None)
        if known is not None:
            return known
        (name,) = distinct([path], {spec.name for spec in self.models})
        spec = with_options(ModelSpec(name, path, shown, origin=origin), self.settings)
        self._adopted[name] = spec
        self.runner.add(spec, self.plan(name).backends)
        return name

    def session_of(self, model: str) -> ModelSession:
        """Return the model named *model*, open; it stays open until the running test ends, as do others."""
        sessions = self.runner.model_sessions
        if self.test is not None:
            self._in_test.add(model)
            sessions.keep(self._in_test)
        return sessions.of(model)

    def test_ended(self) -> None:
        """The running test is over: of several models that it used, one stays open."""
        self.test = None
        if len(self._in_test) > 1 and self._runner is not None:
            self._runner.model_sessions.keep(())
        self._in_test.clear()

    def close(self) -> None:
        """End what runs, and remove what this run laid down."""
        self.folders.close()
        if self._runner is not None:
            self.workers.add(self._runner.engines.counts.to_json())
            self._runner.close()
            self._runner = None
        elif self._staging is not None:
            self._staging.close()
        self._staging = None
