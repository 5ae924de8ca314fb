"""The copy for onnx-tf computes what the original computes, in a form that onnx-tf takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.graph.onnx_tf_copy.names import Namer
from pytest_onnxaccel.graph.onnx_tf_copy.prepare import prepare

ort = pytest.importorskip("onnxruntime")

IMAGE = [2, 3, 8, 8]
node = helper.make_node


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def model(
    nodes: Sequence[onnx.NodeProto],
    opset: int,
    weights: Mapping[str, np.ndarray] | None = None,
    inputs: Mapping[str, Sequence[Any] | None] | None = None,
    outputs: Sequence[str] = ("y",),
    domains: Sequence[str] = (),
) -> onnx.ModelProto:
    """A model of float32 values."""
    graph = helper.make_graph(
        list(nodes),
        "g",
        [helper.make_tensor_value_info(k, TensorProto.FLOAT, v) for k, v in (inputs or {"x": IMAGE}).items()],
        [helper.make_tensor_value_info(k, TensorProto.FLOAT, None) for k in outputs],
        [numpy_helper.from_array(v, k) for k, v in (weights or {}).items()],
    )
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def copied(tmp_path: Path, original: onnx.ModelProto) -> tuple[onnx.ModelProto, dict[str, Any]]:
    """The copy of *original* and what ``prepare`` said."""
    onnx.save(original, tmp_path / "model.onnx")
    said: dict[str, Any] = prepare(str(tmp_path / "model.onnx"), str(tmp_path / "copy.onnx"))
    copy = onnx.load(tmp_path / "copy.onnx")
    assert len({n.name for n in copy.graph.node}) == len(copy.graph.node)
    return copy, said


def run(path: Path, feeds: Mapping[str, np.ndarray], names: Sequence[str]) -> list[np.ndarray]:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    found: list[np.ndarray] = session.run(list(names), dict(feeds))
    return found


def assert_same(tmp_path: Path, said: Mapping[str, Any], batch: int = 2) -> None:
    """Original and copy agree on random inputs."""
    rng = np.random.default_rng(0)
    copy = onnx.load(tmp_path / "copy.onnx", load_external_data=False)
    feeds = {}
    for info in copy.graph.input:
        shape = [d.dim_value or batch for d in info.type.tensor_type.shape.dim]
        feeds[info.name] = rng.random(shape, np.float32)
    original = {said["inputs"][name]: value for name, value in feeds.items()}
    want = run(tmp_path / "model.onnx", original, list(said["outputs"].values()))
    got = run(tmp_path / "copy.onnx", feeds, list(said["outputs"]))
    for a, b in zip(want, got, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-5)


LINEAR = {"coordinate_transformation_mode": "pytorch_half_pixel", "mode": "linear"}

CASES = {
    # Upsample and Resize of opset 9 and 10 sample where opset 11 no longer does by default
    "upsample-9": model([node("Upsample", ["x", "s"], ["y"], mode="linear")], 9, {"s": np.float32([1, 1, 2, 2])}),
    "resize-10": model([node("Resize", ["x", "s"], ["y"], mode="linear")], 10, {"s": np.float32([1, 1, 2, 2])}),
    "softmax-9": model([node("Softmax", ["x"], ["y"], axis=1)], 9),
    "slice-9": model([node("Slice", ["x"], ["y"], starts=[1], ends=[7], axes=[3])], 9),
    "pad-9": model([node("Pad", ["x"], ["y"], pads=[0, 0, 1, 2, 0, 0, 3, 4])], 9),
    "pad-18": model([node("Pad", ["x", "p"], ["y"])], 18, {"p": ints(0, 0, 1, 2, 0, 0, 3, 4)}),
    "pad-20-axes": model([node("Pad", ["x", "p", "", "a"], ["y"])], 20, {"p": ints(1, 2, 3, 4), "a": ints(-1, 2)}),
    "split-20": model([node("Split", ["x"], ["y", "z", "w"], axis=2, num_outputs=3)], 20, outputs=("y", "z", "w")),
    "reduce-18": model([node("ReduceMean", ["x", "a"], ["y"], noop_with_empty_axes=0)], 18, {"a": ints(2, 3)}),
    "lp-pool-18": model([node("LpPool", ["x"], ["y"], kernel_shape=[2, 2])], 18),
    "global-max-22": model([node("GlobalMaxPool", ["x"], ["y"])], 22),
    "leaky-20": model([node("LeakyRelu", ["x"], ["y"], alpha=0.2)], 20),
    "gelu-20": model([node("Gelu", ["x"], ["y"])], 20),
    "layer-norm-21": model([node("LayerNormalization", ["x", "w"], ["y"])], 21, {"w": np.ones(8, np.float32)}),
    "resize-19": model([node("Resize", ["x", "", "s"], ["y"], **LINEAR)], 19, {"s": np.float32([1, 1, 2, 2])}),
    "squeeze-13": model(
        [node("ReduceMean", ["x"], ["m"], axes=[1]), node("Squeeze", ["m", "a"], ["y"])], 13, {"a": ints(1)}
    ),
    "unsqueeze-13": model([node("Unsqueeze", ["x", "a"], ["y"])], 13, {"a": ints(0, -1)}),
    "squeeze-dynamic": model([node("Squeeze", ["x", "a"], ["y"])], 13, {"a": ints(1)}, {"x": ["n", 1, "h", "w"]}),
    "unsqueeze-dynamic": model([node("Unsqueeze", ["x", "a"], ["y"])], 13, {"a": ints(1)}, {"x": ["n", "c", "h", "w"]}),
    "sum-13": model([node("Sum", ["x", "w", "w"], ["y"])], 13, {"w": np.ones(8, np.float32)}),
}


@pytest.mark.parametrize("case", CASES)
def test_the_copy_computes_the_same(case: str, tmp_path: Path) -> None:
    copy, said = copied(tmp_path, CASES[case])
    assert said["opset"] == 15
    assert copy.ir_version == 10
    onnx.checker.check_model(copy)
    assert not {n.op_type for n in copy.graph.node} & {"Squeeze", "Unsqueeze", "Sum", "Gelu"}
    assert not any("not folded" in line for line in said["notes"])
    assert_same(tmp_path, said)


def test_what_was_done_is_said(tmp_path: Path) -> None:
    _, said = copied(tmp_path, CASES["gelu-20"])
    assert said["from_opset"] == 20
    assert said["notes"][0] == "a prepared copy ran: opset 20 as 15, constants folded"
    assert any("Gelu" in line for line in said["notes"])


def test_names_become_identifiers(tmp_path: Path) -> None:
    nodes = [
        node("Add", ["input.1", "input:1"], ["/a/b"], name="n/1"),
        node("Relu", ["/a/b"], ["1"], name="n_1"),
    ]
    _, said = copied(tmp_path, model(nodes, 13, inputs={"input.1": [2], "input:1": [2]}, outputs=("1",)))
    assert said["inputs"] == {"input_1": "input.1", "input_1_1": "input:1"}
    assert said["outputs"] == {"output_1": "1"}
    assert_same(tmp_path, said)


def test_names_that_differ_in_case_only_are_told_apart() -> None:
    namer = Namer()
    assert [namer.fresh(name) for name in ("X", "x", "lambda", "3", "")] == [
        "X",
        "x_1",
        "value_lambda",
        "value_3",
        "value",
    ]


def test_an_input_that_is_the_output(tmp_path: Path) -> None:
    _, said = copied(tmp_path, model([node("Relu", ["x"], ["y"])], 13, outputs=("y", "x")))
    assert said["outputs"] == {"y": "y", "x": "x"}
    assert_same(tmp_path, said)


def test_initializers_leave_the_inputs_and_fold(tmp_path: Path) -> None:
    nodes = [node("Add", ["w", "w"], ["v"]), node("Mul", ["x", "v"], ["y"])]
    original = model(nodes, 9, {"w": np.ones(8, np.float32)}, {"x": IMAGE, "w": [8]})
    original.ir_version = 3
    copy, said = copied(tmp_path, original)
    assert list(said["inputs"]) == ["x"]
    assert [n.op_type for n in copy.graph.node] == ["Mul"]
    assert_same(tmp_path, said)


def test_layers_are_not_fused(tmp_path: Path) -> None:
    weights = {"w": np.ones((4, 3, 3, 3), np.float32), "b": np.full(4, 0.5, np.float32)}
    nodes = [node("Conv", ["x", "w"], ["c"]), node("BatchNormalization", ["c", "b", "b", "b", "b"], ["y"])]
    copy, said = copied(tmp_path, model(nodes, 15, weights))
    assert [n.op_type for n in copy.graph.node] == ["Conv", "BatchNormalization"]
    assert_same(tmp_path, said)


@pytest.mark.parametrize("opset", [13, 17, 20])
def test_initializers_of_sibling_branches_stay_apart(opset: int, tmp_path: Path) -> None:
    def branch(operator: str, value: float) -> onnx.GraphProto:
        weight = numpy_helper.from_array(np.float32([value]), "k")
        out = helper.make_tensor_value_info("r", TensorProto.FLOAT, None)
        return helper.make_graph([node(operator, ["x", "k"], ["r"])], operator, [], [out], [weight])

    nodes = [
        node("ReduceSum", ["x"], ["s"], keepdims=0),
        node("Greater", ["s", "zero"], ["c"]),
        node("If", ["c"], ["y"], then_branch=branch("Mul", 3), else_branch=branch("Add", 7)),
    ]
    copy, said = copied(tmp_path, model(nodes, opset, {"zero": np.array(0, np.float32)}))
    branches = [a.g for n in copy.graph.node if n.op_type == "If" for a in n.attribute]
    assert len({weight.name for graph in branches for weight in graph.initializer}) == 2
    assert said["opset"] == 15
    assert_same(tmp_path, said)


def test_external_data(tmp_path: Path) -> None:
    original = model([node("Mul", ["x", "w"], ["y"])], 20, {"w": np.arange(64, dtype=np.float32).reshape(8, 8)})
    path = tmp_path / "model.onnx"
    onnx.save(original, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    said = prepare(str(path), str(tmp_path / "copy.onnx"))
    assert_same(tmp_path, said)
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(ModelError) as caught:
        prepare(str(path), str(tmp_path / "copy.onnx"))
    assert caught.value.code == "E_EXTERNAL"


def test_a_large_copy_keeps_its_weights_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_onnxaccel.graph.onnx_tf_copy.prepare.ONE_FILE_LIMIT", 100)
    original = model([node("Mul", ["x", "w"], ["y"])], 15, {"w": np.ones(IMAGE, np.float32)})
    for _ in range(2):  # a data file that is there already must not grow
        _, said = copied(tmp_path, original)
    assert (tmp_path / "copy.onnx.data").stat().st_size < 2 * 4 * np.prod(IMAGE)
    assert any("not folded" in line for line in said["notes"])
    assert_same(tmp_path, said)


def test_an_operator_without_an_older_form_keeps_the_newer_opset(tmp_path: Path) -> None:
    nodes = [node("Slice", ["x", "a", "b", "c"], ["s"]), node("DFT", ["s"], ["y"], axis=2)]
    weights = {"a": ints(0), "b": ints(1), "c": ints(3)}
    _, said = copied(tmp_path, model(nodes, 17, weights))
    assert said["opset"] == 17
    assert any("DFT" in line for line in said["notes"])


def test_an_operator_newer_than_the_newest_opset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        copied(tmp_path, model([node("BitwiseNot", ["x"], ["y"])], 20))
    assert caught.value.code == "E_SCHEMA"
    assert "opset 20 cannot be brought to 17" in str(caught.value)
    assert "BitwiseNot" in str(caught.value)


def test_a_foreign_operator_passes_and_stays_unfolded(tmp_path: Path) -> None:
    nodes = [
        node("Odd", ["x"], ["o"], domain="my"),
        node("Shape", ["o"], ["s"]),
        node("Cast", ["s"], ["y"], to=1),
    ]
    copy, said = copied(tmp_path, model(nodes, 18, domains=("my",)))
    assert ("my", "Odd") in [(n.domain, n.op_type) for n in copy.graph.node]
    assert any("not folded" in line for line in said["notes"])


def test_a_file_that_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"\x00garbage")
    with pytest.raises(ModelError) as caught:
        prepare(str(tmp_path / "model.onnx"), str(tmp_path / "copy.onnx"))
    assert caught.value.code == "E_PARSE"


def test_a_copy_that_cannot_be_written(tmp_path: Path) -> None:
    onnx.save(model([node("Relu", ["x"], ["y"])], 13), tmp_path / "model.onnx")
    with pytest.raises(ModelError) as caught:
        prepare(str(tmp_path / "model.onnx"), str(tmp_path / "nowhere" / "copy.onnx"))
    assert caught.value.code == "E_FILE"
