"""What a finished run writes for people and for other tools: report files, GitHub's job summary and annotations."""

from __future__ import annotations

import os
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pytest

from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.core.results import CheckResult
from pytest_onnxaccel.plugin.sandbox import reached
from pytest_onnxaccel.plugin.summary import asked_of, final_results
from pytest_onnxaccel.report.comparison.changes import Comparison
from pytest_onnxaccel.report.comparison.compare import compare
from pytest_onnxaccel.report.formats import write_report
from pytest_onnxaccel.report.github import annotation_lines, append_summary, on_github
from pytest_onnxaccel.report.run_info import RunFacts
from pytest_onnxaccel.report.run_report import RunReport, report_from

if TYPE_CHECKING:
    from pytest_onnxaccel.plugin.state import State

#: The file that GitHub Actions shows as the summary of a job.
SUMMARY = "GITHUB_STEP_SUMMARY"
#: A plugin that marks every failed test; ours would say the same again.
_ANNOTATES = "pytest_github_actions_annotate_failures"


#: Settings that a report tells elsewhere, or not at all.
_HIDDEN = frozenset(
    (
        *(
            "models",
            "preprocessing",
            "folds",
            "origins",
            "lock_file",
            "locked",
            "named",
            "arguments",
            "reference_shown",
        ),
        "baseline_shown",
    )
)


def report_of_run(state: State, exit_status: int, duration_s: float) -> RunReport:
    """Return the report of the run that ends."""
    settings = state.settings
    shown = {f.name: getattr(settings, f.name) for f in fields(settings) if f.name not in _HIDDEN}
    versions: dict[str, str] = {}
    for spec in settings.models:
        for name in state.plan(spec.name).backends:
            versions |= dict(state.availability(name).versions)
    run = RunFacts(
        started=state.started,
        duration_s=duration_s,
        exit_status=exit_status,
        versions=versions,
        sandbox={"mode": settings.sandbox, **reached(settings).to_json()},
        settings={name: (plain(value), settings.origin(name)) for name, value in shown.items()},
        interrupted=state.interrupted,
        unfinished=state.unfinished,
        asked=[one.to_json() for one in asked_of(state)],
    )
    models = [{"name": spec.name, "path": spec.shown, "origin": spec.origin} for spec in settings.models]
    found = state.comparison.to_json() if state.comparison is not None else None
    return report_from(final_results(state), run.to_json(), models, found)


def plain(value: Any) -> Any:
    """Return a setting in builtins."""
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    return {f.name: plain(getattr(value, f.name)) for f in fields(value)}


def write_reports(state: State, exit_status: int, duration_s: float) -> None:
    """Write each ``--onnx-report``, and the job summary where GitHub names one.

    Raises:
        ConfigError: a report cannot be written; the others are there. A summary that nobody asked for is only told.
    """
    report = report_of_run(state, exit_status, duration_s)
    failed: list[OnnxAccelError] = []
    for path in state.settings.report:
        try:
            write_report(path, report)
            state.written.append(path)
        except OnnxAccelError as error:
            failed.append(error)
    summary = os.environ.get(SUMMARY)
    if summary and report.results:
        try:
            append_summary(summary, report)
        except OnnxAccelError as error:
            state.remarks.append(str(error))
    if failed:
        raise failed[0]


def annotate(state: State, terminal: pytest.TerminalReporter) -> None:
    """Print a workflow command for each failure, where GitHub Actions runs the tests."""
    if not on_github(os.environ) or state.config.pluginmanager.has_plugin(_ANNOTATES):
        return
    failed = [result for result in state.results if result.verdict.value == "failed" and not result.expected]
    for line in annotation_lines(failed):
        # A line of its own at the left: GitHub obeys nothing else
        terminal.ensure_newline()
        terminal.write_line(line)


def compared(state: State) -> Comparison | None:
    """Return this run compared with ``--onnx-baseline``; None without one."""
    if state.baseline is None:
        return None
    now = report_from(final_results(state), {})
    return compare(state.baseline, now, state.settings.baseline_shown, lambda row: _selected(state, row))


def _selected(state: State, row: CheckResult) -> bool:
    """Return whether this run was to have the check *row*: nothing was deselected, and its model is of the run."""
    if state.deselected or state.interrupted:
        return False
    from pytest_onnxaccel.plugin.items.collect import wants_manifest

    named = state.config.args_source is pytest.Config.ArgsSource.ARGS
    if state.settings.manifest is not None and wants_manifest(state.config, state):
        return True  # all of the manifest was asked for: what it no longer names is gone
    return not named or row.model in {spec.name for spec in state.settings.models}
