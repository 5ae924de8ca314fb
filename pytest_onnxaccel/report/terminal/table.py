"""The terminal table: one row per model, backend and batch, inside the width that there is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.report.terminal.footnotes import footnotes
from pytest_onnxaccel.report.terminal.rows import Row, rows
from pytest_onnxaccel.report.text_format import cells, elide, pad, wrap

_GAP = "  "
_LEFT = ("model", "backend", "verdict")

#: Width that asks for no shortening, and the shortest that a model's name is given.
_WHOLE, _SHORTEST = 10_000, 24

#: Columns in their order, with the shorter header for narrow terminals.
_HEADERS = {
    "model": "model",
    "backend": "backend",
    "batch": "batch",
    "sizes": "sizes",
    "verdict": "verdict",
    "worst error": "error",
    "reach": "reach",
    "p50": "p50",
    "p95": "p95",
    "throughput": "rate",
    "speed-up": "speed-up",
    "peak memory": "memory",
}

#: What goes first where there is no room; never the verdict.
_DROPPED_FIRST = ("peak memory", "throughput", "p95", "speed-up", "sizes", "reach", "p50", "worst error", "batch")

_COLORS = {
    Verdict.PASSED: "32",
    Verdict.FAILED: "31",
    Verdict.INCONCLUSIVE: "33",
    Verdict.NOT_APPLICABLE: "2",
}


@record(frozen=True)
class _Layout:
    """One way to set the table; *stacked* puts a model's name on a line above its rows."""

    short: bool = False
    stacked: bool = False
    model: int = _WHOLE
    backend: int = _WHOLE
    wording: int = 0
    dropped: int = 0


@record(frozen=True)
class _Grid:
    """The columns of a layout: each column's texts, header first, by the column's name."""

    layout: _Layout
    columns: Mapping[str, list[str]]

    @property
    def widths(self) -> dict[str, int]:
        return {name: max(map(cells, texts)) for name, texts in self.columns.items()}

    @property
    def margin(self) -> str:
        return _GAP if self.layout.stacked else ""

    @property
    def total(self) -> int:
        widths = self.widths.values()
        return len(self.margin) + sum(widths) + len(_GAP) * (len(widths) - 1)


def table(results: Iterable[CheckResult], width: int, color: bool = False) -> list[str]:
    """Return the lines of the summary of *results*: the table, its footnotes and the counts.

    Args:
        results: in any order.
        width: columns of the terminal.
        color: add colour codes; the text is the same without them.
    """
    found = list(results)
    if not found:
        return ["no checks ran"]
    body = rows(found)
    grid = next(_fitting(body, width))
    dropped = [name for name in _used(body) if name not in grid.columns and name != "model"]
    return [*_render(body, grid, width, color), "", *footnotes(found, width, dropped, color)]


def _layouts() -> Iterator[_Layout]:
    """Yield layouts from the widest to the narrowest: names shrink first, then figures, verdicts last."""
    for wording in (0, 1):
        yield _Layout(wording=wording)
    for model in (_WHOLE, _SHORTEST):
        for wording in (0, 1):
            yield _Layout(short=True, model=model, wording=wording)
    for dropped in range(len(_DROPPED_FIRST) + 1):
        for wording in (0, 1, 2):
            yield _Layout(short=True, stacked=True, wording=wording, dropped=dropped)
    for backend in (_WHOLE, 20, 12):
        yield _Layout(short=True, stacked=True, wording=3, backend=backend, dropped=len(_DROPPED_FIRST))


def _fitting(body: list[Row], width: int) -> Iterator[_Grid]:
    """Yield the grids that fit *width*, most generous first; the narrowest one where none does."""
    for layout in _layouts():
        grid = _grid(body, layout)
        if grid.total > width:
            continue
        if layout.model != _WHOLE:
            # What room is left goes to the names; where two still read alike, they need a line of their own.
            grid = _grid(body, replace(layout, model=layout.model + width - grid.total))
            if len(set(grid.columns["model"])) <= len({row.model for row in body}):
                continue
        yield grid
    yield grid


def _used(body: list[Row]) -> list[str]:
    filled = {name for row in body for name, text in row.cells.items() if text} | {"model", "verdict"}
    return [name for name in _HEADERS if name in filled]


def _grid(body: list[Row], layout: _Layout) -> _Grid:
    gone = {*_DROPPED_FIRST[: layout.dropped], *(["model"] if layout.stacked else [])}
    names = [name for name in _used(body) if name not in gone]
    columns = {name: [_HEADERS[name] if layout.short else name] for name in names}
    for row in body:
        texts = {"model": row.model, "verdict": row.wordings[layout.wording], **row.cells}
        texts["model"] = elide(texts["model"], layout.model)
        texts["backend"] = elide(texts["backend"], layout.backend)
        last = max(index for index, name in enumerate(names) if texts[name])
        for index, name in enumerate(names):
            # A dash holds the place of a missing cell; after the last one there is nothing to hold.
            columns[name].append(texts[name] or ("-" if index < last else ""))
    return _Grid(layout, columns)


def _render(body: list[Row], grid: _Grid, width: int, color: bool) -> list[str]:
    widths = grid.widths
    header = grid.margin + _GAP.join(pad(grid.columns[n][0], w, n not in _LEFT) for n, w in widths.items())
    lines = [_paint(header.rstrip(), "1", color), _paint("-" * grid.total, "2", color)]
    headings, model = _headings({row.model for row in body}, width), ""
    for index, row in enumerate(body, start=1):
        if grid.layout.stacked and row.model != model:
            model = row.model
            lines += [_paint(line, "1", color) for line in headings[model]]
        shown = []
        for name, room in widths.items():
            text = grid.columns[name][index]
            cell = pad(text, room, name not in _LEFT)
            shown.append(cell.replace(text, _paint(text, _COLORS[row.verdict], color)) if name == "verdict" else cell)
        lines.append((grid.margin + _GAP.join(shown)).rstrip())
    return lines


def _headings(models: set[str], width: int) -> dict[str, list[str]]:
    """Return lines by model: its name shortened to one, or whole on several where two would read alike."""
    short = {model: elide(model, width) for model in models}
    alike = len(set(short.values())) < len(models)
    return {model: wrap(model, width) if alike else [text] for model, text in short.items()}


def _paint(text: str, code: str, color: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if color and text else text
