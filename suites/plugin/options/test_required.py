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


@pytest.mark.parametrize("more", [(), ("-n", "2")])
def test_a_required_backend_that_no_check_was_on_fails_the_run(
    gate: Callable, save: Callable, more: tuple[str, ...]
) -> None:
    model = f"--onnx-model={save(graphs.small_cnn())}"
    run = gate(model, "--onnx-require=reference", "-k", "structure", *more)
    assert run.status == 1, run.out
    assert "not judged: backend reference was required, and no check of this run was on it (V_NOTJUDGED)" in run.out
    judged = gate(model, "--onnx-require=reference", "-k", "structure or reference", *more)
    assert judged.status == 0, judged.out


def test_a_backend_that_an_ini_file_requires_need_not_be_in_each_run(gate: Callable, save: Callable) -> None:
    model = f"--onnx-model={save(graphs.small_cnn())}"
    run = gate(model, "-o", "onnx_require=reference", "-k", "structure")
    assert run.status == 0, run.out


def test_a_part_of_a_run_need_not_have_each_required_backend(gate: Callable, save: Callable) -> None:
    pytest.importorskip("pytest_split")
    parts = ("--splits", "9", "--group", "1")
    run = gate(f"--onnx-model={save(graphs.small_cnn())}", "--onnx-require=reference", "--onnx-backend=ort-cpu", *parts)
    assert run.status == 0, run.out
    assert "structure" in {row["check"] for row in run.rows}
