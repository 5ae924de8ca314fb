"""A repository with a test of every kind: it passes, fails, is expected to fail, is skipped, is of no model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

TESTS = """
import asyncio

import pytest


@pytest.mark.conversion_parity(reference="same.onnx")
def test_parity(onnx_model, backend): ...


@pytest.mark.conversion_parity(reference="other.onnx")
def test_another_model(onnx_model, backend): ...


@pytest.mark.xfail(strict=True, reason="known since May")
@pytest.mark.conversion_parity(reference="other.onnx")
def test_known(onnx_model, backend): ...


@pytest.mark.batch_size(1, 3)
def test_batch(onnx_model, backend, frozen_batch):
    assert backend.run(frozen_batch, frozen_batch.sample(seed=0))[0].shape[0] == frozen_batch.batch_size


class TestClass:
    @pytest.mark.parametrize("factor", [1, 2])
    @pytest.mark.conversion_parity(reference="same.onnx")
    def test_parametrized(self, onnx_model, backend, factor): ...


@pytest.mark.preprocessing_parity(reference="steps:scaled", candidate="steps:scaled_otherwise")
def test_preprocessing(): ...


def test_of_no_model():
    async def one():
        return 1

    assert asyncio.run(one()) == 1
"""

STEPS = """
def scaled(image):
    return (image - 127.0) / 128.0

def scaled_otherwise(image):
    return image / 128.0 - 127.0 / 128.0

def cut(image):
    return (image - 127.0) // 128.0
"""

MANIFEST = """
[models.net]
path = "net.onnx"
batch = [1, 3]

[models.scalar]
path = "scalar.onnx"

[preprocessing.right]
reference = "steps:scaled"
candidate = "steps:scaled_otherwise"

[preprocessing.wrong]
reference = "steps:scaled"
candidate = "steps:cut"
"""


def build(folder: Path) -> Path:
    """Write the repository into *folder*, which is made."""
    folder.mkdir()
    for name, text in (
        ("test_net.py", TESTS),
        ("steps.py", STEPS),
        ("onnxaccel.toml", MANIFEST),
        ("pytest.ini", "[pytest]\naddopts = --strict-markers\n"),
    ):
        (folder / name).write_text(text, encoding="utf-8")
    for name, factor in (("net.onnx", 1), ("same.onnx", 1), ("other.onnx", 2)):
        weights = numpy_helper.from_array(np.full((4, 3), factor, np.float32), "w")
        nodes = [helper.make_node("MatMul", ["x", "w"], ["m"]), helper.make_node("Relu", ["m"], ["y"])]
        _save(folder / name, nodes, ["n", 4], ["n", 3], [weights])
    _save(folder / "scalar.onnx", [helper.make_node("Neg", ["x"], ["y"])], [], [], [])
    return folder


def _save(path: Path, nodes: list, shape: list, result: list, weights: list) -> None:
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", shape), ("y", result))]
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], weights)
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), path)
