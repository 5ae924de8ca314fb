"""Conversions to float16 and bfloat16 pass against their float32 original; damaged ones fail and name the node."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from pytest_onnxaccel.core.results import Verdict
from suites.precision.conversions import changed, parity, to_bfloat16, to_float16, told
from suites.precision.nets import NETS, conv_net, dense_net

#: Of each net, a weight with its output channels first or last, and the node that reads it.
WEIGHTS = {
    "conv": ("w3", 0, "pointwise"), "residual": ("w2", 0, "left"), "dense": ("w2", 1, "second"),
    "attention": ("w_up", 1, "up"), "deep": ("w5", 0, "conv_5"),
}  # fmt: skip


def scaled(content: np.ndarray, axis: int, channel: int = 3, by: float = 1.5) -> np.ndarray:
    np.moveaxis(content, axis, 0)[channel] *= content.dtype.type(by)
    return content


@pytest.mark.parametrize("keep", [True, False], ids=["kept", "changed"])
@pytest.mark.parametrize("opset", [11, 13, 17, 21])
@pytest.mark.parametrize("net", NETS)
def test_a_conversion_to_float16_passes(net: str, opset: int, keep: bool, tmp_path: Path) -> None:
    model = NETS[net](opset, opset)
    found = parity(to_float16(model, keep), model, tmp_path)
    assert found.verdict is Verdict.PASSED, told(found)
    assert any("a conversion to float16" in note for note in found.notes)
    assert any("cast for the comparison" in note for note in found.notes) is not keep


@pytest.mark.parametrize("keep", [True, False], ids=["kept", "changed"])
@pytest.mark.parametrize("opset", [13, 17, 22])
@pytest.mark.parametrize("net", NETS)
def test_a_conversion_to_bfloat16_passes(net: str, opset: int, keep: bool, tmp_path: Path) -> None:
    """In onnx's evaluator: ONNX Runtime has few kernels of that type for the CPU."""
    model = NETS[net](opset, opset)
    found = parity(to_bfloat16(model, keep), model, tmp_path, backend="reference")
    assert found.verdict is Verdict.PASSED, told(found)
    assert any("a conversion to bfloat16" in note for note in found.notes)


@pytest.mark.parametrize("keep", [True, False], ids=["kept", "changed"])
@pytest.mark.parametrize("net", NETS)
def test_a_channel_that_is_scaled_is_caught_and_named(net: str, keep: bool, tmp_path: Path) -> None:
    model = NETS[net](2)
    weight, axis, node = WEIGHTS[net]
    damaged = changed(to_float16(model, keep), weight, lambda content: scaled(content, axis))
    found = parity(damaged, model, tmp_path)
    assert found.verdict is Verdict.FAILED, told(found)
    assert found.code == "V_PARITY"
    assert f"{node!r}" in found.message, told(found)


@pytest.mark.parametrize("keep", [True, False], ids=["kept", "changed"])
@pytest.mark.parametrize("net", NETS)
def test_a_channel_that_is_scaled_in_bfloat16_is_caught_and_named(net: str, keep: bool, tmp_path: Path) -> None:
    model = NETS[net](2)
    weight, axis, node = WEIGHTS[net]
    damaged = changed(to_bfloat16(model, keep), weight, lambda content: scaled(content, axis))
    found = parity(damaged, model, tmp_path, backend="reference")
    assert (found.verdict, found.code) == (Verdict.FAILED, "V_PARITY"), told(found)
    assert f"{node!r}" in found.message, told(found)


def test_some_operators_may_stay_in_float32(tmp_path: Path) -> None:
    model = NETS["attention"](3)
    found = parity(to_float16(model, True, ["Softmax", "Pow", "ReduceMean", "Sqrt", "Div"]), model, tmp_path)
    assert found.verdict is Verdict.PASSED, told(found)


def test_an_output_cast_without_a_conversion_is_a_breach_of_the_contract(tmp_path: Path) -> None:
    model = dense_net()
    made = onnx.ModelProto.FromString(model.SerializeToString())
    made.graph.node[-1].output[0] = "wide"
    made.graph.node.append(helper.make_node("Cast", ["wide"], ["y"], name="slip", to=TensorProto.FLOAT16))
    made.graph.output[0].type.tensor_type.elem_type = TensorProto.FLOAT16
    found = parity(made, model, tmp_path)
    assert (found.verdict, found.code) == (Verdict.FAILED, "V_CONTRACT"), told(found)


def test_weights_that_were_rounded_and_stay_float32_are_no_conversion(tmp_path: Path) -> None:
    """Nothing in the graph says that fewer digits are meant."""
    model = conv_net()
    rounded = changed(model, "w3", lambda content: content.astype(np.float16).astype(np.float32))
    found = parity(rounded, model, tmp_path)
    assert (found.verdict, found.code) == (Verdict.FAILED, "V_PARITY"), told(found)


def test_an_output_beside_the_conversion_keeps_its_own_tolerance(tmp_path: Path) -> None:
    """One head computes in float16, the other in float32: an error of 1e-4 is none in the first alone."""
    node, r = helper.make_node, np.random.default_rng(5)
    weights = {name: (r.standard_normal((16, 16)) * 0.3).astype(np.float32) for name in ("w", "v")}

    def made(half: bool, slip: float = 0.0) -> onnx.ModelProto:
        kind = np.float16 if half else np.float32
        nodes = [node("MatMul", ["x", "v"], ["fine"], name="fine")]
        nodes += [node("Cast", ["x"], ["xh"], name="in", to=TensorProto.FLOAT16)] if half else []
        nodes += [node("MatMul", ["xh" if half else "x", "w"], ["yh" if half else "coarse"], name="coarse")]
        nodes += [node("Cast", ["yh"], ["coarse"], name="out", to=TensorProto.FLOAT)] if half else []
        held = {"w": weights["w"].astype(kind), "v": weights["v"] * np.float32(1 + slip)}
        graph = helper.make_graph(
            nodes, "heads", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 16])],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 16]) for name in ("fine", "coarse")],
            [onnx.numpy_helper.from_array(array, name) for name, array in held.items()],
        )  # fmt: skip
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)

    assert parity(made(True), made(False), tmp_path).verdict is Verdict.PASSED
    slipped = parity(made(True, 3e-4), made(False), tmp_path)
    assert slipped.verdict is Verdict.FAILED, told(slipped)
    assert "'fine'" in slipped.message
