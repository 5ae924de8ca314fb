"""Outputs of a conversion under each other's names: that is what is said, and no node is."""

from __future__ import annotations

from pathlib import Path

import pytest
from onnx import ModelProto

from pytest_onnxaccel.core.results import Verdict
from suites.planted.making import FLOAT, model, node, random, value
from suites.precision.conversions import parity, quantised, to_float16, told


def two_heads(swapped: bool = False) -> ModelProto:
    ends = [
        node("Identity", [name], [output])
        for name, output in zip("qp" if swapped else "pq", ("boxes", "scores"), strict=True)
    ]
    nodes = [
        node("MatMul", ["x", "w"], ["a"], "one"), node("Relu", ["a"], ["p"], "first"),
        node("MatMul", ["x", "v"], ["b"], "two"), node("Sigmoid", ["b"], ["q"], "second"), *ends,
    ]  # fmt: skip
    outputs = [value("boxes", FLOAT, [4, 8]), value("scores", FLOAT, [4, 8])]
    return model(nodes, [value("x", FLOAT, [4, 16])], outputs, {"w": random(16, 8), "v": random(16, 8, seed=3)})


def test_exchanged_outputs_of_a_conversion_are_told(tmp_path: Path) -> None:
    for keep in (True, False):
        result = parity(to_float16(two_heads(swapped=True), keep), two_heads(), tmp_path)
        assert (result.verdict, result.code) == (Verdict.FAILED, "V_PARITY"), told(result)
        assert "outputs exchanged: 'boxes' equals the reference's 'scores'" in result.message
        assert "origin: " not in result.message
        healthy = parity(to_float16(two_heads(), keep), two_heads(), tmp_path)
        assert healthy.verdict is Verdict.PASSED, told(healthy)


@pytest.mark.parametrize("form", ["qdq", "dynamic"])
def test_exchanged_outputs_in_eight_bits_fail_without_a_limit(form: str, tmp_path: Path) -> None:
    result = parity(quantised(two_heads(swapped=True), tmp_path, form, False), two_heads(), tmp_path)
    assert (result.verdict, result.code) == (Verdict.FAILED, "V_PARITY"), told(result)
    assert "outputs exchanged: 'boxes' equals the reference's 'scores'" in result.message
    assert "most is lost" not in result.message
    healthy = parity(quantised(two_heads(), tmp_path, form, False), two_heads(), tmp_path)
    assert (healthy.verdict, healthy.code) == (Verdict.INCONCLUSIVE, "V_QUANTISED"), told(healthy)
