"""The batch size with the best throughput inside the latency budget, in the table and in the JSON report."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import jsonschema

from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.report.json_report import dumps
from pytest_onnxaccel.report.run_info import RunFacts
from pytest_onnxaccel.report.terminal.best_batch import best_batches
from pytest_onnxaccel.report.terminal.table import table


def timed(
    batch: int, rate: float, p95: float, model: str = "m", backend: str = "ort-cpu", **budget: float
) -> CheckResult:
    figures: dict[str, Any] = {"throughput_per_s": rate, "p50_ms": p95 * 0.9, "p95_ms": p95, "budget": budget}
    return CheckResult(model, "latency", Verdict.PASSED, backend=backend, batch=batch, figures=figures)


def lines(*results: CheckResult) -> list[str]:
    return [line for line in table(results, 120) if line.startswith("best batch")]


def test_without_a_budget_the_best_throughput_wins() -> None:
    found = lines(timed(1, 300, 3.1), timed(10, 420, 24), timed(16, 410, 40))
    assert found == ["best batch: 10 [ort-cpu]: 420/s, p95 24.0 ms (timed: 1, 10, 16)"]


def test_a_budget_rules_sizes_out() -> None:
    limits = {"p95_ms": 20.0}
    found = lines(timed(1, 300, 3.1, **limits), timed(3, 380, 8, **limits), timed(10, 420, 24, **limits))
    assert found == ["best batch: 3 [ort-cpu]: 380/s, p95 8.00 ms (inside p95 20.0 ms; timed: 1, 3, 10)"]


def test_every_limited_percentile_counts() -> None:
    found = lines(timed(1, 300, 3, p95_ms=20.0, p50_ms=5.0), timed(3, 380, 8, p95_ms=20.0, p50_ms=5.0))
    assert found == ["best batch: 1 [ort-cpu]: 300/s, p95 3.00 ms (inside p50 5.00 ms and p95 20.0 ms; timed: 1, 3)"]


def test_none_may_be_inside() -> None:
    found = lines(timed(1, 300, 3, p95_ms=1.0), timed(3, 380, 8, p95_ms=1.0))
    assert found == ["best batch: none of 1, 3 is inside p95 1.00 ms [ort-cpu]"]


def test_one_line_for_each_model_and_backend() -> None:
    pairs = [(model, backend) for model in "ab" for backend in ("onnx-tf", "ort-cpu")]
    found = lines(*(timed(n, n * 10, 5, *pair) for n in (1, 3) for pair in pairs))
    assert [line.partition("]")[0] for line in found] == [
        f"best batch: 3 [{model} {backend}" for model, backend in pairs
    ]


def test_one_size_is_no_choice() -> None:
    assert lines(timed(1, 300, 3)) == []
    assert lines(timed(1, 300, 3), timed(3, 300, 3, backend="onnx-tf")) == []
    broken = CheckResult("m", "latency", Verdict.FAILED, "E_CRASH", backend="ort-cpu", batch=3)
    assert lines(timed(1, 300, 3), broken) == []


def test_of_two_timings_of_one_size_the_slower_one_counts() -> None:
    (best,) = best_batches([timed(1, 300, 3), timed(3, 900, 1), timed(3, 200, 15)])
    assert (best.batch, best.throughput_per_s) == (1, 300)


def test_equal_throughput_goes_to_the_smaller_batch() -> None:
    (best,) = best_batches([timed(3, 300, 9), timed(1, 300, 3)])
    assert best.batch == 1


def test_the_report_has_it_by_the_schema() -> None:
    results = [timed(1, 300, 3, p95_ms=5.0), timed(3, 380, 8, p95_ms=5.0), timed(1, 300, 3, "other")]
    report = json.loads(dumps(results, RunFacts(started=0, duration_s=1, exit_status=0).to_json()))
    schema = json.loads(files("pytest_onnxaccel.report").joinpath("schema-v1.json").read_text())
    jsonschema.validate(report, schema)
    one, other = report["models"]
    assert one["best_batch"] == [
        {
            "backend": "ort-cpu", "batch": 1, "throughput_per_s": 300, "p95_ms": 3, "budget": {"p95_ms": 5.0},
            "timed": [1, 3],
        }
    ]  # fmt: skip
    assert "best_batch" not in other
