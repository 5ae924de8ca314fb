"""Conversions with masks of the lowest number, with rankings, and with layers that stay floats."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto, helper

from pytest_onnxaccel.core.results import Verdict
from suites.precision.conversions import changed, parity, quantised, to_bfloat16, to_float16, told
from suites.precision.further_nets import LOWEST, detector_net, indices_net, labels_net, masked_net


def louder(content: np.ndarray, axis: int = 0, channel: int = 1) -> np.ndarray:
    np.moveaxis(content, axis, 0)[channel] *= content.dtype.type(1.5)
    return content


@pytest.mark.parametrize("keep", [True, False], ids=["kept", "changed"])
@pytest.mark.parametrize("low", [LOWEST, -1e9, -1e4], ids=["lowest", "1e9", "1e4"])
def test_a_mask_past_the_type_is_no_fault(low: float, keep: bool, tmp_path: Path) -> None:
    """As an infinity, it would leave the original's noise unmeasured."""
    for seed in range(3):
        model = masked_net(seed, low)
        found = parity(to_float16(model, keep), model, tmp_path)
        assert found.verdict is Verdict.PASSED, told(found)
        assert "noise" in found.figures, told(found)


def test_a_mask_past_bfloat16_is_no_fault(tmp_path: Path) -> None:
    model = masked_net(1)
    made = to_bfloat16(changed(model, "low", lambda content: content * 0.99), True)
    found = parity(made, model, tmp_path, "reference")
    assert found.verdict is Verdict.PASSED, told(found)


def test_a_mask_that_masks_no_more_fails_and_is_named(tmp_path: Path) -> None:
    model = masked_net()
    found = parity(to_float16(masked_net(low=-1.0), True), model, tmp_path)
    assert (found.verdict, found.code) == (Verdict.FAILED, "V_PARITY"), told(found)
    assert "Mul 'mask'" in found.message, told(found)


@pytest.mark.parametrize("keep", [True, False], ids=["kept", "changed"])
def test_scores_tie_that_the_narrow_type_cannot_tell_apart(keep: bool, tmp_path: Path) -> None:
    for seed in range(4):
        model = detector_net(seed)
        found = parity(to_float16(model, keep), model, tmp_path)
        assert found.verdict is Verdict.PASSED, told(found)


@pytest.mark.parametrize(("weight", "node"), [("wb", "box_head"), ("ws", "score_head")])
def test_other_rows_than_the_originals_fail(weight: str, node: str, tmp_path: Path) -> None:
    model = detector_net()
    found = parity(to_float16(changed(model, weight, louder), True), model, tmp_path)
    assert (found.verdict, found.code) == (Verdict.FAILED, "V_PARITY"), told(found)
    assert f"{node!r}" in found.message, told(found)


def net(name: str) -> ModelProto:
    return detector_net() if name == "detector" else labels_net()


@pytest.mark.parametrize("form", ["qdq", "qoperator", "dynamic"])
@pytest.mark.parametrize("name", ["detector", "labels"])
def test_rankings_of_a_quantised_model_have_no_limit_either(name: str, form: str, tmp_path: Path) -> None:
    model = net(name)
    found = parity(quantised(model, tmp_path, form, True), model, tmp_path)
    assert (found.verdict, found.code) == (Verdict.INCONCLUSIVE, "V_QUANTISED"), told(found)
    assert "agree" in found.message, told(found)


def test_rows_that_the_user_asks_for_are_a_limit(tmp_path: Path) -> None:
    from pytest_onnxaccel.core.comparisons import Comparison

    model = detector_net()
    made = quantised(model, tmp_path, "qdq", True)
    found = parity(made, model, tmp_path, comparisons={"rows": Comparison("rows", origin="test")})
    assert (found.verdict, found.code) == (Verdict.FAILED, "V_PARITY"), told(found)


@pytest.mark.parametrize("form", ["qdq", "qoperator", "dynamic"])
def test_a_weight_that_stayed_float_is_compared_too(form: str, tmp_path: Path) -> None:
    """A transposed convolution is left alone by two of the three."""
    model = labels_net()
    made = quantised(changed(model, "t", lambda content: louder(content, 1)), tmp_path, form, True)
    found = parity(made, model, tmp_path)
    assert (found.verdict, found.code) == (Verdict.FAILED, "V_PARITY"), told(found)
    assert "origin: ConvTranspose 'up'" in found.message, told(found)


def test_indices_that_agree_hide_no_weight_that_is_off(tmp_path: Path) -> None:
    model = indices_net()
    healthy = parity(quantised(model, tmp_path, "qdq", True), model, tmp_path)
    assert healthy.verdict is Verdict.PASSED, told(healthy)
    made = quantised(changed(model, "w", lambda content: content * np.float32(0.5)), tmp_path, "qdq", True)
    damaged = parity(made, model, tmp_path)
    assert (damaged.verdict, damaged.code) == (Verdict.FAILED, "V_PARITY"), told(damaged)
    assert "'dense'" in damaged.message, told(damaged)
    assert "hold no values" in damaged.message


def test_indices_that_agree_hide_no_part_that_computes_something_else(tmp_path: Path) -> None:
    """What grows with its operand leaves the larger one the larger one."""

    def with_a(operator: str) -> ModelProto:
        model = indices_net()
        model.graph.node[1].input[0] = "grown"
        model.graph.node.insert(1, helper.make_node(operator, ["m"], ["grown"], name="grow"))
        return model

    healthy = parity(quantised(with_a("Tanh"), tmp_path, "qdq", True), with_a("Tanh"), tmp_path)
    assert healthy.verdict is Verdict.PASSED, told(healthy)
    damaged = parity(quantised(with_a("Sigmoid"), tmp_path, "qdq", True), with_a("Tanh"), tmp_path)
    assert (damaged.verdict, damaged.code) == (Verdict.FAILED, "V_PARITY"), told(damaged)
    assert "Tanh 'grow'" in damaged.message, told(damaged)
    assert "hold no values" in damaged.message


def test_what_a_pool_hands_on_is_not_its_loss(tmp_path: Path) -> None:
    """In QOperator form the Relu behind a convolution is the beginning of its numbers."""
    model = labels_net()
    found = parity(quantised(model, tmp_path, "qoperator", True), model, tmp_path)
    losses = {loss["node"]: loss["sqnr_db"] for loss in found.figures["localisation"]["loss"]}
    assert not any("MaxPool" in node for node in losses), losses
    assert min(db for node, db in losses.items() if "ArgMax" not in node) > 30, losses
