"""Legal variants mean the same up to rounding, and what has none says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.helper import make_node, make_tensor_value_info

from fixtures.running import run
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.graph.describe import inspect
from pytest_onnxaccel.graph.equivalents import applicable, rounded, variant
from pytest_onnxaccel.graph.fold_batchnorm import fold_batchnorm, foldable

EPS = 2.0**-23


def convolved(bias: bool = True, branch: bool = False, listed: bool = False, training: bool = False) -> onnx.ModelProto:
    """Conv and BatchNormalization, 1x2x5x5 to 1x3x5x5; with *branch*, the Conv's own result is an output too."""
    random = np.random.default_rng(0)
    arrays = {
        "w": random.normal(size=(3, 2, 3, 3)), "b": random.normal(size=3), "gamma": random.uniform(0.5, 2, 3),
        "beta": random.normal(size=3), "mean": random.normal(size=3), "var": random.uniform(0.5, 2, 3),
    }  # fmt: skip
    held = [numpy_helper.from_array(a.astype(np.float32), n) for n, a in arrays.items() if bias or n != "b"]
    more = {"training_mode": 1} if training else {}
    nodes = [
        make_node("Conv", ["x", "w", "b"] if bias else ["x", "w"], ["c"], pads=[1, 1, 1, 1]),
        make_node("BatchNormalization", ["c", "gamma", "beta", "mean", "var"], ["y"], epsilon=1e-3, **more),
    ]
    outputs = [make_tensor_value_info(n, TensorProto.FLOAT, [1, 3, 5, 5]) for n in (["y", "c"] if branch else ["y"])]
    inputs = [make_tensor_value_info("x", TensorProto.FLOAT, [1, 2, 5, 5])]
    if listed:
        inputs += [make_tensor_value_info(t.name, t.data_type, list(t.dims)) for t in held]
    graph = helper.make_graph(nodes, "convolved", inputs, outputs, held)
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 15)])


def feeds() -> dict[str, np.ndarray]:
    return {"x": np.random.default_rng(1).uniform(-1, 1, (1, 2, 5, 5)).astype(np.float32)}


@pytest.mark.parametrize("bias", [True, False])
def test_a_folded_normalization_computes_the_same(bias: bool) -> None:
    model = convolved(bias)
    wanted = run(model, feeds())
    folded = fold_batchnorm(model)
    onnx.checker.check_model(folded, full_check=True)
    assert [node.op_type for node in folded.graph.node] == ["Conv"]
    assert len(folded.graph.initializer) == 2
    np.testing.assert_allclose(run(folded, feeds())["y"], wanted["y"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "model",
    [convolved(branch=True), convolved(listed=True), convolved(training=True)],
    ids=["read elsewhere", "weights may be fed", "training"],
)
def test_what_may_not_be_folded_is_left_alone(model: onnx.ModelProto) -> None:
    assert not foldable(model)
    before = model.SerializeToString()
    assert fold_batchnorm(model).SerializeToString() == before


@pytest.mark.parametrize("listed", [False, True])
def test_every_variant_computes_the_same_and_takes_the_same_inputs(listed: bool, tmp_path: Path) -> None:
    source, target = tmp_path / "m.onnx", tmp_path / "v.onnx"
    onnx.save(convolved(listed=listed), source)
    names = applicable(str(source))
    folds = [] if listed else ["BatchNormalization folded"]
    moved = "initializers inside" if listed else "initializers as inputs"
    assert names == [*(f"weights one rounding off ({i})" for i in (1, 2, 3)), *folds, moved, "opset 18"]
    wanted = run(source, feeds())
    for name in names:
        assert variant(str(source), str(target), name) == {"variant": name}
        assert inspect(str(target))["inputs"] == inspect(str(source))["inputs"]
        np.testing.assert_allclose(run(target, feeds())["y"], wanted["y"], rtol=1e-5, atol=1e-5)
        assert target.read_bytes() != source.read_bytes()


def test_a_newer_model_is_brought_back(tmp_path: Path, shipped: Path) -> None:
    names = applicable(str(shipped / "slim-320.onnx"))
    assert names[-1] == "opset 17"
    target = tmp_path / "older.onnx"
    variant(str(shipped / "slim-320.onnx"), str(target), "opset 17")
    assert onnx.load(target).opset_import[0].version == 17


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_weights_move_by_one_unit_in_the_last_place(dtype: type) -> None:
    content = np.array([1.5, -1.5, 0.0, np.inf, np.finfo(dtype).max, 1e-3], dtype)
    model = convolved()
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(content, "w"))
    seen = set()
    for seed in range(20):
        clone = onnx.ModelProto()
        clone.CopyFrom(model)
        moved = numpy_helper.to_array(rounded(clone, seed).graph.initializer[0])
        assert moved.dtype == content.dtype
        assert (moved[2], moved[3]) == (0, np.inf)
        assert np.isfinite(moved[4])
        steps = (moved[[0, 1, 5]].astype(np.float64) - content[[0, 1, 5]]) / np.spacing(np.abs(content[[0, 1, 5]]))
        assert set(np.round(steps)) <= {-1.0, 0.0, 1.0}
        seen |= set(np.round(steps))
    assert seen == {-1.0, 0.0, 1.0}


@pytest.mark.parametrize(("operator", "inputs"), [("Resize", ["w", "", "scales"]), ("Upsample", ["w", "scales"])])
def test_sizes_are_no_weights(operator: str, inputs: list[str]) -> None:
    """With other scales the graph has another shape, and the variant would be left out."""
    held = {"w": np.linspace(1, 2, 16, dtype=np.float32).reshape(1, 1, 4, 4), "scales": np.array([1, 1, 2, 2], "f4")}
    graph = helper.make_graph(
        [make_node(operator, inputs, ["y"], mode="nearest")], "g", [],
        [make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, 8, 8])],
        [numpy_helper.from_array(array, name) for name, array in held.items()],
    )  # fmt: skip
    moved = [numpy_helper.to_array(tensor) for tensor in rounded(helper.make_model(graph), 0).graph.initializer]
    assert (moved[0] != held["w"]).any()
    assert np.array_equal(moved[1], held["scales"])


def test_external_weights_are_read(tmp_path: Path) -> None:
    source, target = tmp_path / "m.onnx", tmp_path / "v.onnx"
    onnx.save(convolved(), source, save_as_external_data=True, location="m.data", size_threshold=0)
    variant(str(source), str(target), "weights one rounding off (1)")
    moved = {t.name: numpy_helper.to_array(t) for t in onnx.load(target).graph.initializer}
    assert any((moved[t.name] != numpy_helper.to_array(t)).any() for t in convolved().graph.initializer)
    plain = {t.name: numpy_helper.to_array(t) for t in convolved().graph.initializer}
    for name, content in plain.items():
        gap = np.abs(moved[name] - content)
        assert (gap <= 2 * EPS * np.abs(content)).all()


def test_an_unknown_variant_is_refused(tmp_path: Path) -> None:
    onnx.save(convolved(), tmp_path / "m.onnx")
    with pytest.raises(ModelError, match="there is no variant 'quantized'"):
        variant(str(tmp_path / "m.onnx"), str(tmp_path / "v.onnx"), "quantized")


def test_weights_of_branches_are_rounded_too() -> None:
    held = numpy_helper.from_array(np.random.default_rng(0).random((4, 4)).astype(np.float32), "w")
    then, other = (
        helper.make_graph(nodes, name, [], [make_tensor_value_info(f"{name}_y", TensorProto.FLOAT, None)], tensors)
        for name, nodes, tensors in (
            ("a", [make_node("MatMul", ["x", "w"], ["a_y"])], [held]),
            ("b", [make_node("Constant", [], ["v"], value=held), make_node("MatMul", ["x", "v"], ["b_y"])], []),
        )
    )
    graph = helper.make_graph(
        [make_node("If", ["c"], ["y"], then_branch=then, else_branch=other)], "g",
        [make_tensor_value_info("x", TensorProto.FLOAT, [1, 4]), make_tensor_value_info("c", TensorProto.BOOL, [])],
        [make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])],
    )  # fmt: skip
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 15)])
    fed = {"x": np.ones((1, 4), np.float32)}
    for condition in (True, False):
        before = run(model, {**fed, "c": np.array(condition)})["y"]
        copied = onnx.ModelProto.FromString(model.SerializeToString())
        after = run(rounded(copied, 1), {**fed, "c": np.array(condition)})["y"]
        assert 0 < np.abs(after - before).max() < 1e-5
