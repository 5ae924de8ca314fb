"""Files of old opsets, and the copies that onnx's evaluator runs: the same in a runtime, or not used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from pytest_onnxaccel.core.results import Verdict
from pytest_onnxaccel.graph import upgrade
from suites.localise.conftest import Check

RNG = np.random.default_rng(11)


def f(*shape: int) -> Any:
    return RNG.standard_normal(shape).astype(np.float32)


def one(op: str, arrays: Sequence[Any], opset: int, outputs: int = 1, **attributes: Any) -> onnx.ModelProto:
    """A model of one node, all of whose inputs but the first are stored."""
    names = [f"i{k}" for k in range(len(arrays))]
    node = helper.make_node(op, names, [f"y{k}" for k in range(outputs)], "n", **attributes)
    stored = [numpy_helper.from_array(np.asarray(a), n) for n, a in zip(names[1:], arrays[1:], strict=True)]
    first = helper.make_tensor_value_info("i0", helper.np_dtype_to_tensor_dtype(arrays[0].dtype), arrays[0].shape)
    graph = helper.make_graph(
        [node], "g", [first], [helper.make_empty_tensor_value_info(n) for n in node.output], stored
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    return onnx.shape_inference.infer_shapes(made)


X, IMAGE = f(2, 3, 4), f(1, 2, 4, 5)
TWICE, NOTHING = np.float32([1, 1, 2, 3]), np.float32([])
OLD: list[tuple[str, Sequence[Any], int, int, Mapping[str, Any]]] = [
    *[(op, [X], opset, 1, given) for op in ("Softmax", "LogSoftmax", "Hardmax") for opset in (7, 9, 11, 12)
      for given in ({}, {"axis": 0}, {"axis": 1}, {"axis": 2})],
    *[(op, [X], 11, 1, {"axis": -1}) for op in ("Softmax", "LogSoftmax", "Hardmax")],
    *[("Upsample", [IMAGE, TWICE], 9, 1, {"mode": mode}) for mode in ("nearest", "linear")],
    *[("Resize", [IMAGE, TWICE], 10, 1, {"mode": mode}) for mode in ("nearest", "linear")],
    *[("Resize", [IMAGE, NOTHING, np.float32([1, 1, 1.7, 2.3])], 11, 1, {"mode": mode,
       "coordinate_transformation_mode": how}) for mode in ("nearest", "linear")
      for how in ("half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel")],
    ("Clip", [X], 6, 1, {"min": -0.3, "max": 0.4}), ("Dropout", [X], 10, 1, {"ratio": 0.3}),
    *[("BatchNormalization", [f(2, 3, 4, 4), f(3), f(3), f(3), abs(f(3))], opset, 1, {}) for opset in (7, 9)],
    ("Pad", [IMAGE], 2, 1, {"pads": [0, 0, 1, 2, 0, 0, 1, 0], "value": 0.5}),
    ("Slice", [X], 1, 1, {"starts": [0, 1], "ends": [2, 9], "axes": [1, 2]}), ("TopK", [X], 1, 2, {"k": 2, "axis": 2}),
    *[(op, [X], 11, 1, {"axes": [1], "keepdims": 0}) for op in ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceL2")],
    ("Squeeze", [f(1, 3, 1)], 7, 1, {"axes": [0]}), ("Unsqueeze", [X], 7, 1, {"axes": [0]}),
    ("Split", [X], 2, 2, {"axis": 2, "split": [1, 3]}), ("Gemm", [f(3, 4), f(4, 5), f(5)], 9, 1, {"alpha": 0.3}),
    ("LSTM", [f(5, 3, 4), f(1, 24, 4), f(1, 24, 6)], 7, 2, {"hidden_size": 6}), ("Cast", [X], 9, 1, {"to": 7}),
    ("DepthToSpace", [f(1, 8, 2, 2)], 1, 1, {"blocksize": 2}), ("LpNormalization", [X], 1, 1, {"p": 1, "axis": 1}),
]  # fmt: skip


def run(model: onnx.ModelProto, feeds: Mapping[str, Any]) -> list[Any]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return list(onnxruntime.InferenceSession(model.SerializeToString(), options).run(None, feeds))


@pytest.mark.parametrize("case", OLD, ids=[f"{c[0]}-{c[2]}-{k}" for k, c in enumerate(OLD)])
def test_the_copy_gives_what_the_file_gives(case: Any) -> None:
    op, arrays, opset, outputs, attributes = case
    model, feeds = one(op, arrays, opset, outputs, **attributes), {"i0": arrays[0]}
    for ours, theirs in zip(run(upgrade.upgraded(model, 18), feeds), run(model, feeds), strict=True):
        assert ours.shape == theirs.shape
        assert np.allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_a_hardmax_in_a_branch_is_mended_too() -> None:
    outer = helper.make_tensor_value_info("y", 1, [2, 3, 4])
    branches = [
        helper.make_graph([helper.make_node(op, ["x"], ["b"], axis=1)], op, [],
                          [helper.make_tensor_value_info("b", 1, [2, 3, 4])]) for op in ("Hardmax", "Softmax")
    ]  # fmt: skip
    node = helper.make_node("If", ["c"], ["y"], "if", then_branch=branches[0], else_branch=branches[1])
    graph = helper.make_graph([node], "g", [helper.make_tensor_value_info("x", 1, [2, 3, 4]),
                                            helper.make_tensor_value_info("c", 9, [])], [outer])  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=8)
    feeds = {"x": X, "c": np.array(True)}
    assert np.array_equal(run(upgrade.upgraded(model, 18), feeds)[0], run(model, feeds)[0])


def test_a_copy_that_is_another_model_is_no_ground_to_fail(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    """With onnx's converter alone, Hardmax runs over another axis: not the model's fault, nor the evaluator's."""
    model = one("Hardmax", [X], 11, axis=1)
    assert check(model, "ort-cpu", "reference", ("ort-cpu", "reference")).verdict is Verdict.PASSED
    monkeypatch.setattr(upgrade, "_flatten_hardmax", lambda graph: None)
    result = check(model, "ort-cpu", "reference", ("ort-cpu", "reference"))
    assert (result.verdict, result.code) == (Verdict.NOT_APPLICABLE, "E_SCHEMA")
    assert "reference runs a copy of opset 18 (the file has 11), and onnx's converter changed it" in result.message
    assert "in ort-cpu its output 'y0' is 1 off" in result.message


def test_a_right_copy_excuses_nothing(check: Check) -> None:
    from suites.localise import crooked

    with crooked.registered("crooked", crooked.Crooked):
        result = check(one("Softmax", [X], 11, axis=1), "crooked", "reference", ("crooked", "reference"))
    assert (result.verdict, result.code) == (Verdict.FAILED, "V_PARITY")
    assert result.figures["blame"]["wrong"] == ["crooked"]
