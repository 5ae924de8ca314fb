"""What the pages of failures show, taken out of a report: plain texts and figures, each of a type that is known."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from pytest_onnxaccel.core.results import CheckResult, Json
from pytest_onnxaccel.report.comparison.figures import taken
from pytest_onnxaccel.report.html.charts import Charts
from pytest_onnxaccel.report.html.pixels import pictures, shapes
from pytest_onnxaccel.report.run_report import RunReport, mapping, objects
from pytest_onnxaccel.report.terminal import units

#: Most outputs in the table of values of one failure, the worst first.
OUTPUTS = 60


@dataclass
class FailurePage:
    """One failed check."""

    number: int
    model: int
    result: CheckResult
    origin: Mapping[str, Json]
    around: list[tuple[str, list[str]]]
    values: list[tuple[str, ...]]
    differences: list[tuple[str, ...]]
    rerun: str
    case: str
    depth_chart: Markup | None = None
    picture: Markup | None = None
    shapes: Sequence[tuple[str, str]] = field(default_factory=tuple)

    @property
    def shades(self) -> bool:
        """The picture has shades of grey, not lines."""
        return any("x" in shape.split(" ")[0] for _, shape in self.shapes)


def failure_pages(report: RunReport, pages: Mapping[str, int], charts: Charts) -> list[FailurePage]:
    """Return a page for each check that failed unexpectedly."""
    found = []
    for number, result in enumerate(report.failed, 1):
        local = mapping(result.figures.get("localisation"))
        origin = mapping(local.get("origin"))
        case = result.figures.get("case")
        told = next((line.removeprefix("case: ") for line in result.details if line.startswith("case: ")), "")
        found.append(
            FailurePage(
                number,
                pages.get(result.model, 0),
                result,
                origin,
                _around(origin),
                _values(result),
                _differences(result),
                _rerun(result),
                case if isinstance(case, str) else told.removesuffix(" (python repro.py)"),
                charts.depth(local),
                pictures(result.figures, 10_000 + number),
                shapes(result.figures),
            )
        )
    return found


def _rerun(result: CheckResult) -> str:
    """Return the command that runs one check again, without the options of the run."""
    if result.check == "preprocessing" and result.nodeid.startswith("preprocessing/"):
        # A pair of the manifest is not a file, so its id cannot be an argument
        return f"python -m pytest --onnx-only -k {result.model}" if result.model.isidentifier() else ""
    return f"python -m pytest {shlex.quote(result.nodeid)}" if result.nodeid else ""


def _around(origin: Mapping[str, Json]) -> list[tuple[str, list[str]]]:
    """Return the nodes before, at and after the place where both sides part, in words."""
    steps = [("reads from", "before"), ("candidate computes", "nodes"), ("reference computes", "reference_nodes")]
    steps.append(("is read by", "after"))
    return [(label, found) for label, key in steps if (found := [_node(one) for one in objects(origin.get(key))])]


def _node(one: Mapping[str, Json]) -> str:
    for kind in ("input", "output"):
        if kind in one:
            return f"{kind} {one[kind]}"
    outputs = one.get("outputs")
    shown = str(one.get("name") or "") or (f"gives {outputs[0]}" if isinstance(outputs, list) and outputs else "")
    module = f" (module {one['module']})" if one.get("module") else ""
    return f"{one.get('op', '?')} {shown}{module}".strip()


def _values(result: CheckResult) -> list[tuple[str, ...]]:
    """Return output, index, both values, difference and tolerance, of each output that has them; the worst first."""
    found = []
    outputs = {k: v for k, v in mapping(result.figures.get("outputs")).items() if isinstance(v, Mapping)}
    for output, figures in sorted(outputs.items(), key=lambda item: -(taken(item[1]) or 0.0)):
        if "worst_candidate" in figures:
            index = figures.get("worst_index")
            place = f"[{', '.join(map(str, index))}]" if isinstance(index, list) else ""
            both = tuple(_exact(figures.get(key)) for key in ("worst_candidate", "worst_reference"))
            used = taken(figures)
            found.append((output, place, *both, units.error(figures.get("max_abs")), units.taken(used)))
    return found[:OUTPUTS]


def _differences(result: CheckResult) -> list[tuple[str, ...]]:
    """Return which, index, both values and their difference, where two functions were compared."""
    found: list[tuple[str, ...]] = []
    on = str(result.figures.get("found_on") or "")
    for key, label in (
        ("first_difference", "first, of the smallest that fails"),
        ("worst", f"largest{', on ' if on else ''}{on}"),
    ):
        one = mapping(result.figures.get(key))
        if "candidate" in one and "reference" in one:
            index = one.get("index")
            place = f"[{', '.join(map(str, index))}]" if isinstance(index, list) else ""
            mine, theirs = units.number(one["reference"]), units.number(one["candidate"])
            apart = "" if mine is None or theirs is None else units.error(abs(mine - theirs))
            found.append((label, place, _exact(one["candidate"]), _exact(one["reference"]), apart))
    return found


def _exact(value: Json) -> str:
    found = units.number(value)
    return str(value) if found is None else f"{found:.9g}"
