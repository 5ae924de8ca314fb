"""CUDA and TensorRT on a real GPU: parity, batch, placement, options, latency. Skipped where there is none.

``ONNXACCEL_REQUIRE_GPU=1`` makes it a failure to have none. On a machine with a GPU, in a fresh environment::

    python -m pip install -e ".[gpu,xdist]" && ONNXACCEL_REQUIRE_GPU=1 python -m pytest suites/gpu -rA
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from pytest_onnxaccel.core.placement import CpuNodes
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import LatencyBudget
from pytest_onnxaccel.doctor.machine import nvidia_driver
from suites.validated import detector, result_of

REQUIRED = bool(os.environ.get("ONNXACCEL_REQUIRE_GPU"))

pytestmark = pytest.mark.skipif(
    not REQUIRED and not nvidia_driver(), reason="no NVIDIA driver is here, and ONNXACCEL_REQUIRE_GPU is not set"
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return detector(tmp_path_factory.mktemp("gpu"))


def run(path: Path, check: str, backend: str, spec: dict[str, Any] | None = None, **options: Any) -> CheckResult:
    result = result_of(path, check, backend, spec, required=frozenset({backend}), **options)
    print(result, result.figures)
    return result


@pytest.mark.parametrize("backend", ["ort-cuda", "ort-tensorrt"])
@pytest.mark.parametrize("check", ["contract", "parity", "batch"])
def test_a_model_holds(model: Path, backend: str, check: str) -> None:
    result = run(model, check, backend)
    assert result.verdict is Verdict.PASSED
    assert result.figures["cpu_nodes"] == []


def test_without_tf32_it_is_nearer(model: Path) -> None:
    with_, without = (
        run(model, "parity", "ort-cuda", providers={"ort-cuda": (("use_tf32", value),)}) for value in ("1", "0")
    )
    assert without.verdict is Verdict.PASSED
    assert without.figures["max_abs"] <= with_.figures["max_abs"]
    assert without.figures["provider_options"]["use_tf32"] == "0"


def test_it_is_faster_than_the_cpu(model: Path) -> None:
    result = run(model, "latency", "ort-cuda", {"budget": LatencyBudget(speedup_over=("ort-cpu", 0.01))})
    assert "times as fast as ort-cpu" in result.message


def test_a_device_that_is_not_there(model: Path) -> None:
    result = run(model, "contract", "ort-cuda:63", cpu_nodes=CpuNodes())
    assert (result.verdict, result.code) == (Verdict.FAILED, "E_BACKEND")


def test_an_option_that_does_not_exist(model: Path) -> None:
    result = run(model, "contract", "ort-cuda", providers={"ort-cuda": (("use_tf23", "0"),)})
    assert (result.verdict, result.code) == (Verdict.FAILED, "E_CONFIG")
    assert "did you mean 'use_tf32'?" in result.message
