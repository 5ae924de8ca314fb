"""Types that NumPy lacks go into ONNX Runtime and come out of it."""

from __future__ import annotations

from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from pytest_onnxaccel.backends.onnxruntime.cpu import OrtCpu
from pytest_onnxaccel.backends.protocol import LoadOptions

TYPES = {
    "BFLOAT16": ml_dtypes.bfloat16, "FLOAT8E4M3FN": ml_dtypes.float8_e4m3fn, "FLOAT8E5M2": ml_dtypes.float8_e5m2,
    "INT4": ml_dtypes.int4, "UINT4": ml_dtypes.uint4,
}  # fmt: skip


def cast(path: Path, source: int, to: int) -> str:
    sides = (helper.make_tensor_value_info(name, kind, [1, 5]) for name, kind in (("x", source), ("y", to)))
    graph = helper.make_graph([helper.make_node("Cast", ["x"], ["y"], to=to)], "g", [next(sides)], [next(sides)])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    return str(path)


@pytest.mark.parametrize("name", TYPES)
def test_they_go_in_and_come_out(name: str, tmp_path: Path) -> None:
    code = int(TensorProto.DataType.Value(name))
    numbers = np.array([[0, 1, 3, 7, 4] if name == "UINT4" else [0, 1, -3, 7, -4]], np.float32)
    inward = OrtCpu().load(cast(tmp_path / "in.onnx", code, int(TensorProto.FLOAT)), LoadOptions())
    assert inward.run({"x": numbers.astype(TYPES[name])})["y"].tolist() == numbers.tolist()
    outward = OrtCpu().load(cast(tmp_path / "out.onnx", int(TensorProto.FLOAT), code), LoadOptions())
    found = outward.run({"x": numbers})["y"]
    assert found.dtype == TYPES[name]
    assert found.astype(np.float32).tolist() == numbers.tolist()
