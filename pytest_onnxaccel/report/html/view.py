"""What the pages show, taken out of a report: plain texts and figures, every one of a type that is known."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from pytest_onnxaccel.core.results import CheckResult, Json, Verdict
from pytest_onnxaccel.report.comparison.figures import taken
from pytest_onnxaccel.report.counts import pair, words, worst
from pytest_onnxaccel.report.html.charts import Charts, budget_of
from pytest_onnxaccel.report.html.pixels import pictures, shapes
from pytest_onnxaccel.report.run_report import RunReport, objects
from pytest_onnxaccel.report.terminal import units
from pytest_onnxaccel.report.terminal.rows import Row, rows
from pytest_onnxaccel.report.text_format import name

#: Most outputs in the tables of one model, the worst first.
OUTPUTS = 60


@dataclass
class ModelPage:
    """One model: tables as rows of text, and charts."""

    number: int
    name: str
    verdict: Verdict
    facts: list[tuple[str, str]]
    checks: Sequence[CheckResult]
    inputs: list[tuple[str, ...]]
    reached: list[str]
    errors: list[tuple[str, ...]]
    timings: list[tuple[str, ...]]
    ratios: list[tuple[str, ...]]
    speed: list[tuple[str, list[tuple[str, ...]]]]
    remarks: list[str]
    error_chart: Markup | None = None
    latency_chart: Markup | None = None
    throughput_chart: Markup | None = None


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


def overview(report: RunReport, pages: Mapping[str, int], failures: Sequence[FailurePage]) -> list[dict[str, Any]]:
    """Return the rows of the first table: model, backend and batch, with the numbers of the pages of both."""
    found = []
    names = {name(result.model): result.model for result in report.results}
    first: dict[str, int] = {}
    for page in failures:
        for row in rows([page.result]):
            first.setdefault(_place(row), page.number)
    for row in rows(report.results):
        model = names.get(row.model, row.model)
        told = {"row": row, "page": pages.get(model, 0), "words": row.wordings[0], "verdict": row.verdict.value}
        found.append({**told, "failure": first.get(_place(row), 0) if row.verdict is Verdict.FAILED else 0})
    return found


def _place(row: Row) -> str:
    """Return model, backend and batch of a row as one text."""
    return "\n".join((row.model, row.cells.get("backend", ""), row.cells.get("batch", "")))


def model_pages(report: RunReport, charts: Charts) -> list[ModelPage]:
    """Return a page for each model that has a row, by name."""
    facts = {str(model.get("name")): model for model in report.models}
    by_model: dict[str, list[CheckResult]] = {}
    for result in report.results:
        by_model.setdefault(result.model, []).append(result)
    names = sorted({*by_model, *(str(table.get("model")) for table in report.speed)})
    return [
        _model(number, model, by_model.get(model, []), facts.get(model, {}), report, charts)
        for number, model in enumerate(names, 1)
    ]


def _model(
    number: int, model: str, results: list[CheckResult], known: Mapping[str, Json], report: RunReport, charts: Charts
) -> ModelPage:
    outputs = [
        (f"{output} {pair(result)} {result.check}", result, output, figures)
        for result in results
        for output, figures in _mapping(result.figures.get("outputs")).items()
        if isinstance(figures, Mapping) and "max_abs" in figures
    ]
    outputs.sort(key=lambda one: -(taken(one[3]) or 0.0))
    timed = [result for result in results if units.number(result.figures.get("p50_ms")) is not None]
    return ModelPage(
        number,
        model,
        worst(results),
        _facts(results, known),
        results,
        _inputs(results),
        _reached(results),
        [_error(*one[1:]) for one in outputs[:OUTPUTS]],
        [_timing(result) for result in timed],
        [ratio for result in results for ratio in _ratios(result)],
        [_speed(table) for table in report.speed if table.get("model") == model],
        list(dict.fromkeys(line for result in results for line in (*result.warnings, *result.notes))),
        charts.errors([(one[0], one[3]) for one in outputs]),
        charts.latency(timed),
        charts.throughput(timed),
    )


def _mapping(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}


def _facts(results: Sequence[CheckResult], known: Mapping[str, Json]) -> list[tuple[str, str]]:
    structure = next((r.figures for r in results if r.check == "structure"), {})
    labels = {"opset": "opset", "ir_version": "IR version", "nodes": "nodes", "initializers": "initializers"}
    found = [("file", str(known["path"]))] if known.get("path") else []
    found += [(label, str(structure[key])) for key, label in labels.items() if structure.get(key) is not None]
    if structure.get("producer"):
        found.append(("made by", str(structure["producer"])))
    return found


def _inputs(results: Sequence[CheckResult]) -> list[tuple[str, ...]]:
    """Return name, shape, where its values come from and what they are, of each input of the first contract check."""
    found: list[tuple[str, ...]] = []
    told = next((m for r in results if r.check == "contract" and (m := _mapping(r.figures.get("inputs")))), {})
    for label, one in told.items():
        facts, domain = _mapping(one), _mapping(_mapping(one).get("domain"))
        shape = "x".join(map(str, facts["shape"])) if isinstance(facts.get("shape"), list) else ""
        values = ", ".join(f"{key} {domain[key]}" for key in ("kind", "low", "high") if domain.get(key) is not None)
        found.append((label, shape, str(facts.get("origin", "")), values))
    return found


def _reached(results: Sequence[CheckResult]) -> list[str]:
    lines = []
    for result in results:
        reach = _mapping(result.figures.get("reach"))
        share = units.share(reach.get("share"))
        if share:
            text = f"{result.check} {pair(result)}: {share} of {reach.get('weights', '?')} numbers in the weights"
            missed = reach.get("not_reached")
            text += f"; not reached: {', '.join(map(str, missed[:5]))}" if isinstance(missed, list) and missed else ""
            lines.append(text)
    return lines


def _error(result: CheckResult, output: str, figures: Mapping[str, Json]) -> tuple[str, ...]:
    used = taken(figures)
    return (
        output, result.check, f"{pair(result)}", units.error(figures.get("max_abs")),
        units.error(figures.get("atol")), units.error(figures.get("rtol")),
        _taken(used), str(figures.get("tolerance_from", "")),
    )  # fmt: skip


def _timing(result: CheckResult) -> tuple[str, ...]:
    figures = result.figures
    limits = ", ".join(f"{key.removesuffix('_ms')} {units.milliseconds(ms)}" for key, ms in budget_of(figures).items())
    return (
        result.backend or result.check, "" if result.batch is None else str(result.batch),
        *(units.milliseconds(figures.get(key)) for key in ("p50_ms", "p90_ms", "p95_ms", "p99_ms", "max_ms")),
        units.rate(figures.get("throughput_per_s")), units.megabytes(figures.get("peak_memory_mb")), limits,
        words(result.verdict),
    )  # fmt: skip


def _speed(table: Mapping[str, Json]) -> tuple[str, list[tuple[str, ...]]]:
    """Return the runtime, and the rows of one speed table."""
    found: list[tuple[str, ...]] = []
    for row in objects(table.get("rows")):
        low, high = units.milliseconds(row.get("low_ms")), units.milliseconds(row.get("high_ms"))
        ratio = _mapping(_mapping(row.get("times")).get("shipped"))
        times = units.ratio(ratio.get("ratio"))
        if times and units.ratio(ratio.get("low")) and units.ratio(ratio.get("high")):
            times += f" ({units.ratio(ratio['low'])} to {units.ratio(ratio['high'])})"
        why = str(row.get("why") or "") if row.get("timed") is not True else ""
        title, ms = str(row.get("title", "")), units.milliseconds(row.get("p50_ms"))
        found.append((title, ms, f"{low} to {high}" if low and high else "", times, why))
    return str(table.get("backend", "")), found


def _ratios(result: CheckResult) -> list[tuple[str, ...]]:
    figures = result.figures
    if units.number(figures.get("speedup")) is None:
        return []
    pair_of = figures.get("speedup_bounds")
    low, high = pair_of if isinstance(pair_of, list) and len(pair_of) == 2 else (None, None)
    low, high = figures.get("speedup_low", low), figures.get("speedup_high", high)
    bounds = f"{units.ratio(low)} to {units.ratio(high)}" if units.ratio(low) and units.ratio(high) else "of medians"
    batch = "" if result.batch is None else str(result.batch)
    who = result.backend or str(figures.get("candidate", result.model))
    return [(who, batch, str(figures.get("speedup_over", "")), units.ratio(figures["speedup"]), bounds)]


def failure_pages(report: RunReport, pages: Mapping[str, int], charts: Charts) -> list[FailurePage]:
    """Return a page for each check that failed unexpectedly."""
    found = []
    for number, result in enumerate(report.failed, 1):
        local = _mapping(result.figures.get("localisation"))
        origin = _mapping(local.get("origin"))
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
    outputs = {k: v for k, v in _mapping(result.figures.get("outputs")).items() if isinstance(v, Mapping)}
    for output, figures in sorted(outputs.items(), key=lambda item: -(taken(item[1]) or 0.0)):
        if "worst_candidate" in figures:
            index = figures.get("worst_index")
            place = f"[{', '.join(map(str, index))}]" if isinstance(index, list) else ""
            both = tuple(_exact(figures.get(key)) for key in ("worst_candidate", "worst_reference"))
            used = taken(figures)
            found.append((output, place, *both, units.error(figures.get("max_abs")), _taken(used)))
    return found[:OUTPUTS]


def _differences(result: CheckResult) -> list[tuple[str, ...]]:
    """Return which, index, both values and their difference, where two functions were compared."""
    found: list[tuple[str, ...]] = []
    on = str(result.figures.get("found_on") or "")
    for key, label in (
        ("first_difference", "first, of the smallest that fails"),
        ("worst", f"largest{', on ' if on else ''}{on}"),
    ):
        one = _mapping(result.figures.get(key))
        if "candidate" in one and "reference" in one:
            index = one.get("index")
            place = f"[{', '.join(map(str, index))}]" if isinstance(index, list) else ""
            mine, theirs = units.number(one["reference"]), units.number(one["candidate"])
            apart = "" if mine is None or theirs is None else units.error(abs(mine - theirs))
            found.append((label, place, _exact(one["candidate"]), _exact(one["reference"]), apart))
    return found


def _taken(used: float | None) -> str:
    """Return a share of a tolerance: in percent, and in times from ten on."""
    return "" if used is None else units.share(used) if used < 9.995 else units.ratio(used)


def _exact(value: Json) -> str:
    found = units.number(value)
    return str(value) if found is None else f"{found:.9g}"
