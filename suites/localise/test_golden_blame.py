"""Golden outputs decide which engine is wrong, before arithmetic is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from suites.localise.conftest import Check
from suites.localise.crooked import Crooked, registered
from suites.reports.engines import scaled

CPU = "ort-cpu"


def beside(folder: Path, model: onnx.ModelProto, right: Any) -> Path:
    """*model* in *folder* with one golden set: what *right* gives for an input."""
    place = folder / "golden" / "test_data_set_0"
    place.mkdir(parents=True)
    onnx.save(model, folder / "golden" / "model.onnx")
    x = np.random.default_rng(2).standard_normal((3, 8)).astype(np.float32) * 8
    (place / "input_0.pb").write_bytes(numpy_helper.from_array(x, "x").SerializeToString())
    (place / "output_0.pb").write_bytes(numpy_helper.from_array(right(x), "y").SerializeToString())
    return folder / "golden" / "model.onnx"


def softmax(x: Any) -> Any:
    stored = {t.name: numpy_helper.to_array(t) for t in scaled().graph.initializer}
    logits = (x @ stored["w"]) * stored["s"]
    power = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return (power / power.sum(axis=-1, keepdims=True)).astype(np.float32)


def hard(x: Any) -> Any:
    """What the crooked engine gives: as golden data it is right, whatever arithmetic says."""
    stored = {t.name: numpy_helper.to_array(t) for t in scaled().graph.initializer}
    return np.clip(0.2 * (x @ stored["w"]) * stored["s"] + 0.5, 0, 1).astype(np.float32)


@pytest.mark.parametrize(("right", "wrong"), [(softmax, "crooked"), (hard, CPU)])
def test_golden_outputs_decide(check: Check, tmp_path: Path, right: Any, wrong: str) -> None:
    with registered("crooked", Crooked):
        result = check(beside(tmp_path, scaled(), right), CPU, "crooked", ("crooked", CPU))
    assert result.verdict.value == "failed", result.message
    assert result.figures["outputs"]["y"]["sample"] == 0, "the golden one is far larger than what is made up"
    assert (result.figures["blame"]["by"], result.figures["blame"]["wrong"]) == ("golden data", [wrong])
    assert result.message.endswith(f"; wrong: {wrong} (by golden data)")


def test_without_golden_outputs_arithmetic_does(check: Check) -> None:
    with registered("crooked", Crooked):
        result = check(scaled(), CPU, "crooked", ("crooked", CPU))
    assert (result.figures["blame"]["by"], result.figures["blame"]["wrong"]) == ("float64", ["crooked"])
