"""Ranges of whole numbers that are too wide or too narrow: the node that holds them is named, none behind it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto

from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import InputSpec
from suites.precision.conversions import changed, parity, quantised, told
from suites.precision.nets import NETS


def rescaled(net: str, value: str, by: float, form: str, folder: Path) -> tuple[ModelProto, ModelProto]:
    """A quantised model whose steps of *value* are so many times as large, and its original."""
    model = NETS[net](2)
    made = quantised(model, folder, form, True)
    return changed(made, f"{value}_scale", lambda content: content * content.dtype.type(by)), model


def named(result: CheckResult) -> str:
    return result.message.partition("most is lost at ")[2]


@pytest.mark.parametrize("form", ["qdq", "qoperator"])
@pytest.mark.parametrize("net", ["dense", "attention"])
def test_a_range_of_an_input_that_is_too_wide_is_named(net: str, form: str, tmp_path: Path) -> None:
    """Inputs are drawn as far as it reaches, so that all ranges behind it are too narrow for them."""
    found = parity(*rescaled(net, "x", 16.0, form, tmp_path), tmp_path)
    assert (found.verdict, found.code) == (Verdict.INCONCLUSIVE, "V_QUANTISED"), told(found)
    assert named(found).startswith("QuantizeLinear 'x_QuantizeLinear'"), told(found)
    assert "of the range of QuantizeLinear 'x_QuantizeLinear'" in named(found), told(found)
    assert any("times as small as QuantizeLinear 'x_QuantizeLinear' can hold need" in line for line in found.details)


def test_where_inputs_are_given_the_ranges_behind_are_named(tmp_path: Path) -> None:
    """Who says that inputs are as large as that range holds is believed."""
    found = parity(
        *rescaled("dense", "x", 16.0, "qdq", tmp_path), tmp_path, inputs=(InputSpec("x", -16.0, 16.0),)
    )  # fmt: skip
    assert found.verdict is Verdict.INCONCLUSIVE, told(found)
    assert "is outside the range of" in named(found), told(found)
    assert "'x_QuantizeLinear'" not in named(found), told(found)


@pytest.mark.parametrize("net", ["dense", "conv", "deep"])
def test_a_range_of_an_output_that_is_too_narrow_is_named(net: str, tmp_path: Path) -> None:
    found = parity(*rescaled(net, "y", 0.25, "qdq", tmp_path), tmp_path)
    assert found.verdict is Verdict.INCONCLUSIVE, told(found)
    assert "of 'y' is outside the range of QuantizeLinear 'y_QuantizeLinear'" in named(found), told(found)


def test_a_range_of_an_operator_that_gives_whole_numbers_is_told(tmp_path: Path) -> None:
    found = parity(*rescaled("deep", "c4", 0.125, "qoperator", tmp_path), tmp_path)
    assert found.verdict in (Verdict.INCONCLUSIVE, Verdict.FAILED), told(found)
    assert "is outside the range of QLinearConv 'conv_4_quant'" in told(found), told(found)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("symmetric", [False, True])
def test_a_rectified_output_with_numbers_below_zero_is_no_fault(seed: int, symmetric: bool, tmp_path: Path) -> None:
    """Its Relu is still there where its numbers may be negative."""
    model = NETS["dense"](seed)
    del model.graph.node[5:]
    model.graph.node[4].op_type, model.graph.node[4].output[0] = "Relu", "y"
    model.graph.node[4].input[:] = ["b"]
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 32
    more = {"extra_options": {"ActivationSymmetric": symmetric}}
    if symmetric:
        from onnxruntime.quantization import QuantType

        more["activation_type"] = QuantType.QInt8
    found = parity(quantised(model, tmp_path, "qdq", False, **more), model, tmp_path)
    assert (found.verdict, found.code) == (Verdict.INCONCLUSIVE, "V_QUANTISED"), told(found)
    assert np.isfinite(min(found.figures["quantised"]["sqnr_db"].values()))
