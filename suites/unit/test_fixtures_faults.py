"""Planted faults: each leaves its argument alone, loads, and shows where it should."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto

import fixtures
from fixtures import faults, graphs
from fixtures.running import run_seeded

SHIPPED = Path(fixtures.__file__).parent / "models"
PUBLISHED = Path(os.environ.get("ONNXACCEL_MODELS", "")) / "ulfd"
MODELS: dict[str, Callable[[], ModelProto]] = {
    "rfb-320": lambda: onnx.load(SHIPPED / "rfb-320.onnx"),
    "slim-320": lambda: onnx.load(SHIPPED / "slim-320.onnx"),
    "published-rfb": lambda: onnx.load(PUBLISHED / "version-RFB-320.onnx"),
    "published-slim": lambda: onnx.load(PUBLISHED / "version-slim-320.onnx"),
    "published-simplified": lambda: onnx.load(PUBLISHED / "version-RFB-320_simplified.onnx"),
    "small_cnn": graphs.small_cnn,
    "mlp": lambda: graphs.mlp(1),
    "lstm": graphs.lstm,
    "initializers_as_inputs": lambda: graphs.initializers_as_inputs(1),
}
DETECTORS = [name for name in MODELS if "-" in name]


@pytest.fixture
def model(request: pytest.FixtureRequest) -> ModelProto:
    if request.param.startswith("published") and not PUBLISHED.is_dir():
        pytest.skip("ONNXACCEL_MODELS names no folder with ulfd/ in it")
    return MODELS[request.param]()


every_model = pytest.mark.parametrize("model", MODELS, indirect=True)
every_detector = pytest.mark.parametrize("model", DETECTORS, indirect=True)


@every_model
@pytest.mark.parametrize("fault", [faults.move_bias, faults.scale_channel])
def test_other_weights_move_every_output(model: ModelProto, fault: Callable[[ModelProto], ModelProto]) -> None:
    before = model.SerializeToString()
    good, bad = run_seeded(model), run_seeded(fault(model))
    assert model.SerializeToString() == before
    assert list(good) == list(bad)
    for name in good:
        assert 1e-4 < np.abs(good[name] - bad[name]).max() < 1


@every_detector
def test_a_named_bias_moves_what_it_feeds_and_no_more(model: ModelProto) -> None:
    last = [node.input[2] for node in model.graph.node if node.op_type == "Conv" and len(node.input) > 2][-1]
    good, bad = run_seeded(model), run_seeded(faults.move_bias(model, by=0.01, bias=last))
    np.testing.assert_array_equal(good["scores"], bad["scores"])
    assert np.abs(good["boxes"] - bad["boxes"]).max() > 1e-4


def test_the_bias_is_the_batch_norms_where_one_follows() -> None:
    assert faults.find_bias(graphs.small_cnn()) == "bn.bias"
    assert faults.find_weight(graphs.small_cnn()) == "conv.weight"
    assert faults.find_bias(graphs.float64_model()) == "b"


def test_scale_channel_scales_one_channel() -> None:
    def weights(model: ModelProto) -> np.ndarray:
        return onnx.numpy_helper.to_array(model.graph.initializer[0])

    ratio = weights(faults.scale_channel(graphs.small_cnn(), 1.05, channel=2)) / weights(graphs.small_cnn())
    np.testing.assert_allclose(ratio[2], 1.05, rtol=1e-6)
    np.testing.assert_array_equal(np.delete(ratio, 2, axis=0), 1)
    # The weights of a Gemm without transB are features x channels.
    ratio = weights(faults.scale_channel(graphs.mlp(), 1.05, channel=2)) / weights(graphs.mlp())
    np.testing.assert_allclose(ratio[:, 2], 1.05, rtol=1e-6)
    np.testing.assert_array_equal(np.delete(ratio, 2, axis=1), 1)


def test_unknown_and_absent_weights_are_refused() -> None:
    with pytest.raises(ValueError, match="no initializer 'nope'"):
        faults.move_bias(graphs.mlp(), bias="nope")
    for fault in (faults.move_bias, faults.scale_channel):
        with pytest.raises(ValueError, match="among the initializers"):
            fault(graphs.log_domain())


@every_model
def test_nan_inside(model: ModelProto) -> None:
    assert all(np.isnan(array).all() for array in run_seeded(faults.nan_inside(model)).values())


@every_model
def test_rename_output(model: ModelProto) -> None:
    good, bad = run_seeded(model), run_seeded(faults.rename_output(model))
    first, *rest = good
    assert list(bad) == [f"{first}_renamed", *rest]
    np.testing.assert_array_equal(good[first], bad[f"{first}_renamed"])


@every_detector
def test_drop_and_swap_outputs(model: ModelProto) -> None:
    good = run_seeded(model)
    assert list(run_seeded(faults.drop_output(model))) == ["scores"]
    assert list(run_seeded(faults.drop_output(model, "scores"))) == ["boxes"]
    swapped = run_seeded(faults.swap_outputs(model))
    assert list(swapped) == ["boxes", "scores"]
    for name in good:
        np.testing.assert_array_equal(good[name], swapped[name])


def test_a_single_output_is_neither_dropped_nor_swapped() -> None:
    for fault in (faults.drop_output, faults.swap_outputs):
        with pytest.raises(ValueError, match="mlp"):
            fault(graphs.mlp())


@every_model
def test_bake_reshape_is_right_at_batch_1(model: ModelProto) -> None:
    bad = faults.bake_reshape(model)
    onnx.checker.check_model(bad, full_check=True)
    weights = {tensor.name for tensor in bad.graph.initializer}
    for value in (*bad.graph.input, *bad.graph.output):
        assert value.name in weights or value.type.tensor_type.shape.dim[0].dim_param == "N"
    good, baked = run_seeded(model), run_seeded(bad)
    for name in good:
        np.testing.assert_array_equal(good[name], baked[name])


@pytest.mark.parametrize("model", ["published-rfb", "small_cnn", "mlp"], indirect=True)
def test_bake_reshape_is_silently_wrong_at_batch_3(model: ModelProto) -> None:
    good, bad = run_seeded(model), run_seeded(faults.bake_reshape(model), batch=3)
    first = next(iter(good))
    _, values, *rest = good[first].shape
    assert bad[first].shape == (1, 3 * values, *rest)


@pytest.mark.parametrize("model", ["rfb-320", "slim-320"], indirect=True)
def test_bake_reshape_adds_to_a_batch_that_is_baked_already(model: ModelProto) -> None:
    with pytest.raises(Exception, match="Reshape"):
        run_seeded(faults.bake_reshape(model), batch=3)
