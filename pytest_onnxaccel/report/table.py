"""The terminal table: one row per model, backend and batch, inside the width that there is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pytest_onnxaccel.report.footnotes import footnotes
from pytest_onnxaccel.report.rows import Row, rows
from pytest_onnxaccel.report.text import cells, elide, pad
from pytest_onnxaccel.results import CheckResult, Verdict

_GAP = "  "
_LEFT = ("model", "backend", "verdict")

#: Columns in their order, with the shorter header for narrow terminals.
_HEADERS = {
    "model": "model",
    "backend": "backend",
    "batch": "batch",
    "verdict": "verdict",
    "worst error": "error",
    "p50": "p50",
    "p95": "p95",
    "throughput": "rate",
    "speed-up": "speed-up",
    "peak memory": "memory",
}

#: What goes first where there is no room; never the verdict.
_DROPPED_FIRST = ("peak memory", "throughput", "p95", "speed-up", "p50", "worst error", "batch")

_COLORS = {
    Verdict.PASSED: "32",
    Verdict.FAILED: "31",
    Verdict.INCONCLUSIVE: "33",
    Verdict.NOT_APPLICABLE: "2",
}


@dataclass(frozen=True)
class _Layout:
    """One way to set the table; *stacked* puts a model's name on a line above its rows."""

    short: bool = False
    stacked: bool = False
    model: int = 1000
    backend: int = 1000
    wording: int = 0
    dropped: int = 0


def _layouts() -> Iterator[_Layout]:
    """From the most generous to the narrowest: names give way first, then figures, verdicts last."""
    for wording in (0, 1):
        yield _Layout(wording=wording)
    for model in (1000, 32, 24):
        for wording in (0, 1):
            yield _Layout(short=True, model=model, wording=wording)
    for dropped in range(len(_DROPPED_FIRST) + 1):
        for wording in (0, 1, 2):
            yield _Layout(short=True, stacked=True, wording=wording, dropped=dropped)
    for backend in (1000, 20, 12):
        yield _Layout(short=True, stacked=True, wording=3, backend=backend, dropped=len(_DROPPED_FIRST))


def table(results: Iterable[CheckResult], width: int, color: bool = False) -> list[str]:
    """The lines of the summary of *results*: the table, its footnotes and the counts.

    Args:
        results: in any order.
        width: columns of the terminal.
        color: add colour codes; the text is the same without them.
    """
    found = list(results)
    if not found:
        return ["no checks ran"]
    body = rows(found)
    for layout in _layouts():
        columns = _columns(body, layout)
        if not columns:
            continue
        widths = {name: max(cells(text) for text in texts) for name, texts in columns.items()}
        if _total(widths, layout) <= width:
            break
    lines = _render(body, columns, widths, layout, width, color)
    dropped = [name for name in _used(body) if name not in columns and name != "model"]
    return [*lines, "", *footnotes(found, width, dropped, color)]


def _used(body: list[Row]) -> list[str]:
    filled = {name for row in body for name, text in row.cells.items() if text} | {"model", "verdict"}
    return [name for name in _HEADERS if name in filled]


def _columns(body: list[Row], layout: _Layout) -> dict[str, list[str]]:
    """Each column's texts, header first; nothing when shortened names no longer tell two models apart."""
    gone = {*_DROPPED_FIRST[: layout.dropped], *(["model"] if layout.stacked else [])}
    names = [name for name in _used(body) if name not in gone]
    models = [elide(row.model, layout.model) for row in body]
    if "model" in names and len(set(models)) < len({row.model for row in body}):
        return {}
    columns = {name: [_HEADERS[name] if layout.short else name] for name in names}
    for row, model in zip(body, models, strict=True):
        texts = {"model": model, "verdict": row.wordings[layout.wording], **row.cells}
        texts["backend"] = elide(texts["backend"], layout.backend)
        last = max(index for index, name in enumerate(names) if texts[name])
        for index, name in enumerate(names):
            # A dash holds the place of a missing cell; after the last one there is nothing to hold.
            columns[name].append(texts[name] or ("-" if index < last else ""))
    return columns


def _total(widths: dict[str, int], layout: _Layout) -> int:
    return sum(widths.values()) + len(_GAP) * (len(widths) - (0 if layout.stacked else 1))


def _render(
    body: list[Row],
    columns: dict[str, list[str]],
    widths: dict[str, int],
    layout: _Layout,
    width: int,
    color: bool,
) -> list[str]:
    margin = _GAP if layout.stacked else ""
    header = margin + _GAP.join(pad(columns[n][0], w, n not in _LEFT) for n, w in widths.items())
    lines = [_paint(header.rstrip(), "1", color), _paint("-" * _total(widths, layout), "2", color)]
    model = ""
    for index, row in enumerate(body, start=1):
        if layout.stacked and row.model != model:
            model = row.model
            lines.append(_paint(elide(model, width), "1", color))
        line = margin
        for name, room in widths.items():
            text = columns[name][index]
            shown = _paint(text, _COLORS[row.verdict], color) if name == "verdict" else text
            line += pad(text, room, name not in _LEFT).replace(text, shown, 1) + _GAP
        lines.append(line.rstrip())
    return lines


def _paint(text: str, code: str, color: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if color and text else text
