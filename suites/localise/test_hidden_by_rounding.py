"""A fault that is smaller than rounding where it arises: what differs between the two files tells its node."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from fixtures.graphs.residual import residual_classifier
from pytest_onnxaccel.graph.contrast import contrast, contrasts
from pytest_onnxaccel.results import CheckResult, Verdict
from pytest_onnxaccel.runner.request import Request, RunOptions
from pytest_onnxaccel.runner.runner import Runner
from pytest_onnxaccel.spec import ModelSpec

STEM = "stem.norm/BatchNormalization"


def epsilon(model: ModelProto, name: str, value: float) -> None:
    node = next(node for node in model.graph.node if node.name == name)
    for attribute in list(node.attribute):
        if attribute.name == "epsilon":
            node.attribute.remove(attribute)
    node.attribute.append(helper.make_attribute("epsilon", value))


def judged(original: ModelProto, changed: ModelProto, folder: Path) -> CheckResult:
    onnx.save(original, folder / "original.onnx")
    onnx.save(changed, folder / "changed.onnx")
    spec = ModelSpec("changed", str(folder / "changed.onnx"), "changed.onnx")
    runner = Runner([spec], {"changed": ("ort-cpu",)}, RunOptions(in_process=True))
    try:
        return runner.check(Request("changed", "parity", "ort-cpu", str(folder / "original.onnx")))
    finally:
        runner.close()


def test_the_only_node_that_is_another_is_the_origin(tmp_path: Path) -> None:
    changed = residual_classifier()
    epsilon(changed, STEM, 1e-12)
    result = judged(residual_classifier(), changed, tmp_path)
    assert (result.verdict, result.code) == (Verdict.FAILED, "V_PARITY")
    origin = result.figures["localisation"]["origin"]
    assert origin["name"] == STEM
    assert origin["differences"] == ["epsilon=9.999999960041972e-13 instead of 9.999999747378752e-06"]
    assert not origin["confirmed"]
    assert "which rounding could be" in "\n".join(result.details)


def test_of_two_nodes_that_are_others_none_is_named_without_a_proof(tmp_path: Path) -> None:
    changed = residual_classifier()
    epsilon(changed, STEM, 1e-12)
    epsilon(changed, "middle.a.norm/BatchNormalization", 1.1e-5)
    result = judged(residual_classifier(), changed, tmp_path)
    assert "which rounding could be" not in "\n".join(result.details)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[str, str]:
    """Two files: the same but for a constant and an attribute."""
    paths = []
    for number, (weight, slope) in enumerate(((2.0, 0.1), (3.0, 0.2))):
        nodes = [
            helper.make_node("Mul", ["x", "w"], ["a"]),
            helper.make_node("Relu", ["a"], ["b"]),
            helper.make_node("LeakyRelu", ["b"], ["y"], alpha=slope),
        ]
        values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in "xy"]
        weights = [numpy_helper.from_array(np.float32([1, weight]), "w")]
        graph = helper.make_graph(nodes, "g", values[:1], values[1:], weights)
        path = tmp_path / f"{number}.onnx"
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
        paths.append(str(path))
    return paths[0], paths[1]


def test_many_pairs_are_contrasted_as_one_is(pair: tuple[str, str]) -> None:
    told = contrasts(*pair, [["a", "a"], ["b", "b"], ["y", "y"], ["gone", "b"]])["differences"]
    assert list(told) == ["a", "y"]
    for value, differences in told.items():
        assert differences == contrast(pair[0], value, pair[1], value)["differences"]
    assert "alpha=" in told["y"][0]
