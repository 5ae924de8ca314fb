"""Specs survive JSON, because that is how they reach another process."""

from __future__ import annotations

import dataclasses
import json

import ml_dtypes
import numpy as np
import pytest

from pytest_onnxaccel.core.specs import (
    LatencyBudget,
    ModelInfo,
    TensorSpec,
    Timing,
    TimingPlan,
    Tolerance,
    dtype_label,
)

INFO = ModelInfo(
    ir_version=10,
    opsets={"ai.onnx": 17, "com.example": 1},
    producer="tests 1",
    inputs=(
        TensorSpec("x", "float32", ("N", 3, None)),
        TensorSpec("s", "", None, "sequence"),
        TensorSpec("c", "int64", ()),
    ),
    outputs=(TensorSpec("y", "bfloat16", None),),
    batch="N",
    nodes=3,
    initializers=1,
    external=("weights.bin",),
    operators={"Add": 2, "If": 1},
    dim_hints=(64, 3),
)


def test_a_description_survives_json() -> None:
    assert ModelInfo.from_json(json.loads(json.dumps(INFO.to_json()))) == INFO


@pytest.mark.parametrize(("opsets", "opset"), [({"ai.onnx": 17}, 17), ({"com.example": 1}, 0), ({}, 0)])
def test_the_opset_is_that_of_the_default_domain(opsets: dict[str, int], opset: int) -> None:
    assert dataclasses.replace(INFO, opsets=opsets).opset == opset


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (TensorSpec("x", "float32", (1, "N", None)), "x float32[1xNx?]"),
        (TensorSpec("x", "float32", None), "x float32[?]"),
        (TensorSpec("x", "int64", ()), "x int64[]"),
        (TensorSpec("x", "", None, "sequence"), "x ?[?]"),
    ],
)
def test_a_tensor_reads_as_name_type_and_dimensions(spec: TensorSpec, text: str) -> None:
    assert str(spec) == text


def test_numpys_types_go_by_the_names_of_specs() -> None:
    labels = {
        np.float32: "float32", np.int8: "int8", np.bool_: "bool", np.str_: "string", np.object_: "string",
        np.bytes_: "string", ml_dtypes.bfloat16: "bfloat16", ml_dtypes.float8_e4m3fn: "float8e4m3fn",
        ml_dtypes.float8_e5m2fnuz: "float8e5m2fnuz", ml_dtypes.int4: "int4",
    }  # fmt: skip
    assert {dtype: dtype_label(np.dtype(dtype)) for dtype in labels} == labels


def test_a_budget_is_one_when_it_limits_something() -> None:
    assert not LatencyBudget()
    assert not LatencyBudget(threads=4, origin="marker")
    assert LatencyBudget(p95_ns=1.0)
    assert LatencyBudget(p50_ns=0.0)
    assert LatencyBudget(speedup_over=("onnx-tf", 2.0))


def test_timings_and_plans_are_made_of_builtins() -> None:
    plan = TimingPlan(samples=7)
    assert TimingPlan(**json.loads(json.dumps(plan.to_json()))) == plan
    timing = Timing((1, 2), (3, 4), 5, 6, start_ns=7, end_ns=8)
    assert Timing.from_json(json.loads(json.dumps(timing.to_json()))) == timing
    # A backend of a third party may have been built on a version that had no clock in it
    old = {"wall_ns": [1, 2], "cpu_ns": [3, 4], "warmup": 5, "first_call_ns": 6}
    assert Timing.from_json(old) == Timing((1, 2), (3, 4), 5, 6)


def test_specs_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Tolerance().rtol = 1.0  # type: ignore[misc]
