"""The report as Markdown: the verdict first, a table, each failure in a fold, what was asked and judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pytest_onnxaccel.core.results import CheckResult, Json, Verdict
from pytest_onnxaccel.report.counts import counts, subject, subjects, words
from pytest_onnxaccel.report.failure_text import failure_lines
from pytest_onnxaccel.report.markdown.escaping import block, code, plain
from pytest_onnxaccel.report.run_report import objects
from pytest_onnxaccel.report.terminal.rows import Row, rows

if TYPE_CHECKING:
    from pytest_onnxaccel.report.run_report import RunReport

#: What GitHub takes for the summary of one step, in bytes, with room for what others write.
LARGEST = 1_000_000

_SIGNS = {Verdict.PASSED: "✅", Verdict.FAILED: "❌", Verdict.INCONCLUSIVE: "⚠️", Verdict.NOT_APPLICABLE: "➖"}
_COLUMNS = ("backend", "batch", "worst error", "p50", "p95", "throughput", "speed-up", "peak memory", "reach")


def render(report: RunReport, room: int = LARGEST) -> str:
    """Return *report* as Markdown.

    Args:
        report: of a run.
        room: most bytes; folds go first, then rows of the table, and the text says how many.
    """
    head = _head(report)
    tail = "\n".join([*_comparison(report.comparison), *_asked(report), *_run(report)])
    table, folds = _table(rows(report.results)), [_fold(result) for result in report.failed]
    left = room - len("\n\n".join([head, tail]).encode()) - 200
    shown, left = _fitting(table, left, "rows of the table")
    failures, left = _fitting(folds, left, "failures")
    parts = [head, "\n".join(shown), "\n\n".join(failures), tail]
    return "\n\n".join(part for part in parts if part) + "\n"


def _fitting(parts: list[str], room: int, what: str) -> tuple[list[str], int]:
    """Return as many of *parts* as *room* bytes hold, with a line that tells how many are left out."""
    found: list[str] = []
    for index, part in enumerate(parts):
        size = len(part.encode()) + 2
        if size > room:
            return [*found, f"\n{len(parts) - index} more {what} are in the JSON report."], 0
        found.append(part)
        room -= size
    return found, room


def _head(report: RunReport) -> str:
    bad = {result.model for result in report.failed}
    told = f"{len(bad)} of {subjects(report.results)} failed" if bad else ""
    if not told and not report.results:
        told = "no checks ran"
    if not told:
        told = {Verdict.PASSED: "passed", Verdict.FAILED: "failed"}.get(report.verdict, words(report.verdict))
    lines = [f"## {_SIGNS[report.verdict]} ONNX models: {told}", ""]
    counted = ", ".join(f"{n} {words(kind)}" for kind, n in counts(report.results).items() if n)
    lines.append(f"Checks: {counted or 'none'}.")
    for one in report.unasked:
        lines.append(f"**Not judged:** {plain(str(one.get('what', '')))} {code(str(one.get('name', '')))}.")
    if why := report.run.get("interrupted"):
        lines.append(f"**Interrupted:** {plain(str(why))}.")
    return "\n".join(lines)


def _table(found: list[Row]) -> list[str]:
    if not found:
        return []
    columns = [name for name in _COLUMNS if any(row.cells.get(name) for row in found)]
    lines = ["| model | verdict | " + " | ".join(columns) + " |", "| --- | --- |" + " ---: |" * len(columns)]
    for row in found:
        cells = [code(row.cells[name], 40) if name == "backend" else plain(row.cells[name]) for name in columns]
        lines.append(f"| {code(row.model)} | {_SIGNS[row.verdict]} {plain(row.wordings[0])} | {' | '.join(cells)} |")
    return lines


def _fold(result: CheckResult) -> str:
    lines = failure_lines(result)
    title = f"{_SIGNS[Verdict.FAILED]} {plain(result.code, 40)} {plain(subject(result), 200)}"
    return f"<details><summary>{title}</summary>\n\n{block(lines)}\n\n</details>"


def _comparison(found: Mapping[str, Json]) -> list[str]:
    if not found:
        return []
    changes = objects(found.get("changes"))
    worse = [one for one in changes if one.get("worse") is True]
    head = f"### Compared with {code(str(found.get('baseline', '')))}: " + (
        f"{len(worse)} grew worse" if worse else "nothing grew worse"
    )
    lines = [head, ""]
    ranked = sorted(changes, key=lambda one: one.get("worse") is not True)
    lines += [
        f"- {'❌' if one.get('worse') is True else 'ℹ️'} {plain(str(one.get('text', '')))}" for one in ranked[:100]
    ]
    if len(ranked) > 100:
        lines.append(f"- and {len(ranked) - 100} more")
    return [*lines, ""]


def _asked(report: RunReport) -> list[str]:
    asked = objects(report.run.get("asked"))
    if not asked:
        return []
    lines = ["<details><summary>What was asked and judged</summary>", ""]
    for one in asked[:200]:
        told = f"{plain(str(one.get('what', '')))} {code(str(one.get('name', '')))}"
        count = f"judged by {plain(str(one.get('judged', '')))} of {plain(str(one.get('tried', '')))} checks"
        lines.append(f"- {told}: {count}")
    if len(asked) > 200:
        lines.append(f"- and {len(asked) - 200} more")
    return [*lines, "", "</details>", ""]


def _run(report: RunReport) -> list[str]:
    versions = report.run.get("versions")
    taken = [f"{plain(str(k))} {plain(str(v))}" for k, v in versions.items()] if isinstance(versions, Mapping) else []
    parts = [f"pytest-onnxaccel {plain(str(report.run.get('plugin', '?')))}", *taken[:20]]
    where = [plain(str(report.run[key])) for key in ("platform", "started") if report.run.get(key)]
    return [f"<sub>{', '.join([*parts, *where])}</sub>"]
