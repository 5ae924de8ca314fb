"""The charts of a page, each from figures of a report; no chart where there is nothing to draw."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup

from pytest_onnxaccel.core.results import CheckResult, Json
from pytest_onnxaccel.report.comparison.figures import taken
from pytest_onnxaccel.report.html.svg import BAD, INK, SERIES, drawing, figure, svg, whole_numbers
from pytest_onnxaccel.report.terminal.units import number
from pytest_onnxaccel.report.text_format import name

if TYPE_CHECKING:
    from matplotlib.axis import Axis

#: Most rows of one chart; a table next to it has all of them.
MOST = 24


class Charts:
    """Draws the charts of one page, numbered so that no two share a name."""

    def __init__(self) -> None:
        self._count = 0

    def _next(self) -> int:
        self._count += 1
        return self._count

    def latency(self, results: Sequence[CheckResult]) -> Markup | None:
        """Return the spread of each timing with its budget: a line from the fastest to the slowest call."""
        rows = [(row, spread) for row in results if (spread := spread_of(row.figures)) is not None][:MOST]
        if not rows:
            return None
        with drawing(self._next()):
            drawn = figure(7.4, 0.75 + 0.42 * len(rows), [_label(row) for row, _ in rows])
            axes = drawn.add_subplot()
            colors = _colors([row.backend for row, _ in rows])
            for place, (row, (low, p50, p95, high)) in enumerate(rows):
                color = colors[row.backend]
                axes.plot([low, high], [place, place], color=color, linewidth=1.2, solid_capstyle="butt")
                axes.plot([low, p95], [place, place], color=color, linewidth=7, alpha=0.45, solid_capstyle="butt")
                axes.plot([p50], [place], marker="o", markersize=6, color=color)
                for limit in budget_of(row.figures).values():
                    axes.plot([limit, limit], [place - 0.36, place + 0.36], color=BAD, linewidth=2)
            axes.set_yticks(range(len(rows)), [_label(row) for row, _ in rows])
            axes.set_ylim(len(rows) - 0.4, -0.6)
            axes.set_xlabel("ms of a call: dot p50, band up to p95, line up to the slowest; red: limit")
            lows, highs = [spread[0] for _, spread in rows], [spread[3] for _, spread in rows]
            if max(highs) > 12 * min(lows):
                axes.set_xscale("log")
                axes.xaxis.set_major_formatter(_plain)
                _bare(axes.xaxis)
            else:
                axes.set_xlim(left=0)
            return svg(drawn, "Latency of a call by backend and batch; the table below has the figures")

    def throughput(self, results: Sequence[CheckResult]) -> Markup | None:
        """Return samples per second over batch sizes, one line for each backend."""
        lines: dict[str, list[tuple[int, float]]] = {}
        for row in results:
            rate = number(row.figures.get("throughput_per_s"))
            if row.batch and row.batch > 0 and rate is not None and 0 < rate < math.inf:
                lines.setdefault(row.backend, []).append((row.batch, rate))
        lines = {backend: sorted(set(points)) for backend, points in lines.items()}
        sizes = sorted({batch for points in lines.values() for batch, _ in points})
        if len(sizes) < 2:
            return None
        with drawing(self._next()):
            drawn = figure(7.4, 3.0, ["12 345 678"])
            axes = drawn.add_subplot()
            colors = _colors(list(lines))
            for place, (backend, points) in enumerate(list(lines.items())[:MOST]):
                marker = "osD^vP"[place % 6]
                axes.plot(*zip(*points, strict=True), color=colors[backend], marker=marker, label=name(backend, 30))
            axes.set_xticks(sizes[:MOST], [str(size) for size in sizes[:MOST]])
            rates = [rate for points in lines.values() for _, rate in points]
            if max(rates) > 12 * min(rates):
                axes.set_yscale("log")
                axes.yaxis.set_major_formatter(_plain)
                _bare(axes.yaxis)
            else:
                axes.set_ylim(bottom=0)
            axes.set_xlabel("batch size")
            axes.set_ylabel("samples per second")
            axes.legend()
            return svg(drawn, "Throughput over batch sizes, a line for each backend; the table below has the figures")

    def errors(self, rows: Sequence[tuple[str, Mapping[str, Json]]]) -> Markup | None:
        """Return how much of its tolerance each output takes.

        Args:
            rows: label and figures of one output.
        """
        found = [(label, used) for label, figures in rows if (used := taken(figures)) is not None]
        found = sorted(found, key=lambda row: -row[1])[:MOST]
        if not found:
            return None
        with drawing(self._next()):
            drawn = figure(7.4, 0.75 + 0.36 * len(found), [name(label, 44) for label, _ in found])
            axes = drawn.add_subplot()
            ends = [used for _, used in found if math.isfinite(used)]
            least, most = 1e-4, max(2.0, *(3 * used for used in ends)) if ends else 2.0
            for place, (_, used) in enumerate(found):
                color = BAD if used > 1 else SERIES[0]
                shown = min(max(used, least), most)
                axes.plot([least, shown], [place, place], color=color, linewidth=8, solid_capstyle="butt")
            axes.axvline(1, color=INK, linewidth=1.4)
            axes.set_xscale("log")
            axes.set_xlim(least, most)
            _bare(axes.xaxis)
            axes.xaxis.set_major_formatter(lambda value, _: f"{value * 100:g} %" if value < 9 else f"{value:g}x")
            axes.set_yticks(range(len(found)), [name(label, 44) for label, _ in found])
            axes.set_ylim(len(found) - 0.4, -0.6)
            axes.set_xlabel("share of the tolerance that the worst element takes")
            return svg(drawn, "How much of its tolerance each output takes; the table below has the figures")

    def depth(self, figures: Mapping[str, Json]) -> Markup | None:
        """Return the difference over the depth of the graph, the origin marked.

        Args:
            figures: ``localisation`` of a failed comparison.
        """
        listed = figures.get("over_depth")
        points = [
            (place, share)
            for point in (listed if isinstance(listed, list) else [])
            if isinstance(point, list) and len(point) == 2
            if (place := number(point[0])) is not None and (share := number(point[1])) is not None
            if math.isfinite(place) and math.isfinite(share)
        ]
        if len(points) < 2:
            return None
        with drawing(self._next()):
            drawn = figure(7.4, 3.0, ["12 345 678"])
            axes = drawn.add_subplot()
            floor = min((share for _, share in points if share > 0), default=1e-8) / 3
            xs, ys = zip(*[(place, max(share, floor)) for place, share in points], strict=True)
            axes.plot(xs, ys, color=SERIES[0], marker=".", linewidth=1)
            origin = figures.get("origin")
            share = number(origin.get("share")) if isinstance(origin, Mapping) else None
            near = min(points, key=lambda point: abs(point[1] - share)) if share is not None else None
            if near is not None and near[1] > 0:
                axes.plot([near[0]], [near[1]], marker="o", markersize=11, markerfacecolor="none", color=BAD)
                axes.annotate("origin", near, xytext=(8, 8), textcoords="offset points", color=BAD)
            if max(ys) > 12 * min(ys):
                axes.set_yscale("log")
                _bare(axes.yaxis)
            else:
                axes.set_ylim(0, 1.15 * max(ys))  # less than a decade has no tick of a logarithmic axis
            axes.yaxis.set_major_formatter(_plain)
            whole_numbers(axes.xaxis)
            axes.set_xlabel("node, from the inputs to the outputs")
            axes.set_ylabel("difference, share of the value's scale")
            return svg(drawn, "The difference over the depth of the graph, from the inputs to the outputs")


def _bare(axis: Axis) -> None:
    """Leave the small ticks of a logarithmic axis away, which cost more than all the rest."""
    from matplotlib.ticker import NullLocator

    axis.set_minor_locator(NullLocator())


def _plain(value: float, _: float) -> str:
    return f"{value:g}"


def _colors(backends: Sequence[str]) -> dict[str, str]:
    return {backend: SERIES[place % len(SERIES)] for place, backend in enumerate(dict.fromkeys(backends))}


def _label(row: CheckResult) -> str:
    return name(row.backend or row.model, 26) + (f", batch {row.batch}" if row.batch is not None else "")


def spread_of(figures: Mapping[str, Json]) -> tuple[float, float, float, float] | None:
    """Return the fastest call, p50, p95 and the slowest call, in ms; None where one is missing."""
    quantiles = figures.get("quantiles_ms")
    least = number(quantiles[0]) if isinstance(quantiles, list) and quantiles else None
    p50, p95, high = (number(figures.get(key)) for key in ("p50_ms", "p95_ms", "max_ms"))
    if p50 is None or p95 is None:
        return None
    found = (p50 if least is None else least, p50, p95, p95 if high is None else high)
    return found if all(0 < value < math.inf for value in found) else None


def budget_of(figures: Mapping[str, Json]) -> dict[str, float]:
    """Return limits in ms by percentile."""
    budget = figures.get("budget")
    found = budget.items() if isinstance(budget, Mapping) else ()
    known = {str(key): number(value) for key, value in found if str(key).endswith("_ms")}
    return {key: value for key, value in known.items() if value is not None and 0 < value < math.inf}
