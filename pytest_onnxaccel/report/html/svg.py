"""Charts of matplotlib as SVG that stands in a page: the page's colours, unique names, no links."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from pytest_onnxaccel.report.text_format import cells

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

#: Colours that stand for a variable of the page's style, so that a chart is light or dark as the page is.
INK, LINE, BAD, PAPER = "#00000a", "#00000b", "#00000c", "#00000d"
SERIES = ("#0000a1", "#0000a2", "#0000a3", "#0000a4", "#0000a5", "#0000a6")
_VARIABLES = {INK: "ink", LINE: "line", BAD: "bad", PAPER: "paper"}
_VARIABLES |= {color: f"series-{number}" for number, color in enumerate(SERIES, 1)}

_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # a model's name is not a formula
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.edgecolor": LINE,
    "axes.labelcolor": INK,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
}

_HEAD = re.compile(r"^.*?(?=<svg )", re.DOTALL)
_METADATA = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)
#: Names that matplotlib gives to every part of every chart; those that something refers to are kept.
_NAMES = re.compile(r' id="(?!p[0-9a-f]{10}|m[0-9a-f]{10})[^"]*"')


@contextmanager
def drawing(number: int) -> Iterator[None]:
    """Draw in the style of the page.

    Args:
        number: of the chart in its page; two charts share no names.
    """
    import matplotlib

    style: Any = {**_STYLE, "svg.hashsalt": f"chart-{number}"}
    with warnings.catch_warnings(), matplotlib.rc_context(style):
        # Letters that the font for measuring lacks; a browser has others
        warnings.simplefilter("ignore")
        yield


def figure(width: float, height: float, labels: Sequence[str] = (), top: float = 0.12, right: float = 0.2) -> Figure:
    """Return an empty figure without any global state, its margins in inches as its labels need them.

    Args:
        width: in inches.
        height: in inches.
        labels: of the vertical axis. Matplotlib could measure them; that takes as long as all of the drawing.
        top: margin.
        right: margin.
    """
    from matplotlib.figure import Figure

    left = 0.2 + 0.085 * max(map(cells, labels), default=0)
    drawn = Figure(figsize=(width, height))
    drawn.subplots_adjust(min(left, 0.6 * width) / width, 0.5 / height, 1 - right / width, 1 - top / height)
    return drawn


def whole_numbers(axis: Axis) -> None:
    """Put ticks at whole numbers alone: nodes and samples are counted."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(6, integer=True))


def svg(drawn: Figure, title: str) -> Markup:
    """Return *drawn* as an element of a page.

    Args:
        drawn: the chart.
        title: what it shows, for those who cannot see it.
    """
    file = io.StringIO()
    drawn.savefig(file, format="svg", metadata={"Date": None})
    text = _NAMES.sub("", _METADATA.sub("", _HEAD.sub("", file.getvalue())))
    width = re.search(r'<svg [^>]*?width="([\d.]+)pt"', text)
    text = re.sub(r'(<svg [^>]*?)height="[\d.]+pt" ?', r"\1", text, count=1)
    size = f"{float(width[1]) * 96 / 72:.0f}px" if width else "100%"
    text = re.sub(
        r'width="[\d.]+pt"', f'role="img" aria-label="{escape(title)}" style="max-width: {size}"', text, count=1
    )
    for color, name in _VARIABLES.items():
        text = text.replace(color, f"var(--{name})")
    return Markup(text.strip())
