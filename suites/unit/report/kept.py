"""Reports of runs that never were, for tests of pages."""

from __future__ import annotations

from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.report.run_info import RunFacts
from pytest_onnxaccel.report.run_report import RunReport, report_from

#: What a model may be called: it is shown as text wherever it stands.
EVIL = (
    "<script>alert(1)</script><img src=//evil.example/x onerror=alert(2)>`${{7*7}}` {{7*7}} [x](http://evil) @you | $x$"
)

RUN = RunFacts(1_700_000_000.0, 12.5, 1, {"onnxruntime": "1.32.0"}).to_json()


def difference(max_abs: float = 1e-6, atol: float = 1e-5, **more: object) -> dict[str, object]:
    """Figures of one output of a comparison."""
    apart = {"worst_candidate": 1.0 + max_abs, "worst_reference": 1.0, "worst_index": [0, 3], "elements": 40}
    return {"max_abs": max_abs, "rtol": 0.0, "atol": atol, "tolerance_from": "default", **apart, **more}


def parity(model: str = "net", max_abs: float = 1e-6, **changes: object) -> CheckResult:
    """A parity check of one output."""
    figures = {"max_abs": max_abs, "samples": 5, "outputs": {"y": difference(max_abs)}, "reach": {"share": 1.0}}
    row = CheckResult(model, "parity", Verdict.PASSED, "OK", "agrees", "ort-cpu", "reference", 1, figures)
    return row.with_(nodeid=f"{model}.onnx::parity[ort-cpu~reference]").with_(**changes)


def latency(model: str = "net", batch: int = 1, backend: str = "ort-cpu", ms: float = 2.0) -> CheckResult:
    """A latency check."""
    figures = {
        "samples": 100, "p50_ms": ms, "p90_ms": ms * 1.2, "p95_ms": ms * 1.3, "p99_ms": ms * 1.6, "max_ms": ms * 2,
        "throughput_per_s": 1000 * batch / ms, "budget": {"p95_ms": 5.0}, "threads": None,
    }  # fmt: skip
    return CheckResult(
        model, "latency", Verdict.PASSED, "OK", "within budget", backend, batch=batch, figures=figures,
        nodeid=f"{model}.onnx::latency[{backend}-b{batch}]",
    )  # fmt: skip


def structure(model: str = "net") -> CheckResult:
    """A structure check."""
    figures = {"checker_ok": True, "opset": 17, "nodes": 120, "producer": "pytorch 2.9"}
    return CheckResult(
        model, "structure", Verdict.PASSED, "OK", "valid", figures=figures, nodeid=f"{model}.onnx::structure"
    )


def hygiene(model: str = "net", unused: int = 1) -> CheckResult:
    """A hygiene check."""
    figures = {"findings": 1, "by_kind": {"unused-initializer": unused}}
    return CheckResult(
        model, "hygiene", Verdict.PASSED, "OK", "1 finding", figures=figures, warnings=("unused-initializer: a",),
        nodeid=f"{model}.onnx::hygiene",
    )  # fmt: skip


def report(*results: CheckResult) -> RunReport:
    """A report of *results*."""
    return report_from(results, RUN, [{"name": row.model, "path": f"{row.model}.onnx"} for row in results[:1]])
