"""How much may stay on the CPU: nothing by default, what is allowed by number or operator, and the rest by name."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.placement import CPU, CpuNodes, breach, figures, told

EP = "CUDAExecutionProvider"


def placed(**on_cpu: int) -> dict[str, Any]:
    named = [[f"{name.lower()}{i}", name] for name, count in on_cpu.items() for i in range(count)]
    return {"nodes": {EP: 9, CPU: sum(on_cpu.values())}, "cpu": named, "cpu_operators": on_cpu}


@pytest.mark.parametrize(
    ("text", "expected"),
    [("3", CpuNodes(3)), ("Shape", CpuNodes(0, ("Shape",))), ("2, Shape,Gather", CpuNodes(2, ("Shape", "Gather"))),
     ("com.microsoft.Gelu", CpuNodes(0, ("com.microsoft.Gelu",)))],
)  # fmt: skip
def test_what_is_allowed(text: str, expected: CpuNodes) -> None:
    assert CpuNodes.parse(text) == expected


@pytest.mark.parametrize("text", ["", "-1", "Shape,,Gather", "a b", "1.5", "all", "None", "true"])
def test_what_is_no_allowance(text: str) -> None:
    with pytest.raises(ConfigError, match="neither a number nor an operator"):
        CpuNodes.parse(text)


@pytest.mark.parametrize(
    "allowed", [CpuNodes(3), CpuNodes(0, ("Shape", "Gather")), CpuNodes(1, ("Shape",))], ids=str
)  # fmt: skip
def test_within(allowed: CpuNodes) -> None:
    assert breach(placed(Shape=2, Gather=1), allowed, "ort-cuda") is None


def test_past_it_the_nodes_are_named_with_what_to_do() -> None:
    fault = breach(placed(Shape=2, Gather=1), CpuNodes(0, ("Shape",)), "ort-cuda")
    assert fault is not None
    assert fault.code == "V_PLACEMENT"
    assert fault.cause == "ort-cuda leaves 1 of 12 nodes to the CPU, and none may be there: Gather 'gather0'"
    assert fault.remedy.endswith("--onnx-allow-cpu-nodes=Gather")


def test_many_are_counted() -> None:
    fault = breach(placed(Shape=9), CpuNodes(8), "ort-cuda")
    assert fault is not None
    assert fault.cause.startswith("ort-cuda leaves 9 of 18 nodes to the CPU, and 8 may be there: Shape 'shape0', ")
    assert fault.cause.endswith(" and 4 more")


def test_the_cpu_itself_is_no_fallback() -> None:
    assert (
        breach({"nodes": {CPU: 4}, "cpu": [["a", "Relu"]], "cpu_operators": {"Relu": 4}}, CpuNodes(), "ort-cuda")
        is None
    )
    assert breach(None, CpuNodes(), "ort-cuda") is None


def test_what_a_session_tells() -> None:
    assert told({"provider": CPU}, 5) == {"nodes": {CPU: 5}, "cpu": [], "cpu_operators": {}}
    assert told({"provider": EP, "placement": placed(Shape=1)}, 5) == placed(Shape=1)
    assert told({"provider": EP, "placement": None}, 5) is None
    assert told({"provider": "numpy"}, 5) is None


def test_figures() -> None:
    assert figures(placed(Shape=1), {}) == {"placement": {EP: 9, CPU: 1}, "cpu_nodes": ["Shape 'shape0'"]}
    assert figures({"nodes": {CPU: 4}, "cpu": [["a", "Relu"]], "cpu_operators": {}}, {}) == {"placement": {CPU: 4}}
    facts = {"device": "cuda:1", "provider_options": {"use_tf32": "0"}}
    assert figures(None, {}) == {}
    assert figures(None, facts) == facts
