"""Operators of onnx's evaluator that are put right: as the specification has them, where the evaluator has not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.backends.reference import ReferenceBackend


def run(tmp_path: Path, op: str, x: Any, **attributes: Any) -> Any:
    node = helper.make_node(op, ["x"], ["y"], **attributes)
    sides = [[helper.make_tensor_value_info(name, TensorProto.FLOAT, x.shape)] for name in ("x", "y")]
    opset = [helper.make_opsetid("", 22 if op == "LpNormalization" else 18)]
    model = helper.make_model(helper.make_graph([node], "g", *sides), opset_imports=opset, ir_version=10)
    onnx.save(model, tmp_path / "m.onnx")
    session = ReferenceBackend().load(str(tmp_path / "m.onnx"), LoadOptions())
    return session.run({"x": x})["y"]


def test_the_first_norm_is_of_magnitudes(tmp_path: Path) -> None:
    x = np.asarray([[1, -3], [2, 2]], np.float32)
    assert np.allclose(run(tmp_path, "LpNormalization", x, axis=1, p=1), [[0.25, -0.75], [0.5, 0.5]])
    second = run(tmp_path, "LpNormalization", x, axis=-1, p=2)
    assert np.allclose(second, x / np.sqrt((x * x).sum(1, keepdims=True)))
    assert (run(tmp_path, "LpNormalization", np.zeros((1, 2), np.float32), p=1) == 0).all()


def test_the_logarithm_of_a_softmax_of_large_numbers_is_finite(tmp_path: Path) -> None:
    x = np.asarray([[0, 1, 10000], [1, 2, 3]], np.float32)
    found = run(tmp_path, "LogSoftmax", x, axis=1)
    assert np.allclose(found[0], [-10000, -9999, 0])
    assert np.allclose(found[1], x[1] - np.log(np.exp(x[1]).sum()))
