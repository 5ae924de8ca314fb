"""One file in several engines: the node where an engine goes wrong, and which engine that is."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import helper

from fixtures import graphs
from fixtures.graphs.assembly import assemble, seeded, value
from pytest_onnxaccel.backends.onnx_tf.backend import OnnxTf
from pytest_onnxaccel.core.results import CheckResult, Verdict
from suites.localise import crooked
from suites.localise.conftest import Check, names, origin

CPU, ONNX, TF = "ort-cpu", "reference", "onnx-tf"


def engines(result: CheckResult) -> str:
    return next((line for line in result.details if line.startswith("engines: ")), "")


def normalising(opset: int = 9) -> onnx.ModelProto:
    """``x`` 2x3x4x4 -> ``y``: Conv, BatchNormalization and Relu of an old opset."""
    nodes = [
        helper.make_node("Conv", ["x", "conv.weight"], ["a"], "conv"),
        helper.make_node("BatchNormalization", ["a", "bn.weight", "bn.bias", "bn.mean", "bn.var"], ["b"], "bn"),
        helper.make_node("Relu", ["b"], ["y"], "relu"),
    ]  # fmt: skip
    weights = {
        "conv.weight": seeded(0, 4, 3, 1, 1), "bn.weight": seeded(1, 4) + 1, "bn.bias": seeded(2, 4),
        "bn.mean": seeded(3, 4), "bn.var": seeded(4, 4) + 1,
    }  # fmt: skip
    model = assemble("normalising", nodes, [value("x", 2, 3, 4, 4)], [value("y", 2, 4, 4, 4)], weights)
    model.opset_import[0].version = opset
    return model


def test_the_evaluator_run_raw_is_the_odd_one_out_at_its_batch_norm(check: Check) -> None:
    with crooked.registered(ONNX, crooked.RawReference):
        result = check(normalising(), CPU, ONNX, (CPU, ONNX))
        assert names(origin(result)) == ["bn"]
        assert result.figures["blame"]["odd"] == ONNX
        assert "reference is the odd one out" in engines(result)
        assert "but are one runtime" in engines(result)
    assert check(normalising(), CPU, ONNX, (CPU, ONNX)).verdict is Verdict.PASSED, "upgraded first, it is an oracle"


def test_the_evaluator_run_raw_on_the_original_detector(check: Check, models_folder: Path) -> None:
    model = models_folder / "ulfd" / "version-RFB-320.onnx"
    backends = (CPU, ONNX, TF) if OnnxTf().availability().ok else (CPU, ONNX)
    with crooked.registered(ONNX, crooked.RawReference):
        result = check(model, CPU, ONNX, backends)
    told = origin(result)
    assert (told["op"], told["module"], told["confirmed"]) == ("BatchNormalization", "base_net.0.1", True)
    assert result.figures["blame"]["odd"] == ONNX
    assert "reference is the odd one out" in engines(result)
    assert result.figures["max_abs"] > 0.1


def test_a_wrong_kernel_is_found_and_its_engine_named_by_an_oracle(check: Check, shipped: Path) -> None:
    """Two runtimes with their variants cannot tell; at the origin alone, the evaluator is asked."""
    with crooked.registered("crooked", crooked.Crooked):
        result = check(shipped / "rfb-320.onnx", CPU, "crooked", (CPU, "crooked"))
    assert names(origin(result)) == ["node_softmax"]
    assert result.figures["blame"]["odd"] == "crooked"
    assert engines(result).startswith("engines: at the origin alone, crooked is the odd one out")


def test_the_sides_may_be_exchanged(check: Check, shipped: Path) -> None:
    with crooked.registered("crooked", crooked.Crooked):
        result = check(shipped / "slim-320.onnx", "crooked", CPU, (CPU, "crooked"))
    assert names(origin(result)) == ["node_softmax"]
    assert result.figures["blame"]["odd"] == "crooked"


def test_against_the_evaluator_intermediates_of_two_engines_are_compared(check: Check, shipped: Path) -> None:
    with crooked.registered("crooked", crooked.Crooked):
        result = check(shipped / "slim-320.onnx", ONNX, "crooked", ("crooked", ONNX, CPU))
    told = origin(result)
    assert names(told) == ["node_softmax"]
    assert 0 < told["inputs_share"] < 1e-5, "two engines round differently, and that is not an origin"
    assert result.figures["blame"]["odd"] == "crooked"


@pytest.mark.skipif(not OnnxTf().availability().ok, reason="the environment onnx-tf is not built")
def test_onnx_tf_is_looked_into_through_its_prepared_copy(check: Check, shipped: Path) -> None:
    with crooked.registered("crooked", crooked.Crooked):
        result = check(shipped / "rfb-320.onnx", TF, "crooked", ("crooked", TF))
    assert names(origin(result)) == ["node_softmax"]
    assert result.figures["localisation"]["compared"] == 122


def test_optimized_against_not(check: Check, shipped: Path) -> None:
    with crooked.registered("crooked", crooked.CrookedOptimizer):
        result = check(shipped / "rfb-320.onnx", "unoptimized", "crooked")
    assert names(origin(result)) == ["node_softmax"]
    assert result.figures["blame"]["odd"] == "crooked"


def test_a_fusion_that_exposing_breaks_is_named_by_what_it_joins(check: Check, shipped: Path) -> None:
    with crooked.registered("crooked", crooked.CrookedFusion):
        result = check(shipped / "rfb-320.onnx", "unoptimized", "crooked", ("crooked", CPU))
    told = result.figures["localisation"]
    assert told["vanished"]
    assert "origin" not in told
    assert [node["name"] for node in told["fused"]] == ["node_Conv_585", crooked.FUSED]
    assert "origin: an optimization across Conv 'node_Conv_585' -> Relu 'node_relu_10'" in result.message
    assert result.figures["blame"]["odd"] == "crooked"


def test_two_engines_alone_say_that_they_cannot_tell(check: Check, shipped: Path) -> None:
    """A fusion cannot be run alone, so that no oracle is asked."""
    with crooked.registered("crooked", crooked.CrookedFusion):
        result = check(shipped / "rfb-320.onnx", "unoptimized", "crooked")
    assert result.figures["blame"]["odd"] == ""
    assert "two engines cannot tell which of them is wrong" in engines(result)


def test_no_engine_is_blamed_for_two_files(check: Check) -> None:
    from fixtures import faults

    result = check(faults.move_bias(graphs.small_cnn()), graphs.small_cnn(), CPU, (CPU, ONNX))
    assert "blame" not in result.figures
    assert engines(result) == ""


def test_a_passing_pair_is_not_looked_into(check: Check) -> None:
    result = check(graphs.small_cnn(), ONNX, CPU, (CPU, ONNX))
    assert result.verdict is Verdict.PASSED
    assert "localisation" not in result.figures


def test_at_another_batch_the_frozen_copy_is_looked_into(check: Check, shipped: Path) -> None:
    with crooked.registered("crooked", crooked.Crooked):
        result = check(shipped / "slim-320.onnx", CPU, "crooked", (CPU, "crooked"), batch=2)
    assert result.batch == 2
    assert names(origin(result)) == ["node_softmax"]


def test_a_value_that_an_engine_refuses_is_left_out_and_the_rest_is_seen(check: Check, shipped: Path) -> None:
    """A copy with that value as an output does not load; halves are tried until it stands alone."""
    with crooked.registered("crooked", crooked.CrookedPicky):
        result = check(shipped / "slim-320.onnx", CPU, "crooked", (CPU, "crooked"))
    told = result.figures["localisation"]
    assert names(told["origin"]) == ["node_softmax"]
    assert told["compared"] == told["values"] - 1
    assert any("1 values could not be obtained" in line for line in result.details)
