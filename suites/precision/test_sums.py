"""Sums of what inputs decide, in two orders: healthy pairs pass, with little left too, and damaged ones fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from pytest_onnxaccel.backends.onnxruntime.cpu import OrtCpu
from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import ModelSpec
from pytest_onnxaccel.graph.equivalents import applicable, variant
from pytest_onnxaccel.graph.summands import SUMMANDS, summands
from pytest_onnxaccel.runner.api import validate
from pytest_onnxaccel.runner.request import RunOptions
from suites.precision.conversions import parity, told

FLOAT, node = TensorProto.FLOAT, helper.make_node


def model(
    nodes: list[NodeProto], inputs: dict[str, list[int]], outputs: dict[str, list[int]],
    constants: dict[str, Any] | None = None, whole: tuple[str, ...] = (),
) -> ModelProto:  # fmt: skip
    values = [
        [
            helper.make_tensor_value_info(name, TensorProto.INT64 if name in whole else FLOAT, shape)
            for name, shape in side.items()
        ]
        for side in (inputs, outputs)
    ]
    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in (constants or {}).items()]
    graph = helper.make_graph(nodes, "sums", *values, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def product() -> ModelProto:
    return model([node("MatMul", ["a", "b"], ["y"])], {"a": [8, 4096], "b": [4096, 8]}, {"y": [8, 8]})


def mean() -> ModelProto:
    return model([node("ReduceMean", ["a"], ["y"], axes=[1], keepdims=0)], {"a": [4, 65536]}, {"y": [4]})


def transform() -> ModelProto:
    return model([node("DFT", ["a"], ["y"], axis=1)], {"a": [1, 1000, 1]}, {"y": [1, 1000, 2]})


def loss() -> ModelProto:
    return model(
        [node("SoftmaxCrossEntropyLoss", ["a", "t", "w"], ["y"], reduction="mean")],
        {"a": [3, 5, 6, 60, 6], "t": [3, 6, 60, 6], "w": [5]}, {"y": []}, whole=("t",),
    )  # fmt: skip


def difference(slip: float = 0.0, turned: bool = False) -> ModelProto:
    """A product less itself in another order: rounding alone is left, at the scale of the product."""
    nodes = [
        node("Transpose", ["a"], ["at"], perm=[1, 0]),
        node("Transpose", ["b"], ["bt"], perm=[1, 0]),
        node("MatMul", ["bt", "at"], ["q"]),
        node("Transpose", ["q"], ["qt"], perm=[1, 0]),
        node("MatMul", ["a", "b"], ["p"]),
        node("Mul", ["qt", "factor"], ["slipped"], name="slip"),
        node("Sub", ["p", "slipped"], ["y"]),
    ]
    if turned:  # the other way round, which is as right
        nodes[-1] = node("Sub", ["slipped", "p"], ["n"])
        nodes.append(node("Neg", ["n"], ["y"]))
    return model(nodes, {"a": [8, 512], "b": [512, 8]}, {"y": [8, 8]}, {"factor": np.float32(1 + slip)})


def two_engines(made: ModelProto, folder: Path) -> CheckResult:
    onnx.save(made, folder / "m.onnx")
    spec = ModelSpec("m", str(folder / "m.onnx"), "m.onnx", backends=("ort-cpu", "reference"))
    found = validate(spec, checks=["parity"], options=RunOptions(in_process=True))
    (judged,) = [r for r in found if (r.check, r.backend) == ("parity", "reference")]
    return judged


@pytest.mark.parametrize("make", [product, mean, transform, loss, difference])
def test_two_engines_that_add_up_in_other_orders_agree(make: Any, tmp_path: Path) -> None:
    found = two_engines(make(), tmp_path)
    assert found.verdict is Verdict.PASSED, told(found)


def test_a_difference_of_equal_products_fails_where_more_than_rounding_is_left(tmp_path: Path) -> None:
    healthy = parity(difference(turned=True), difference(), tmp_path)
    assert healthy.verdict is Verdict.PASSED, told(healthy)
    damaged = parity(difference(slip=1e-3), difference(), tmp_path)
    assert (damaged.verdict, damaged.code) == (Verdict.FAILED, "V_PARITY"), told(damaged)


@pytest.mark.parametrize("make", [product, mean, transform, loss])
def test_a_sum_that_is_scaled_fails(make: Any, tmp_path: Path) -> None:
    made = make()
    made.graph.node[0].output[0] = "right"
    made.graph.node.append(node("Mul", ["right", "factor"], ["y"], name="slip"))
    damaged = ModelProto.FromString(made.SerializeToString())
    for each, factor in ((made, 1.0), (damaged, 1.01)):
        each.graph.initializer.append(numpy_helper.from_array(np.float32(factor), "factor"))
    assert parity(made, make(), tmp_path).verdict is Verdict.PASSED
    found = parity(damaged, make(), tmp_path)
    assert (found.verdict, found.code) == (Verdict.FAILED, "V_PARITY"), told(found)


@pytest.mark.parametrize("make", [product, mean, loss])
def test_a_sum_from_the_other_end_is_the_same_but_for_rounding(make: Any, tmp_path: Path) -> None:
    path, target = tmp_path / "m.onnx", tmp_path / "turned.onnx"
    made = make()
    onnx.save(made, path)
    assert "sums from the other end" in applicable(str(path))
    variant(str(path), str(target), "sums from the other end")
    random = np.random.default_rng(0)
    feeds = {}
    for value in made.graph.input:
        shape = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        whole = value.type.tensor_type.elem_type == TensorProto.INT64
        feeds[value.name] = random.integers(0, 5, shape) if whole else random.random(shape, dtype=np.float32)
    one, other = (OrtCpu().load(str(each), LoadOptions(threads=1)).run(feeds)["y"] for each in (path, target))
    assert np.allclose(one, other, rtol=1e-5)


def test_a_sum_of_constants_has_no_other_end(tmp_path: Path) -> None:
    made = model([node("Relu", ["a"], ["y"])], {"a": [2, 2]}, {"y": [2, 2]})
    onnx.save(made, tmp_path / "m.onnx")
    assert "sums from the other end" not in applicable(str(tmp_path / "m.onnx"))


def test_summands_are_the_sums_of_magnitudes(tmp_path: Path) -> None:
    nodes = [
        node("MatMul", ["a", "w"], ["p"]), node("Sub", ["p", "b"], ["d"]), node("Transpose", ["d"], ["y"], perm=[1, 0]),
        node("Relu", ["d"], ["r"]),
    ]  # fmt: skip
    w, b = np.array([[1, -2], [-3, 4]], np.float32), np.array([-5, 6], np.float32)
    made = model(nodes, {"a": [1, 2]}, {"y": [2, 1], "r": [1, 2]}, {"w": w, "b": b})
    onnx.save(made, tmp_path / "m.onnx")
    told_of = summands(str(tmp_path / "m.onnx"), str(tmp_path / "s.onnx"))
    assert told_of == {"outputs": {"y": "y" + SUMMANDS}, "long": []}
    a = np.array([[-1, 2]], np.float32)
    found = OrtCpu().load(str(tmp_path / "s.onnx"), LoadOptions()).run({"a": a})["y" + SUMMANDS]
    assert np.allclose(found, (np.abs(a) @ np.abs(w) + np.abs(b)).T)
