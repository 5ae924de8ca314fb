"""Hooks of a run with models; registered by :func:`~pytest_onnxaccel.plugin.activate.activate`."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.plugin.interruption.crashes import end_of, is_crash, tell_crash
from pytest_onnxaccel.plugin.items.collect import CheckItem, builtin_items, collector
from pytest_onnxaccel.plugin.items.folding import FoldItem
from pytest_onnxaccel.plugin.items.next_models import followers
from pytest_onnxaccel.plugin.items.preprocessing import PreprocessingItem
from pytest_onnxaccel.plugin.items.rerun import DEFERRED, Deferral
from pytest_onnxaccel.plugin.items.results import expected, flat, forget, placed, shorten, texts
from pytest_onnxaccel.plugin.keys import NO_MODEL, PARAMETERS
from pytest_onnxaccel.plugin.markers import table as marker_table
from pytest_onnxaccel.plugin.options.arguments_as_text import packed
from pytest_onnxaccel.plugin.options.header import header
from pytest_onnxaccel.plugin.parametrize import unknown
from pytest_onnxaccel.plugin.prestart import LEASES
from pytest_onnxaccel.plugin.run import without_model
from pytest_onnxaccel.plugin.run.gc_pause import keep_collected
from pytest_onnxaccel.plugin.sandbox import line
from pytest_onnxaccel.plugin.state import State

#: Under this key an xdist worker tells how many workers it started.
_WORKERS = "onnxaccel_workers"


def model_of(item: pytest.Item) -> str:
    """Name of the model that *item* is of; empty where it is of none."""
    if isinstance(item, CheckItem):
        return item.check_request.model
    callspec = getattr(item, "callspec", None)
    found = None if callspec is None else callspec.params.get(PARAMETERS["onnx_model"])
    return found if isinstance(found, str) and found != NO_MODEL else ""


class Hooks:
    """The run's hooks over its :class:`~pytest_onnxaccel.plugin.state.State`."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._deferral = Deferral()
        #: Id of the test function that was called last
        self._called = ""
        #: Model that comes next, by the id of a test before it that may run beside its first steps
        self._followers: dict[str, str] = {}

    def pytest_report_header(self) -> list[str]:
        settings = self._state.settings
        return [*header(settings), *([line(settings)] if settings.models else ()), *self._state.absent()]

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        """Return a model that is an argument of pytest; others are not collected uninvited."""
        return collector(parent, self._state, file_path)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(
        self, session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        # First, so that -k, --deselect and --lf see our items as they see all others
        items.extend(builtin_items(session, self._state))
        wrong = list(dict.fromkeys(line for item in items for line in unknown(item, self._state)))
        if wrong and not hasattr(config, "workerinput"):  # there it is an error of the test, which keeps its text
            raise pytest.UsageError(*wrong)
        for item in items:
            if isinstance(item, CheckItem):
                item.mark()
        if self._state.settings.only:
            ours = (CheckItem, PreprocessingItem, FoldItem)
            others = [item for item in items if not isinstance(item, ours)]
            items[:] = [item for item in items if isinstance(item, ours)]
            if others:
                config.hook.pytest_deselected(items=others)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        chosen: dict[str, set[tuple[str, str]]] = {}
        for item in session.items:
            if model := model_of(item):
                self._state.expect(model, item.nodeid)
            if isinstance(item, CheckItem):
                request = item.check_request
                chosen.setdefault(request.model, set()).add((request.check, request.backend))
        self._state.selected = {model: frozenset(checks) for model, checks in chosen.items()}
        self._followers = followers(session.items)
        if chosen and not self._state.settings.in_process and not session.config.option.collectonly:
            keep_collected()

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        self._state.deselected = self._state.deselected or bool(items)

    @pytest.hookimpl(wrapper=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, Any, Any]:
        result = yield
        self._called = pyfuncitem.nodeid
        if marker_table.marked(pyfuncitem):
            from pytest_onnxaccel.plugin.items.marked import run_marked

            run_marked(self._state, pyfuncitem)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Judge what pytest does not call itself, such as a method of ``unittest.TestCase``, by its markers, too."""
        self._called = ""
        result = yield
        if self._called or isinstance(item, (CheckItem, PreprocessingItem)) or not marker_table.marked(item):
            return result
        if not getattr(item, "_excinfo", None):  # what unittest's runner took note of, and raises later
            from pytest_onnxaccel.plugin.items.marked import run_marked

            run_marked(self._state, item)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        self._deferral.begin(item)
        self._state.test = item
        if item.nodeid in self._followers:
            self._state.begin_next(model_of(item), self._followers[item.nodeid])
        result = yield
        self._state.test_ended()
        self._deferral.end(item)
        model = model_of(item)
        if not self._deferral.waits_for(item):
            forget(item)
            if model:
                self._state.ended(model, item.nodeid)
        return result

    @pytest.hookimpl(wrapper=True, tryfirst=True)  # outermost: as it is when all others have changed it
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, Any, Any]:
        report = yield
        shorten(report)
        expected(report)
        placed(item, report)
        without_model.tell(item, report)
        self._deferral.judge(item, report)
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        forget(item)  # of a run before, where a plugin for flaky tests runs it again

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, Any, Any]:
        result = yield
        self._deferral.finish(session)
        return result

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        if getattr(report, "outcome", "") == DEFERRED:
            return DEFERRED, "d", "DEFERRED"
        return ("", "", "") if getattr(report, "when", "") == DEFERRED else None

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_setupnodes(self, config: pytest.Config) -> None:
        """Prepare the arguments before pytest-xdist passes them on."""
        given = config.invocation_params
        config.invocation_params = replace(given, args=tuple(packed(str(word)) for word in given.args))

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a new worker of pytest-xdist where the run's locks are."""
        node.workerinput["mainargv"] = [packed(word) for word in node.workerinput.get("mainargv", ())]
        with contextlib.suppress(OSError, OnnxAccelError):  # without leases timings may overlap, which they notice
            node.workerinput[LEASES] = self._state.folders.leases

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        self._state.interrupted = str(excinfo.value) or excinfo.typename
        self._state.folders.stop_others()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> Generator[None, Any, Any]:
        self.take_in(report)
        if not hasattr(self._state.config, "workerinput"):  # there it is yet to be sent
            flat(report)
        answer = yield
        if is_crash(report):
            self._state.config.hook.pytest_runtest_logreport(report=end_of(report))
        return answer

    def take_in(self, report: pytest.TestReport) -> None:
        """Keep the results that *report* carries."""
        if is_crash(report):
            tell_crash(report, self._state)
        if (folder := without_model.told(report)) is not None:
            self._state.without_model[report.nodeid] = folder
        if is_crash(report) or report.when == "call" or (report.when == "setup" and not report.passed):
            self._state.kept.keep(report.nodeid, texts(report))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Take in how many workers a process of pytest-xdist started."""
        counted = getattr(node, "workeroutput", {}).get(_WORKERS)
        if counted is not None:
            self._state.workers.add(counted)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        self._state.close()
        self._state.interrupted = self._state.interrupted or str(session.shouldfail or session.shouldstop or "")
        settings = self._state.settings
        if hasattr(session.config, "workerinput"):
            session.config.workeroutput[_WORKERS] = self._state.workers.to_json()  # type: ignore[attr-defined]
        else:
            exitstatus = self._unanswered(session, exitstatus)
            exitstatus = self._compared(session, exitstatus)
        summary = bool(os.environ.get("GITHUB_STEP_SUMMARY")) and bool(self._state.kept)
        writes = bool(settings.report) or summary or "write" in (settings.lock, settings.golden)
        if hasattr(session.config, "workerinput") or not writes:
            return  # only the controlling process has every result, and writes
        try:
            if settings.report or summary:
                from pytest_onnxaccel.plugin.reports import write_reports

                write_reports(self._state, int(exitstatus), time.time() - self._state.started)
            if settings.lock == "write":
                from pytest_onnxaccel.plugin.summary import write_lock

                write_lock(self._state)
            if settings.golden == "write":
                from pytest_onnxaccel.plugin.golden import write_golden

                write_golden(self._state)
        except OnnxAccelError as error:
            # The run itself is whole; what is missing is said, and the exit status tells it
            self._state.report_error = str(error)
            session.exitstatus = pytest.ExitCode.INTERNAL_ERROR

    def _unanswered(self, session: pytest.Session, exitstatus: int) -> int:
        """Return the exit status: a green run fails when something asked for by name was not judged."""
        if exitstatus == pytest.ExitCode.OK and self._state.settings.strict and self._state.without_model:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
            return int(session.exitstatus)
        if exitstatus != pytest.ExitCode.OK or not self._state.kept:
            return exitstatus
        from pytest_onnxaccel.plugin.summary import asked_of

        if any(one.failed for one in asked_of(self._state)):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        return int(session.exitstatus)

    def _compared(self, session: pytest.Session, exitstatus: int) -> int:
        """Return the exit status: a green run fails when something grew worse than in the saved run."""
        if not self._state.settings.baseline or not self._state.kept:
            return exitstatus
        from pytest_onnxaccel.plugin.reports import compared

        self._state.comparison = found = compared(self._state)
        if found is not None and found.worse and exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        return int(session.exitstatus)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        from pytest_onnxaccel.plugin.summary import summarize

        summarize(self._state, terminalreporter)
        if self._state.kept and os.environ.get("GITHUB_ACTIONS"):
            from pytest_onnxaccel.plugin.reports import annotate

            annotate(self._state, terminalreporter)

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_html(self, report: pytest.TestReport, data: list[str]) -> None:
        """Put figures and message into the row of a check."""
        from pytest_onnxaccel.plugin.items.html_rows import figures_table

        if table := figures_table(report):
            data.insert(0, table)

    def pytest_unconfigure(self) -> None:
        self._state.close()
