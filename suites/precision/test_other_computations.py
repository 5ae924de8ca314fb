"""Quantised models that compute something else than their original fail without a limit; other numbers alone do not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from onnx import ModelProto, NodeProto, helper, numpy_helper

from pytest_onnxaccel.backends.protocol import GROUP
from pytest_onnxaccel.core.comparisons import Comparison
from pytest_onnxaccel.core.lookup import registry
from pytest_onnxaccel.core.results import Verdict
from pytest_onnxaccel.report.json_page import render
from suites.precision.conversions import changed, parity, quantised, told
from suites.precision.nets import NETS
from suites.reports.engines import Saturating
from suites.unit.report.kept import report

FORMS = ["qdq", "qoperator", "dynamic"]
Edit = Callable[[ModelProto], ModelProto]


def node_of(model: ModelProto, name: str) -> NodeProto:
    return next(node for node in model.graph.node if node.name == name)


def other_operator(name: str, op: str) -> Edit:
    def edit(model: ModelProto) -> ModelProto:
        node_of(model, name).op_type = op
        return model

    return edit


def other_attribute(name: str, key: str, value: Any) -> Edit:
    def edit(model: ModelProto) -> ModelProto:
        node = node_of(model, name)
        for item in [item for item in node.attribute if item.name == key]:
            node.attribute.remove(item)
        node.attribute.append(helper.make_attribute(key, value))
        return model

    return edit


def dropped(name: str) -> Edit:
    def edit(model: ModelProto) -> ModelProto:
        node = node_of(model, name)
        for reader in model.graph.node:
            for place, read in enumerate(reader.input):
                reader.input[place] = node.input[0] if read == node.output[0] else read
        model.graph.node.remove(node)
        return model

    return edit


def turned_inputs(name: str) -> Edit:
    def edit(model: ModelProto) -> ModelProto:
        node = node_of(model, name)
        node.input[:] = list(node.input)[::-1]
        return model

    return edit


def exchanged_weights(model: ModelProto) -> ModelProto:
    first, second = node_of(model, "project_q"), node_of(model, "project_k")
    first.input[1], second.input[1] = second.input[1], first.input[1]
    return model


def weight(name: str, change: Callable[[Any], Any]) -> Edit:
    return lambda model: changed(model, name, change)


#: By what was done before the model was quantised: the net, how, and what the message must name.
FAULTS: dict[str, tuple[str, Edit, str]] = {
    "square weight transposed": ("attention", weight("w_q", lambda w: w.T), "'project_q"),
    "weights of two layers exchanged": ("attention", exchanged_weights, "'project_"),
    "softmax over another axis": ("attention", other_attribute("softmax", "axis", 1), "'softmax"),
    "another epsilon": ("attention", weight("eps", lambda w: w * 1000), "'guard"),
    "another activation": ("dense", other_operator("second_gate", "Tanh"), "Sigmoid 'second_gate'"),
    "a Relu too few": ("deep", dropped("relu_5"), "Relu 'relu_5'"),
    "a Relu too few between products": ("attention", dropped("up_relu"), "Relu 'up_relu'"),
    "kernel turned round": ("deep", weight("w5", lambda w: w[:, :, ::-1, ::-1]), "'conv_5"),
    "kernel transposed": ("deep", weight("w5", lambda w: w.transpose(0, 1, 3, 2)), "'conv_5"),
    "padding on one side": ("deep", other_attribute("conv_5", "pads", [0, 0, 2, 2]), "'conv_5"),
    "another pooling": ("residual", other_operator("shrink", "AveragePool"), "MaxPool 'shrink'"),
    "product instead of a sum": ("residual", other_operator("join", "Mul"), "Add 'join'"),
    "joined in another order": ("residual", turned_inputs("beside"), "'beside"),
    "a bias too few": ("dense", dropped("second_bias"), "Add 'second_bias'"),
    "another bias": ("conv", weight("b4", lambda b: b + np.float32(0.3)), "'head"),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_part_that_computes_something_else_fails_and_is_named(fault: str, form: str, tmp_path: Path) -> None:
    net, edit, name = FAULTS[fault]
    model = NETS[net](3)
    made = quantised(edit(copy_of(model)), tmp_path, form, False)
    found = parity(made, model, tmp_path)
    assert (found.verdict, found.code) == (Verdict.FAILED, "V_PARITY"), told(found)
    assert name in found.message, told(found)


def copy_of(model: ModelProto) -> ModelProto:
    made = ModelProto()
    made.CopyFrom(model)
    return made


@pytest.mark.parametrize("form", ["qdq", "qoperator"])
@pytest.mark.parametrize(("net", "name", "node"), [("dense", "w2", "second"), ("conv", "w3", "pointwise")])
def test_scales_of_channels_that_are_exchanged_fail(
    net: str, name: str, node: str, form: str, tmp_path: Path
) -> None:  # fmt: skip
    """All channels are off, as of weights that were balanced, but by the scales of other channels."""
    model = NETS[net](3)
    made = changed(quantised(model, tmp_path, form, True), f"{name}_scale", lambda scale: np.roll(scale, 1))
    found = parity(made, model, tmp_path)
    assert (found.verdict, found.code) == (Verdict.FAILED, "V_PARITY"), told(found)
    assert f"'{node}" in found.message, told(found)


def trained_further(model: ModelProto) -> ModelProto:
    random = np.random.default_rng(77)
    for tensor in model.graph.initializer:
        content = numpy_helper.to_array(tensor)
        if content.size > 8:
            moved = content + 0.15 * content.std() * random.standard_normal(content.shape)
            tensor.CopyFrom(numpy_helper.from_array(moved.astype(np.float32), tensor.name))
    return model


def permuted(model: ModelProto) -> ModelProto:
    """The channels between two layers in another order: the same function."""
    order = np.random.default_rng(1).permutation(24)
    for name in ("w3", "b3", "w4"):
        model = changed(model, name, lambda content: content[order])
    return model


def balanced(model: ModelProto) -> ModelProto:
    factors = np.random.default_rng(3).uniform(0.5, 2, 16).astype(np.float32)
    model = changed(model, "w1", lambda content: content * factors[:, None, None, None])
    model = changed(model, "b1", lambda content: content * factors)
    return changed(model, "w2", lambda content: content / factors[:, None, None, None])


def smoothed(model: ModelProto) -> ModelProto:
    """Activations by a factor for each channel, taken back in the weights."""
    factors = np.random.default_rng(3).uniform(0.5, 2, 40).astype(np.float32)
    model = changed(model, "w2", lambda content: content * factors[:, None])
    model.graph.initializer.append(numpy_helper.from_array(1 / factors, "smooth"))
    reader = node_of(model, "second")
    place = list(model.graph.node).index(reader)
    made = helper.make_node("Mul", [reader.input[0], "smooth"], ["smoothed"], name="smoother")
    reader.input[0] = "smoothed"
    model.graph.node.insert(place, made)
    return model


HEALTHY: dict[str, tuple[str, Edit]] = {
    "trained further": ("conv", trained_further), "attention trained further": ("attention", trained_further),
    "channels in another order": ("conv", permuted), "balanced": ("conv", balanced), "smoothed": ("dense", smoothed),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", HEALTHY)
def test_what_computes_the_same_with_other_weights_is_not_accused(kind: str, form: str, tmp_path: Path) -> None:
    net, edit = HEALTHY[kind]
    model = NETS[net](3)
    found = parity(quantised(edit(copy_of(model)), tmp_path, form, False), model, tmp_path)
    assert (found.verdict, found.code) == (Verdict.INCONCLUSIVE, "V_QUANTISED"), told(found)


@pytest.mark.parametrize("form", FORMS)
def test_within_a_limit_the_node_is_named_by_what_it_computes(form: str, tmp_path: Path) -> None:
    model = NETS["attention"](3)
    made = quantised(weight("w_q", lambda w: w.T)(copy_of(model)), tmp_path, form, False)
    found = parity(made, model, tmp_path, comparisons={"y": Comparison("sqnr", 25.0)})
    assert found.verdict is Verdict.FAILED, told(found)
    assert "'project_q" in found.message, told(found)
    assert "fed what the original computes there" in found.message, told(found)


@pytest.mark.parametrize("fault", ["none", "a part", "a constant"])
def test_the_report_of_it_follows_the_schema(fault: str, tmp_path: Path) -> None:
    model = NETS["attention"](3)
    edit: Edit = weight("w_q", lambda w: w.T) if fault == "a part" else lambda model: model
    made = quantised(edit(copy_of(model)), tmp_path, "qdq", False)
    made = changed(made, "w_v_scale", lambda scale: scale * 2) if fault == "a constant" else made
    found = parity(made, model, tmp_path)
    assert (found.verdict is Verdict.FAILED) == (fault != "none"), told(found)
    text = files("pytest_onnxaccel.report").joinpath("schema-v1.json").read_text(encoding="utf-8")
    jsonschema.validate(json.loads(render(report(found))), json.loads(text))


@pytest.fixture
def saturating() -> Iterator[None]:
    """ONNX Runtime as on a processor whose kernels of whole numbers saturate."""
    made = EntryPoint("ort-cpu", f"{Saturating.__module__}:{Saturating.__name__}", GROUP)
    before = registry.replace(GROUP, "ort-cpu", made)
    yield
    registry.replace(GROUP, "ort-cpu", before)


@pytest.mark.usefixtures("saturating")
def test_a_kernel_that_saturates_is_no_fault_of_the_file(tmp_path: Path) -> None:
    model = NETS["conv"](3)
    found = parity(quantised(model, tmp_path, "qoperator", True), model, tmp_path)
    assert (found.verdict, found.code) == (Verdict.INCONCLUSIVE, "V_QUANTISED"), told(found)
    line = "QLinearConv 'pointwise_quant': by definition it keeps "
    assert any(one.startswith(line) and "the kernel of ort-cpu gives something else" in one for one in found.details)


@pytest.mark.usefixtures("saturating")
def test_what_is_wrong_by_definition_is_a_fault_in_any_kernel(tmp_path: Path) -> None:
    net, edit, name = FAULTS["padding on one side"]
    model = NETS[net](3)
    found = parity(quantised(edit(copy_of(model)), tmp_path, "qoperator", False), model, tmp_path)
    assert (found.verdict, found.code) == (Verdict.FAILED, "V_PARITY"), told(found)
    assert name in found.message, told(found)
