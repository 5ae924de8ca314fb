"""``--onnx-require``: a backend that must run is a failure when it is absent, never a skip."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

import pytest

from fixtures import graphs

no_gpu_wheel = pytest.mark.skipif(find_spec("onnxruntime") is None, reason="needs onnxruntime")


@no_gpu_wheel
def test_an_absent_gpu_fails_and_says_why(gate: Callable, save: Callable) -> None:
    run = gate(f"--onnx-model={save(graphs.small_cnn())}", "--onnx-require=ort-cuda", "-k", "not latency")
    assert run.status == 1, run.out
    row = run.row("contract", "ort-cuda")
    assert (row["verdict"], row["code"]) == ("failed", "E_BACKEND")
    assert "onnxruntime-gpu" in row["message"] or "CUDA" in row["message"]
    assert "pip install" in row["message"]
    assert run.row("contract", "ort-cpu")["verdict"] == "passed"


def test_an_absent_backend_that_was_only_named_is_skipped(gate: Callable, save: Callable) -> None:
    run = gate(f"--onnx-model={save(graphs.small_cnn())}", "--onnx-backend=ort-cpu,ort-cuda", "-k", "not latency")
    assert run.status == 0, run.out
    assert run.row("contract", "ort-cuda")["verdict"] == "not_applicable"
    assert run.row("parity", "ort-cuda")["verdict"] == "not_applicable"
    assert run.row("parity", "ort-cpu")["verdict"] == "passed"
    assert "asked: backend ort-cuda was judged by 0 checks" in run.out


def test_an_unknown_backend_is_a_usage_error(gate: Callable, save: Callable) -> None:
    run = gate(f"--onnx-model={save(graphs.small_cnn())}", "--onnx-require=ort-cud")
    assert run.status == 4
    assert "did you mean 'ort-cuda'" in run.out
