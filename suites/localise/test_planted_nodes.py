"""Two ONNX files: the node that a value fault was planted at is the one that is named."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import ModelProto, helper, numpy_helper

from fixtures import faults, graphs
from pytest_onnxaccel.core.results import Verdict
from suites.localise.conftest import Check, names, origin
from suites.localise.planting import PLANTERS, copied, every, renamed

CNN = graphs.small_cnn()


def good_one(name: str, folder: Path) -> ModelProto:
    return onnx.load(folder / f"{name}.onnx")


@pytest.mark.parametrize("plant", PLANTERS, ids=lambda plant: plant.__name__)
@pytest.mark.parametrize("name", ["rfb-320", "slim-320"])
def test_every_kind_of_fault_is_found_under_equal_and_under_other_names(
    check: Check, shipped: Path, name: str, plant: Any
) -> None:
    good = good_one(name, shipped)
    planted = plant(good)
    assert planted, "the detector has a place for it"
    for one in planted:
        result = check(one.model, good)
        assert result.verdict is Verdict.FAILED, (one.kind, one.node)
        told = origin(result)
        assert told["confirmed"], result.details
        assert names(told)[-1] == one.node or one.node in names(told), (one.kind, one.node, result.message)
        assert len(told["nodes"]) <= 2

        other = check(renamed(one.model), good)
        same = {
            node.name: new.name for node, new in zip(one.model.graph.node, renamed(one.model).graph.node, strict=True)
        }
        assert same[one.node] in names(origin(other)), (one.kind, other.details)


def test_a_dropped_node_is_named_as_lacking(check: Check, shipped: Path) -> None:
    good = good_one("rfb-320", shipped)
    wrong = copied(good)
    index = next(i for i, node in enumerate(wrong.graph.node) if node.name == "node_relu_10")
    gone = wrong.graph.node[index]
    for node in wrong.graph.node:
        node.input[:] = [gone.input[0] if n == gone.output[0] else n for n in node.input]
    del wrong.graph.node[index]
    result = check(wrong, good)
    assert (
        "origin: Conv 'node_Conv_587' (module base_net.6.1), before which the candidate lacks Relu 'node_relu_10'"
        in (result.message)
    )
    assert [n["name"] for n in origin(result)["reference_nodes"]] == ["node_relu_10", "node_Conv_587"]


def test_the_message_names_module_and_cause(check: Check, shipped: Path) -> None:
    good = good_one("rfb-320", shipped)
    result = check(faults.scale_channel(good, weight="base_net.7.branch1.1.conv.weight"), good)
    assert result.message.endswith("; origin: Conv 'node_Conv_599' (module base_net.7.branch1.1.bn)")
    first, second = result.details[:2]
    assert "'getitem_51' is 4.9e-02 of its scale off" in first
    assert re.search(r"what it reads (is equal|agrees to \d\.\de-0[6-9]); alone and fed the same it differs too", first)
    assert second.startswith("there: constant 'base_net.7.branch1.1.conv.weight' differs in 72 of 1152 values")
    told = result.figures["localisation"]
    assert told["compared"] == told["values"] == 122
    assert told["differing"] == 82, "the origin and what it passes on to"
    assert told["chunks"] == 1


@pytest.mark.parametrize(
    ("wrong", "node"),
    [
        (faults.move_bias(CNN, bias="fc.bias"), "fc"),
        (faults.move_bias(CNN, bias="bn.bias"), "bn"),
        (faults.scale_channel(CNN, weight="conv.weight"), "conv"),
        (faults.nan_inside(CNN), "planted_Add_logits"),
    ],
    ids=["last", "batch norm", "first", "nan"],
)
def test_small_graphs(check: Check, wrong: ModelProto, node: str) -> None:
    assert names(origin(check(wrong, CNN))) == [node]


def test_recurrent_and_dynamic_graphs(check: Check) -> None:
    lstm = graphs.two_lstm()
    assert names(origin(check(faults.scale_channel(lstm, weight="W1"), lstm))) == ["lstm1"]
    mlp = graphs.mlp()
    assert names(origin(check(faults.move_bias(mlp), mlp))) == ["first"]


def test_other_seeds_are_looked_into_on_their_own_sample(check: Check) -> None:
    assert names(origin(check(faults.move_bias(CNN), CNN, seeds=(5, 6)))) == ["bn"]


def test_a_folded_batch_norm_is_no_origin_but_the_fault_behind_it_is(check: Check) -> None:
    """Folding makes another convolution; the names of its values stay, and mean something else."""
    folded = _folded(CNN)
    assert check(folded, CNN).verdict is Verdict.PASSED
    result = check(faults.move_bias(folded, bias="fc.bias"), CNN)
    assert names(origin(result)) == ["fc"]


def _folded(model: ModelProto) -> ModelProto:
    made = copied(model)
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in made.graph.initializer}
    factor = arrays["bn.weight"] / np.sqrt(arrays["bn.running_var"] + 1e-5)
    arrays["conv.weight"] = arrays["conv.weight"] * factor[:, None, None, None]
    arrays["conv.bias"] = (arrays["conv.bias"] - arrays["bn.running_mean"]) * factor + arrays["bn.bias"]
    for tensor in made.graph.initializer:
        tensor.CopyFrom(numpy_helper.from_array(arrays[tensor.name].astype(np.float32), tensor.name))
    made.graph.node[2].input[0] = "convolved"
    del made.graph.node[1]
    return made


def test_nothing_matches_and_that_is_said(check: Check) -> None:
    """Two networks that share inputs and outputs and nothing else."""
    nodes = [
        helper.make_node("Flatten", ["image"], ["flat"], "flatten"),
        helper.make_node("Tanh", ["flat"], ["bent"], "tanh"),
        helper.make_node("Exp", ["bent"], ["large"], "exp"),
        helper.make_node("MatMul", ["large", "w"], ["summed"], "matmul"),
        helper.make_node("Sigmoid", ["summed"], ["logits"], "sigmoid"),
    ]
    from fixtures.graphs.assembly import assemble, seeded, value

    other = assemble("other", nodes, [value("image", 1, 3, 8, 8)], [value("logits", 1, 5)], {"w": seeded(0, 192, 5)})
    result = check(other, CNN)
    assert result.verdict is Verdict.FAILED
    assert "origin" not in result.figures["localisation"]
    assert result.details[0].startswith("not localised: no value between inputs and outputs has a counterpart")
    assert "origin" not in result.message


def test_control_flow_is_left_alone_and_said_so(check: Check) -> None:
    from suites.unit.graph.test_probe import branching

    good, wrong = branching(), branching()
    wrong.graph.node[0].op_type = "Sub"  # x - x
    result = check(wrong, good)
    assert names(origin(result)) == ["double"]
    assert result.figures["localisation"]["left_alone"] == ["If 'if'"]
    assert any("not looked into: If 'if'" in line for line in result.details)


def test_a_fault_inside_a_branch_is_the_node_that_holds_it(check: Check) -> None:
    from suites.unit.graph.test_probe import branching

    wrong = branching()
    for attribute in wrong.graph.node[3].attribute:
        for node in attribute.g.node:
            node.op_type = "Exp"
    assert names(origin(check(wrong, branching()))) == ["if"]


def test_chunks_are_bounded_and_find_the_same(check: Check, shipped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pytest_onnxaccel.runner.localise import localise as analysis
    from pytest_onnxaccel.runner.localise.nodes import intermediates as taken_apart

    good = good_one("slim-320", shipped)
    one = next(one for one in every(good) if one.kind == "operator")
    whole = check(one.model, good)
    cap = 12 << 20
    monkeypatch.setattr(
        analysis, "intermediates", lambda *sides, **more: taken_apart.intermediates(*sides, **more, cap=cap)
    )
    for model in (one.model, renamed(one.model)):
        result = check(model, good)
        told = result.figures["localisation"]
        assert told["chunks"] > 3
        outputs = 3 * 4420 * 6 * 4  # of the candidate and twice of the reference, in every chunk
        assert told["largest_chunk_bytes"] <= cap + outputs
        assert told["origin"]["share"] == pytest.approx(whole.figures["localisation"]["origin"]["share"], rel=0.2)
        assert told["origin"]["confirmed"]
    assert whole.figures["localisation"]["chunks"] == 1


def test_in_workers_as_well(check: Check) -> None:
    result = check(faults.move_bias(CNN), CNN, in_process=False)
    assert names(origin(result)) == ["bn"]
    assert result.notes == ()
