"""Flat JUnit properties."""

from __future__ import annotations

from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.report.junit import properties


def test_a_timing() -> None:
    figures = {
        "samples": 100,
        "p50_ms": 2.7142857142857144,
        "p95_ms": 3.1,
        "throughput_per_s": 368.4,
        "spinning": True,
        "threads": None,
        "provider": "CPUExecutionProvider",
        "budget": {"p95_ms": 12},
        "speedup": 5.6,
        "speedup_over": "onnx-tf",
    }
    result = CheckResult("m", "latency", Verdict.PASSED, message="fast", backend="ort-cpu", batch=1, figures=figures)
    assert properties(result) == [
        ("onnxaccel.model", "m"),
        ("onnxaccel.check", "latency"),
        ("onnxaccel.backend", "ort-cpu"),
        ("onnxaccel.batch", "1"),
        ("onnxaccel.verdict", "passed"),
        ("onnxaccel.code", "OK"),
        ("onnxaccel.samples", "100"),
        ("onnxaccel.p50_ms", "2.71429"),
        ("onnxaccel.p95_ms", "3.1"),
        ("onnxaccel.throughput_per_s", "368.4"),
        ("onnxaccel.provider", "CPUExecutionProvider"),
        ("onnxaccel.speedup", "5.6"),
        ("onnxaccel.speedup_over", "onnx-tf"),
    ]


def test_where_the_nodes_run() -> None:
    placed = {"placement": {"CUDAExecutionProvider": 9, "CPUExecutionProvider": 1}, "device": "cuda:1"}
    found = dict(properties(CheckResult("m", "contract", Verdict.PASSED, backend="ort-cuda:1", figures=placed)))
    assert found["onnxaccel.placement"] == "CUDAExecutionProvider 9, CPUExecutionProvider 1"
    assert found["onnxaccel.device"] == "cuda:1"


def test_a_check_of_the_file_names_no_backend() -> None:
    result = CheckResult("m", "structure", Verdict.PASSED, figures={"opset": 9, "checker_ok": True})
    assert [name for name, _ in properties(result)] == [
        "onnxaccel.model",
        "onnxaccel.check",
        "onnxaccel.verdict",
        "onnxaccel.code",
        "onnxaccel.opset",
    ]


def test_what_did_not_pass_says_why() -> None:
    result = CheckResult("m", "parity", Verdict.INCONCLUSIVE, code="V_LATENCY", message="noisy", reference="r")
    found = dict(properties(result))
    assert found["onnxaccel.message"] == "noisy"
    assert found["onnxaccel.reference"] == "r"


def test_non_finite_and_zero_figures_are_kept() -> None:
    figures = {
        "max_abs": float("nan"),
        "max_ulp": "inf",
        "bad_share": 0.0,
        "rtol": 0,
        "max_rel_range": 2.98e-07,
    }
    found = dict(properties(CheckResult("m", "parity", Verdict.FAILED, figures=figures)))
    assert found["onnxaccel.max_abs"] == "nan"
    assert found["onnxaccel.max_ulp"] == "inf"
    assert found["onnxaccel.bad_share"] == "0"
    assert found["onnxaccel.rtol"] == "0"
    assert found["onnxaccel.max_rel_range"] == "2.98e-07"


def test_hostile_text_is_one_printable_line() -> None:
    evil = "a\x00\x1b[31m\n::error::" + "z" * 100_000
    result = CheckResult(evil, "parity", Verdict.FAILED, code="V_PARITY", message=evil, figures={"worst_output": evil})
    assert all(value.isprintable() and len(value) <= 300 for _, value in properties(result))


def test_results_share_the_pairs_that_are_equal() -> None:
    """Reports of thousands of models are kept until the run ends."""
    one, two = (properties(CheckResult(model, "parity", Verdict.PASSED, backend="ort-cpu")) for model in ("a", "b"))
    assert dict(one) == {**dict(two), "onnxaccel.model": "a"}
    assert [left is right for left, right in zip(one, two, strict=True)] == [pair[1] not in ("a", "b") for pair in two]
