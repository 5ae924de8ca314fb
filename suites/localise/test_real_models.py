"""The published detectors, where ``ONNXACCEL_MODELS`` names them: planted nodes, folded batch norms, modules."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from fixtures import faults
from pytest_onnxaccel.core.results import Verdict
from suites.localise.conftest import Check, names, origin
from suites.localise.planting import every, renamed

WEIGHT = "base_net.7.branch1.1.conv.weight"


@pytest.fixture(scope="module")
def simplified(models_folder: Path) -> onnx.ModelProto:
    return onnx.load(models_folder / "ulfd" / "version-RFB-320_simplified.onnx")


def test_every_planted_node_is_named(check: Check, simplified: onnx.ModelProto) -> None:
    planted = every(simplified)
    assert {one.kind for one in planted} == {"weight", "bias", "operator", "dropped", "added", "attribute"}
    for one in planted:
        result = check(one.model, simplified)
        if result.verdict is Verdict.FAILED:
            assert one.node in names(origin(result)), (one.kind, one.node, result.details)


def test_under_other_names(check: Check, simplified: onnx.ModelProto) -> None:
    for one in every(simplified)[::4]:
        other = renamed(one.model)
        result = check(other, simplified)
        if result.verdict is Verdict.FAILED:
            pairs = zip(one.model.graph.node, other.graph.node, strict=True)
            node = next(new.name for old, new in pairs if one.node in (old.name, old.output[0]))
            assert node in names(origin(result)), (one.kind, one.node, result.details)


def test_the_original_names_its_module(check: Check, models_folder: Path) -> None:
    good = onnx.load(models_folder / "ulfd" / "version-RFB-320.onnx")
    told = origin(check(faults.scale_channel(good, weight=WEIGHT), good))
    assert (told["op"], told["module"], told["outputs"]) == ("Conv", "base_net.7.branch1.1.conv", ["293"])


def test_across_a_folded_and_renamed_export(check: Check, models_folder: Path, tmp_path: Path) -> None:
    """ONNX Runtime's own folding of a faulty copy against the original: legal rewrites are not an origin."""
    import onnxruntime as ort

    good = onnx.load(models_folder / "ulfd" / "version-RFB-320.onnx")
    wrong = faults.scale_channel(good, weight=WEIGHT)
    weights = {tensor.name for tensor in wrong.graph.initializer}
    inputs = [value for value in wrong.graph.input if value.name not in weights]
    del wrong.graph.input[:]
    wrong.graph.input.extend(inputs)
    wrong.ir_version = 8  # from then on initializers need not be inputs, and can be folded
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(tmp_path / "folded.onnx")
    ort.InferenceSession(wrong.SerializeToString(), options, providers=["CPUExecutionProvider"])
    folded = onnx.load(tmp_path / "folded.onnx")
    assert not any(node.op_type == "BatchNormalization" for node in folded.graph.node)
    for candidate in (folded, renamed(folded)):
        result = check(candidate, good)
        told = origin(result)
        assert [node["op"] for node in told["nodes"]] == ["Conv"], result.details
        assert told["reference_nodes"][0]["module"] == "base_net.7.branch1.1.conv"
