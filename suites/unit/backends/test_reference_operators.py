"""Operators of onnx's evaluator that are put right: as the specification has them, where the evaluator has not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.backends.reference import ReferenceBackend, _unsupported
from pytest_onnxaccel.core.errors import ModelError


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


def nodes(tmp_path: Path, node: Any, feeds: dict[str, Any], dtype: int = TensorProto.FLOAT) -> Any:
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        for name, array in feeds.items()
    ]
    outputs = [helper.make_tensor_value_info("y", dtype, None)]
    opset = [helper.make_opsetid("", 18)]
    model = helper.make_model(helper.make_graph([node], "g", inputs, outputs), opset_imports=opset, ir_version=10)
    onnx.save(model, tmp_path / "m.onnx")
    return ReferenceBackend().load(str(tmp_path / "m.onnx"), LoadOptions()).run(feeds)["y"]


def test_elements_are_gathered_along_an_axis_of_any_size(tmp_path: Path) -> None:
    x = np.arange(600, dtype=np.float32).reshape(2, 300)
    at = np.array([[299, -1, 5]])  # of fewer rows than the data has
    node = helper.make_node("GatherElements", ["x", "at"], ["y"], axis=1)
    assert nodes(tmp_path, node, {"x": x, "at": at}).tolist() == [[299, 299, 5]]
    with pytest.raises(ModelError, match="outside of 300"):
        nodes(tmp_path, node, {"x": x, "at": np.array([[300]])})


@pytest.mark.parametrize("shape", [(), (1,)])
def test_suppression_takes_limits_that_are_scalars(tmp_path: Path, shape: tuple[int, ...]) -> None:
    boxes = np.float32([[[0, 0, 1, 1], [0, 0, 1, 1.1], [5, 5, 6, 6]]])
    scores = np.float32([[[0.9, 0.8, 0.7]]])
    feeds = {
        "b": boxes,
        "s": scores,
        "m": np.full(shape, 9),
        "i": np.full(shape, 0.5, "f4"),
        "t": np.full(shape, 0.1, "f4"),
    }
    node = helper.make_node("NonMaxSuppression", [*feeds], ["y"])
    assert nodes(tmp_path, node, feeds, TensorProto.INT64).tolist() == [[0, 0, 0], [0, 0, 2]]


def test_the_logarithm_of_a_softmax_of_large_numbers_is_finite(tmp_path: Path) -> None:
    x = np.asarray([[0, 1, 10000], [1, 2, 3]], np.float32)
    found = run(tmp_path, "LogSoftmax", x, axis=1)
    assert np.allclose(found[0], [-10000, -9999, 0])
    assert np.allclose(found[1], x[1] - np.log(np.exp(x[1]).sum()))


@pytest.mark.parametrize("shape", [(), (1,)])
def test_one_number_may_come_as_a_list_of_one(tmp_path: Path, shape: tuple[int, ...]) -> None:
    hot = helper.make_node("OneHot", ["i", "depth", "values"], ["y"])
    feeds = {"i": np.array([2, 0]), "depth": np.full(shape, 3), "values": np.float32([0, 1])}
    assert nodes(tmp_path, hot, feeds).tolist() == [[0, 0, 1], [1, 0, 0]]
    summed = helper.make_node("CumSum", ["x", "axis"], ["y"])
    assert nodes(tmp_path, summed, {"x": np.float32([[1, 2], [3, 4]]), "axis": np.full(shape, 1)}).tolist() == [
        [1, 3],
        [3, 7],
    ]


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect"])
@pytest.mark.parametrize("pads", [[-1, 2], [2, -3], [-1, -1], [1, 2]])
def test_pads_take_off_and_add(tmp_path: Path, mode: str, pads: list[int]) -> None:
    feeds = {"x": np.arange(28, dtype=np.float32).reshape(4, 7), "p": np.array(pads)}
    for inputs, more in (
        (["x", "p"], {"p": np.array([0, pads[0], 0, pads[1]])}),
        (["x", "p", "v", "a"], {"v": np.float32([2.5])[0:1].reshape(()), "a": np.array([-1])}),
    ):
        fed = feeds | more
        found = nodes(tmp_path, helper.make_node("Pad", inputs, ["y"], mode=mode), fed)
        assert np.array_equal(found, in_runtime(tmp_path, fed))


@pytest.mark.parametrize("turned", [{}, {"scan_input_axes": [2]}, {"scan_input_axes": [-1], "scan_output_axes": [1]},
                                    {"scan_input_directions": [1], "scan_output_directions": [1]}])  # fmt: skip
def test_a_scan_runs_along_any_axis(tmp_path: Path, turned: dict[str, list[int]]) -> None:
    state, element = (helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("s", "e"))
    made = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("s2", "o")]
    inner = [
        helper.make_node("ReduceSum", ["e"], ["r"], keepdims=0),
        helper.make_node("Add", ["s", "r"], ["s2"]),
        helper.make_node("Mul", ["e", "s2"], ["o"]),
    ]
    body = helper.make_graph(inner, "body", [state, element], made)
    scan = helper.make_node("Scan", ["i", "x"], ["f", "y"], body=body, num_scan_inputs=1, **turned)
    feeds = {"i": np.ones((), np.float32), "x": np.random.default_rng(0).random((2, 3, 4)).astype(np.float32)}
    found = nodes(tmp_path, scan, feeds)
    assert found.shape == in_runtime(tmp_path, feeds).shape
    assert np.allclose(found, in_runtime(tmp_path, feeds), atol=1e-5)


@pytest.mark.parametrize("shape", [(2, 100), (2, 100, 1)])
def test_a_spectrum_of_a_signal_with_and_without_parts(tmp_path: Path, shape: tuple[int, ...]) -> None:
    feeds = {
        "x": np.random.default_rng(0).random(shape).astype(np.float32), "s": np.array(8), "w": np.ones(16, np.float32)
    }  # fmt: skip
    found = nodes(tmp_path, helper.make_node("STFT", ["x", "s", "w"], ["y"]), feeds)
    assert np.allclose(found, in_runtime(tmp_path, feeds), atol=1e-5)


def in_runtime(tmp_path: Path, feeds: dict[str, Any]) -> Any:
    """What ONNX Runtime gives for the model that was saved last."""
    import onnxruntime

    return onnxruntime.InferenceSession(str(tmp_path / "m.onnx"), providers=["CPUExecutionProvider"]).run(None, feeds)[
        0
    ]


def test_what_an_operator_inside_a_subgraph_raises_is_told_with_its_name() -> None:
    """The evaluator tells the types of all operands instead, once for each subgraph around it."""
    cause = TypeError("only lists of one can be converted")
    for operator in ("OneHot", "If", "Loop"):
        outer = TypeError(f"Issues with types [<class 'numpy.ndarray'>] and attributes [] (operator '{operator}').")
        outer.__cause__ = cause
        cause = outer
    told = str(_unsupported(cause))
    assert "E_RUN" in told
    assert "OneHot in If in Loop: TypeError: only lists of one can be converted" in told
    assert "Issues" not in told
