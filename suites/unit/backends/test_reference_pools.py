"""Pools of onnx's evaluator, as PyTorch has them; its default domain; what it alone cannot run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator
from torch.nn import functional

from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.backends.reference import ReferenceBackend
from pytest_onnxaccel.core.results import Verdict
from pytest_onnxaccel.runner.api import validate

FLOAT = TensorProto.FLOAT


def drawn(*shape: int) -> Any:
    return np.random.default_rng(len(shape)).normal(size=shape).astype(np.float32)


def saved(tmp_path: Path, node: Any, feeds: dict[str, Any], opset: str = "", outputs: int = 1) -> Path:
    inputs = [helper.make_tensor_value_info(name, FLOAT, array.shape) for name, array in feeds.items()]
    found = [helper.make_tensor_value_info(name, FLOAT, None) for name in node.output[:outputs]]
    model = helper.make_model(
        helper.make_graph([node], "g", inputs, found), opset_imports=[helper.make_opsetid(opset, 19)], ir_version=10
    )
    onnx.save(model, tmp_path / "m.onnx")
    return tmp_path / "m.onnx"


def run(tmp_path: Path, node: Any, feeds: dict[str, Any]) -> Any:
    return ReferenceBackend().load(str(saved(tmp_path, node, feeds)), LoadOptions()).run(feeds)["y"]


#: Pads before and behind each axis: of a signal, of an image, of a volume.
PADS = [([2], [1]), ([0], [0]), ([0, 1], [2, 1]), ([1, 1], [1, 1]), ([1, 0, 2], [0, 1, 1])]


@pytest.mark.parametrize(("before", "behind"), PADS)
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kind", ["max", "mean", "mean of all"])
def test_pools(before: list[int], behind: list[int], stride: int, kind: str, tmp_path: Path) -> None:
    x = drawn(2, 3, *[9, 8, 7][: len(before)])
    rank, kernel = len(before), [3] * len(before)
    fill = float("-inf") if kind == "max" else 0.0
    around = [n for pair in reversed(list(zip(before, behind, strict=True))) for n in pair]
    padded = functional.pad(torch.tensor(x), around, value=fill)
    pool = getattr(functional, f"{'max' if kind == 'max' else 'avg'}_pool{rank}d")
    wanted = pool(padded, 3, stride)
    if kind == "mean":
        wanted = wanted / pool(functional.pad(torch.ones(x.shape), around), 3, stride)
    more = {"count_include_pad": 1} if kind == "mean of all" else {}
    node = helper.make_node(
        "MaxPool" if kind == "max" else "AveragePool", ["x"], ["y"], kernel_shape=kernel, pads=[*before, *behind],
        strides=[stride] * rank, **more,
    )  # fmt: skip
    np.testing.assert_allclose(run(tmp_path, node, {"x": x}), wanted.numpy(), rtol=1e-5, atol=1e-6)


def plain(node: Any, feeds: dict[str, Any], tmp_path: Path) -> Any:
    """What the evaluator gives as it is."""
    return ReferenceEvaluator(onnx.load(saved(tmp_path, node, feeds))).run(None, feeds)[0]


def test_as_it_is_the_evaluator_is_wrong(tmp_path: Path) -> None:
    """The reason for this module: once this fails, its operators may go."""
    x = {"x": drawn(1, 1, 8, 8)}
    pool = helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[3, 3], pads=[0, 1, 2, 1])
    assert plain(pool, x, tmp_path).shape != run(tmp_path, pool, x).shape


def test_the_long_name_of_the_default_domain(tmp_path: Path) -> None:
    path = saved(tmp_path, helper.make_node("Relu", ["x"], ["y"]), {"x": drawn(3)}, "ai.onnx")
    assert (
        ReferenceBackend().load(str(path), LoadOptions()).run({"x": -np.ones(3, np.float32)})["y"].tolist() == [0] * 3
    )


def test_where_the_evaluator_alone_fails_it_is_no_reference(tmp_path: Path) -> None:
    """An exception of its own, on inputs that the runtime runs, says nothing of the model."""
    graph = helper.make_graph(
        [helper.make_node("Pow", ["x", "e"], ["y"])], "g",
        [helper.make_tensor_value_info("x", TensorProto.INT64, [4])],
        [helper.make_tensor_value_info("y", TensorProto.INT64, [4])],
        [helper.make_tensor("e", TensorProto.INT64, [], [-1])],
    )  # fmt: skip
    path = tmp_path / "m.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=10), path)
    checks = ["contract", "parity"]
    found = {(r.check, r.backend): r for r in validate(path, backends=["ort-cpu", "reference"], checks=checks)}
    assert found["contract", "ort-cpu"].verdict is Verdict.PASSED
    assert found["parity", "reference"].verdict is Verdict.NOT_APPLICABLE
    assert "negative integer powers" in found["parity", "reference"].message
    (result,) = validate(path, reference="reference", backends=["ort-cpu"], checks=["parity"])
    assert (result.verdict, result.code) == (Verdict.FAILED, "V_NOTJUDGED")
