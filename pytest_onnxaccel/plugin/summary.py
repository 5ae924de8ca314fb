"""Hands the results of a finished run to the report floor."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pytest_onnxaccel.config import lockfile
from pytest_onnxaccel.core.printing import escaped
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import Tolerance
from pytest_onnxaccel.plugin.options.settings import DEFAULT
from pytest_onnxaccel.plugin.run import without_model
from pytest_onnxaccel.report.asked import Asked, asked, lines_of
from pytest_onnxaccel.report.terminal.speedups import with_speedups
from pytest_onnxaccel.report.terminal.table import table
from pytest_onnxaccel.report.text_format import safe

if TYPE_CHECKING:
    from pytest_onnxaccel.plugin.state import State
    from pytest_onnxaccel.report.comparison.changes import Comparison


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
    if state.without_model:
        terminal.write_line(safe(without_model.line(state.without_model, state.settings.strict)), red=True)
    if state.interrupted:
        ended = ", ".join(map(safe, state.unfinished[:3]))
        more = f" and {len(state.unfinished) - 3} more" if len(state.unfinished) > 3 else ""
        told = f"; did not end: {ended}{more}" if ended else ""
        terminal.write_line(f"interrupted: {safe(state.interrupted)}{told}", yellow=True)
    if state.comparison is not None:
        for line, bad in comparison_lines(state.comparison):
            terminal.write_line(line, red=bad)
    for path in state.written:
        terminal.write_line(f"report: {escaped(path)}")
    for line in state.remarks:
        terminal.write_line(safe(line), yellow=True)
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
    return asked(state.results, models, list(backends), settings.required, named, golden, _insisted(state))


def _insisted(state: State) -> bool:
    """Return whether a required backend must be judged by this very run.

    A ``--onnx-require`` of the command line says so. In an ini file it holds for all runs, one of a single test
    included; and a part of a run that pytest-split shares out need not have a check of each backend.
    """
    said = state.settings.origin("required").startswith("--")
    return said and not state.config.getoption("splits", None)


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


def comparison_lines(found: Comparison) -> list[tuple[str, bool]]:
    """Return the lines of *found* for the terminal, each with whether it is a failure."""
    first, *rest = found.lines()
    shown = rest if len(rest) <= 20 else [*rest[:20], f"and {len(rest) - 20} more: see the report"]
    return [(escaped(first), bool(found.worse)), *((escaped(line), line.startswith("worse:")) for line in shown)]
