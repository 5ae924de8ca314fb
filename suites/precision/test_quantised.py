"""Healthy quantised models never fail without a limit, and damaged ones do, by what they hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, numpy_helper

from pytest_onnxaccel.core.results import Verdict
from pytest_onnxaccel.core.specs import Decision, Tolerance
from suites.precision.conversions import changed, parity, quantised, told
from suites.precision.nets import NETS

FORMS = ["qdq", "qoperator", "dynamic"]


@pytest.mark.parametrize("per_channel", [False, True], ids=["tensor", "channel"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("opset", [11, 13, 17, 21])
@pytest.mark.parametrize("net", NETS)
def test_a_healthy_one_is_inconclusive_without_a_limit(
    net: str, opset: int, form: str, per_channel: bool, tmp_path: Path
) -> None:
    if per_channel and opset < 13 and form == "qdq":
        pytest.skip("QuantizeLinear has no axis before opset 13")
    model = NETS[net](opset, opset)
    found = parity(quantised(model, tmp_path, form, per_channel), model, tmp_path)
    assert (found.verdict, found.code) == (Verdict.INCONCLUSIVE, "V_QUANTISED"), told(found)
    assert "SQNR" in found.message
    assert "give" in found.message or "say" in found.message
    assert found.figures["localisation"]["loss"], told(found)


#: Of each net, a weight, the axis of its output channels, and the node that reads it.
WEIGHTS = {
    "conv": ("w3", 0, "pointwise"), "residual": ("w2", 0, "left"), "dense": ("w2", 1, "second"),
    "attention": ("w_up", 1, "up"), "deep": ("w5", 0, "conv_5"),
}  # fmt: skip


def louder(content: np.ndarray, axis: int) -> np.ndarray:
    """Channel 1 as 1.5 times as large; where the range ends it is cut off."""
    limits = np.iinfo(content.dtype)
    middle = 128 if content.dtype == np.uint8 else 0
    channels = np.moveaxis(content.astype(np.int64), axis, 0)
    channels[1] = np.clip(np.round((channels[1] - middle) * 1.5) + middle, limits.min, limits.max)
    return np.moveaxis(channels, 0, axis)


def damaged(model: ModelProto, weight: str, axis: int, fault: str) -> ModelProto:
    if fault == "channel":
        return changed(model, f"{weight}_quantized", lambda content: louder(content, axis))
    if fault == "scale":
        return changed(model, f"{weight}_scale", lambda content: content * 2)
    return changed(model, f"{weight}_zero_point", lambda content: content + (8 if content.max() < 100 else -8))


@pytest.mark.parametrize("fault", ["channel", "scale", "zero point"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("net", NETS)
def test_a_weight_that_is_off_fails_without_a_limit_and_is_named(
    net: str, form: str, fault: str, tmp_path: Path
) -> None:
    model, (weight, axis, node) = NETS[net](2), WEIGHTS[net]
    per_channel = fault == "channel" and form != "qdq"
    found = parity(damaged(quantised(model, tmp_path, form, per_channel), weight, axis, fault), model, tmp_path)
    assert (found.verdict, found.code) == (Verdict.FAILED, "V_PARITY"), told(found)
    assert f"'{node}" in found.message, told(found)
    assert f"'{weight}_quantized'" in found.message, told(found)
    how = {"channel": "channel 1 is 1.5", "scale": "2 times", "zero point": "8 steps"}[fault]
    assert how in found.message, told(found)


def test_a_channel_of_the_original_that_was_louder_is_named(tmp_path: Path) -> None:
    """The fault came before the quantisation: each step is another, and the channel is off all the same."""
    model = NETS["conv"](2)

    def louder_there(content: np.ndarray) -> np.ndarray:
        content[1] *= np.float32(1.5)
        return content

    found = parity(quantised(changed(model, "w3", louder_there), tmp_path, "qdq", False), model, tmp_path)
    assert found.verdict is Verdict.FAILED, told(found)
    assert "'pointwise'" in found.message, told(found)
    assert "channel 1 is 1.5 times" in found.message, told(found)


@pytest.mark.parametrize("by", [2.0, 0.5])
def test_steps_of_a_value_that_are_off_are_told_by_the_bias_that_was_made_for_them(by: float, tmp_path: Path) -> None:
    model = NETS["conv"](2)
    made = changed(
        quantised(model, tmp_path, "qdq", True), "br_scale", lambda content: content * content.dtype.type(by)
    )
    found = parity(made, model, tmp_path)
    assert found.verdict is Verdict.FAILED, told(found)
    assert "'br_QuantizeLinear'" in found.message, told(found)


def test_a_zero_point_below_a_relu_that_is_gone_fails(tmp_path: Path) -> None:
    model = NETS["conv"](2)
    made = changed(quantised(model, tmp_path, "qdq", True), "br_zero_point", lambda content: content + 8)
    found = parity(made, model, tmp_path)
    assert found.verdict is Verdict.FAILED, told(found)
    assert "'br_QuantizeLinear'" in found.message, told(found)


@pytest.mark.parametrize("which", ["scale", "zero_point"])
def test_what_is_read_with_other_steps_than_written_fails(which: str, tmp_path: Path) -> None:
    model = NETS["conv"](2)
    made = quantised(model, tmp_path, "qdq", True)
    node = next(n for n in made.graph.node if n.name == "g_DequantizeLinear")
    place = 1 if which == "scale" else 2
    tensor = next(t for t in made.graph.initializer if t.name == node.input[place])
    content = numpy_helper.to_array(tensor)
    other = content * content.dtype.type(2) if which == "scale" else content + content.dtype.type(8)
    made.graph.initializer.append(numpy_helper.from_array(np.asarray(other), "own"))
    node.input[place] = "own"
    found = parity(made, model, tmp_path)
    assert found.verdict is Verdict.FAILED, told(found)
    assert "'g_DequantizeLinear'" in found.message, told(found)


def dark(model: ModelProto, name: str) -> ModelProto:
    """An eighth of the range that *name* needs, and no bias that would tell."""
    return changed(model, f"{name}_scale", lambda content: content / content.dtype.type(8))


def test_a_range_that_is_too_small_is_told_and_proves_nothing(tmp_path: Path) -> None:
    model = NETS["deep"](2)
    found = parity(dark(quantised(model, tmp_path, "qdq", True), "r4"), model, tmp_path)
    assert found.verdict is Verdict.INCONCLUSIVE, told(found)
    assert "outside the range of QuantizeLinear 'r4_QuantizeLinear'" in found.message, told(found)


LIMIT: dict[str, Any] = {"tolerance": Tolerance(0.0, 0.1, "given")}


def test_with_a_limit_a_healthy_one_passes(tmp_path: Path) -> None:
    model = NETS["deep"](2)
    found = parity(quantised(model, tmp_path, "qdq", True), model, tmp_path, **LIMIT)
    assert found.verdict is Verdict.PASSED, told(found)


def test_with_a_limit_a_range_that_is_too_small_fails_and_is_named(tmp_path: Path) -> None:
    model = NETS["deep"](2)
    found = parity(dark(quantised(model, tmp_path, "qdq", True), "r4"), model, tmp_path, **LIMIT)
    assert (found.verdict, found.code) == (Verdict.FAILED, "V_PARITY"), told(found)
    assert "'r4_QuantizeLinear'" in found.message, told(found)


def test_a_decision_decides(tmp_path: Path) -> None:
    model = NETS["dense"](2)
    healthy = quantised(model, tmp_path, "qdq", True)
    asked = Decision("classification", output="y")
    kept = parity(healthy, model, tmp_path, decision=asked)
    assert kept.verdict is Verdict.PASSED, told(kept)
    assert any("values are not judged" in note for note in kept.notes), told(kept)
    turned = changed(healthy, "w3_quantized", lambda content: np.flip(content, axis=1))
    lost = parity(turned, model, tmp_path, decision=asked)
    assert lost.verdict is Verdict.FAILED, told(lost)
    assert "decision" in lost.message, told(lost)


def test_weights_that_were_balanced_anew_are_not_accused(tmp_path: Path) -> None:
    """Every channel of one layer by a number of its own, taken back in the next: the same function."""
    model = NETS["conv"](2)
    factors = np.random.default_rng(3).uniform(0.5, 2, 16).astype(np.float32)
    balanced = changed(model, "w1", lambda content: content * factors[:, None, None, None])
    balanced = changed(balanced, "b1", lambda content: content * factors)
    balanced = changed(balanced, "w2", lambda content: content / factors[:, None, None, None])
    found = parity(quantised(balanced, tmp_path, "qdq", True), model, tmp_path)
    assert found.verdict is Verdict.INCONCLUSIVE, told(found)


@pytest.mark.parametrize("per_channel", [False, True], ids=["tensor", "channel"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("net", NETS)
def test_one_quantised_file_is_itself_without_optimizations(
    net: str, form: str, per_channel: bool, tmp_path: Path
) -> None:
    model = quantised(NETS[net](4), tmp_path, form, per_channel)
    found = parity(model, None, tmp_path)
    assert found.verdict is Verdict.PASSED, told(found)


@pytest.mark.parametrize("net", NETS)
def test_the_node_in_the_message_is_the_first_of_the_list(net: str, tmp_path: Path) -> None:
    """But where another one loses far more than its numbers must, which is then said."""
    model = NETS[net](7)
    result = parity(quantised(model, tmp_path, "dynamic", False), model, tmp_path)
    named = result.message.partition("most is lost at ")[2]
    first = next(line for line in result.details if line.startswith("loss alone, 1. of "))
    if " dB more than its numbers must" not in named:
        assert named.startswith(first.partition(": ")[2]), told(result)
