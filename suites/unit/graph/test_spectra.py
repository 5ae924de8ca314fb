"""A spectrum written as a convolution: the variant that shows what a runtime's own algorithm is off."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pytest_onnxaccel.graph.spectra import convolved, spectra_of


@pytest.mark.parametrize("size", [16, 20])
@pytest.mark.parametrize("one_sided", [0, 1])
@pytest.mark.parametrize("operands", [["x", "s", "w"], ["x", "s", "", "l"], ["x", "s", "w", "l"]])
def test_a_spectrum_is_a_convolution(size: int, one_sided: int, operands: list[str]) -> None:
    held = {"s": np.array(size // 2), "w": np.hanning(size).astype(np.float32), "l": np.array(size)}
    node = helper.make_node("STFT", operands, ["y"], onesided=one_sided)
    sides = [
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", "time"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    ]
    tensors = [numpy_helper.from_array(array, name) for name, array in held.items()]
    model = helper.make_model(
        helper.make_graph([node], "g", *sides, tensors), opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    x = {"x": np.random.default_rng(0).random((2, 100)).astype(np.float32)}
    expected = _run(model, x)
    made = convolved(model)
    assert [one.op_type for one in made.graph.node] == ["Reshape", "Conv", "Reshape", "Transpose"]
    assert np.allclose(_run(made, x), expected, atol=1e-4)


def test_a_window_that_is_fed_stays_a_spectrum() -> None:
    node = helper.make_node("STFT", ["x", "s", "w"], ["y"])
    sides = [
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in (("x", [1, 64]), ("w", [16]))
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    ]
    graph = helper.make_graph([node], "g", *sides, [numpy_helper.from_array(np.array(8), "s")])
    assert not list(spectra_of(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)))


def _run(model: onnx.ModelProto, feeds: dict[str, np.ndarray]) -> np.ndarray:
    import onnxruntime

    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, feeds)[0])
