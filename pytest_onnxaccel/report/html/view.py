"""What the pages of models show, taken out of a report: plain texts and figures, each of a type that is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from pytest_onnxaccel.core.results import CheckResult, Json, Verdict
from pytest_onnxaccel.report.comparison.figures import taken
from pytest_onnxaccel.report.counts import pair, words, worst
from pytest_onnxaccel.report.html.charts import Charts, budget_of
from pytest_onnxaccel.report.html.failures import FailurePage
from pytest_onnxaccel.report.run_report import RunReport, mapping, objects
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
        for output, figures in mapping(result.figures.get("outputs")).items()
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
    told = next((m for r in results if r.check == "contract" and (m := mapping(r.figures.get("inputs")))), {})
    for label, one in told.items():
        facts, domain = mapping(one), mapping(mapping(one).get("domain"))
        shape = "x".join(map(str, facts["shape"])) if isinstance(facts.get("shape"), list) else ""
        values = ", ".join(f"{key} {domain[key]}" for key in ("kind", "low", "high") if domain.get(key) is not None)
        found.append((label, shape, str(facts.get("origin", "")), values))
    return found


def _reached(results: Sequence[CheckResult]) -> list[str]:
    lines = []
    for result in results:
        reach = mapping(result.figures.get("reach"))
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
        units.taken(used), str(figures.get("tolerance_from", "")),
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
        ratio = mapping(mapping(row.get("times")).get("shipped"))
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
