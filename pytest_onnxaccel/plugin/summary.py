"""Hands the results of a finished run to the report floor."""

from __future__ import annotations

import os
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_onnxaccel.config import lockfile
from pytest_onnxaccel.core.printing import escaped
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import Tolerance
from pytest_onnxaccel.plugin.options.settings import DEFAULT
from pytest_onnxaccel.plugin.sandbox import reached
from pytest_onnxaccel.report.asked import Asked, asked, lines_of
from pytest_onnxaccel.report.formats import writer_for
from pytest_onnxaccel.report.run_info import RunFacts
from pytest_onnxaccel.report.terminal.speedups import with_speedups
from pytest_onnxaccel.report.terminal.table import table
from pytest_onnxaccel.report.text_format import safe

if TYPE_CHECKING:
    from pytest_onnxaccel.plugin.state import State


def final_results(state: State) -> list[CheckResult]:
    """Return the results with what only the whole run can tell: speed-ups over a common baseline."""
    return with_speedups(state.results, state.settings.reference)


def summarize(state: State, terminal: pytest.TerminalReporter) -> None:
    """Print the table."""
    results = final_results(state)
    if results:
        terminal.section("ONNX models")
        for line in table(results, terminal._tw.fullwidth, terminal.hasmarkup):
            terminal.write_line(line)
    for line in lines_of(asked_of(state)) if results and not state.interrupted else ():
        terminal.write_line(line, red=line.startswith("not judged"))
    if state.interrupted:
        ended = ", ".join(map(safe, state.unfinished[:3]))
        more = f" and {len(state.unfinished) - 3} more" if len(state.unfinished) > 3 else ""
        told = f"; did not end: {ended}{more}" if ended else ""
        terminal.write_line(f"interrupted: {safe(state.interrupted)}{told}", yellow=True)
    if state.settings.report is not None and state.report_error is None:
        terminal.write_line(f"report: {escaped(state.settings.report)}")
    if state.settings.lock == "write" and state.report_error is None:
        terminal.write_line(f"locked: {escaped(state.settings.lock_file)}")
    if terminal.config.get_verbosity() > 0:
        for line in state.workers.lines():
            terminal.write_line(line)
    for line in state.recorded:
        terminal.write_line(safe(line))
    if state.report_error is not None:
        terminal.write_line(state.report_error, red=True)


def asked_of(state: State) -> list[Asked]:
    """Return what this run was asked for by name, and how much of it was judged."""
    settings = state.settings
    backends = dict.fromkeys((*settings.backends, *(name for spec in settings.models for name in spec.backends)))
    reference = settings.reference if settings.origin("reference") != DEFAULT else None
    ran = {result.model for result in state.results}
    models = [spec.name for spec in settings.models if spec.name in ran]
    golden = {spec.name: spec.golden.shown for spec in settings.models if spec.golden is not None and spec.golden.path}
    named = os.path.basename(reference or "")
    return asked(state.results, models, list(backends), settings.required, named, golden)


def write_report(state: State, exit_status: int, duration_s: float) -> None:
    """Write ``--onnx-report``.

    Raises:
        ConfigError: the file cannot be written.
    """
    settings = state.settings
    assert settings.report is not None
    hidden = ("models", "preprocessing", "origins", "lock_file", "locked", "named", "arguments", "reference_shown")
    shown = {f.name: getattr(settings, f.name) for f in fields(settings) if f.name not in hidden}
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
    writer_for(settings.report)(settings.report, final_results(state), run.to_json(), models)


def write_lock(state: State) -> None:
    """Write the tolerances that this run's parity checks propose, over those of models that did not run.

    What several checks of one pair propose (batch sizes, markers) is locked at its widest. An output that does not
    agree is not locked: what a lock allows is noise, never a difference.

    Raises:
        ConfigError: the file cannot be written.
    """
    found: dict[str, dict[str, dict[str, Tolerance]]] = {}
    for result in state.results:
        if result.check != "parity" or result.verdict is not Verdict.PASSED:
            continue
        for name, entry in dict(result.figures.get("lock", {})).items():
            place = found.setdefault(result.model, {}).setdefault(f"{result.backend}~{result.reference}", {})
            rtol, atol = (lockfile.rounded_up(float(entry[key])) for key in ("rtol", "atol"))
            if name not in place or atol > (place[name].atol or 0.0):
                place[name] = Tolerance(rtol, atol, str(entry["origin"]))
    old = {
        model: {
            pair: {name: replace(t, origin=lockfile.reason(t.origin)) for name, t in outputs.items()}
            for pair, outputs in pairs.items()
        }
        for model, pairs in state.settings.locked.items()
    }
    lockfile.write(state.settings.lock_file, lockfile.merged(old, found))


def plain(value: Any) -> Any:
    """Return a setting in builtins."""
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
