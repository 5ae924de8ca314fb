"""Tolerances: the user's, and the default ones against what optimizers legally do and against planted faults."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import ModelProto
from onnx.helper import make_node

from fixtures import faults
from fixtures.graphs.assembly import assemble, seeded, value
from pytest_onnxaccel.checks.parity.tolerances import Limits
from pytest_onnxaccel.core.specs import Tolerance
from pytest_onnxaccel.numerics.compare.elementwise import default_tolerance, figures
from suites.unit.comparing import WITHOUT_WARNINGS, share

pytestmark = WITHOUT_WARNINGS

Array = NDArray[Any]


def test_the_users_tolerance_wins_each_number_by_itself() -> None:
    reference = np.array([1.0, 2.0], np.float32)
    assert default_tolerance(reference) == (1e-4, pytest.approx(2e-5))
    found = figures(reference, reference, Tolerance(rtol=0.5))
    assert (found["rtol"], found["atol"]) == (0.5, pytest.approx(2e-5))
    found = figures(reference, reference, Tolerance(atol=0.0))
    assert (found["rtol"], found["atol"]) == (1e-4, 0.0)


def test_zero_tolerance_asks_for_equal_bits() -> None:
    one = np.array([1.0], np.float32)
    assert share(one, one, Tolerance(0, 0)) == 0
    assert share(np.nextafter(one, np.float32(2)), one, Tolerance(0, 0)) == 1


def test_the_limit_itself_is_inside() -> None:
    assert share([1.5], [1.0], Tolerance(rtol=0, atol=0.5)) == 0
    assert share([1.5], [1.0], Tolerance(rtol=0.5, atol=0)) == 0
    assert share([1.5000001], [1.0], Tolerance(rtol=0, atol=0.5)) == 1


@pytest.mark.parametrize(
    ("dtype", "rtol"), [(np.float64, 1e-7), (np.float32, 1e-4), (np.float16, 1e-2), (ml_dtypes.bfloat16, 4e-2)]
)
def test_the_default_is_scaled_to_the_largest_finite_reference_value(dtype: Any, rtol: float) -> None:
    assert default_tolerance(np.array([np.inf, np.nan, -8, 2], dtype)) == (rtol, pytest.approx(rtol * 0.8))
    assert default_tolerance(np.array([np.nan], dtype)) == (rtol, pytest.approx(rtol * 0.1))
    assert default_tolerance(np.array([], dtype)) == (rtol, pytest.approx(rtol * 0.1))


def test_the_default_for_whole_numbers_text_and_truth_is_none_at_all() -> None:
    for array in (np.array([5]), np.array([True]), np.array(["a"]), np.array([5], np.uint8)):
        assert default_tolerance(array) == (0.0, 0.0)


# -- the default tolerance against what optimizers legally do, and against planted faults -----------------------


def conv_bn(seed: int) -> ModelProto:
    """`x` 1x3x8x8 -> `y` 1x4x8x8: a convolution and a batch norm, which ONNX Runtime folds into one node."""
    nodes = [
        make_node("Conv", ["x", "w", "c"], ["h"], "conv", pads=[1, 1, 1, 1]),
        make_node("BatchNormalization", ["h", "scale", "bias", "mean", "var"], ["y"], "bn"),
    ]
    weights = {
        "w": seeded(seed, 4, 3, 3, 3),
        "c": seeded(seed + 100, 4),
        "scale": seeded(seed + 200, 4) + 1,
        "bias": seeded(seed + 300, 4),
        "mean": seeded(seed + 400, 4),
        "var": seeded(seed + 500, 4, scale=0.49) + 0.5,
    }
    return assemble("conv_bn", nodes, [value("x", 1, 3, 8, 8)], [value("y", 1, 4, 8, 8)], weights)


def run(model: ModelProto, optimize: bool, seed: int) -> Array:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    if not optimize:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    x = np.random.default_rng(seed).uniform(-1, 1, (1, 3, 8, 8)).astype(np.float32)
    found: Array = session.run(None, {"x": x})[0]
    return found


def test_fifty_legal_folds_pass_and_the_faults_do_not() -> None:
    folds, biases, channels, changed = 0, 0, 0, 0
    for seed in range(50):
        model = conv_bn(seed)
        reference = run(model, False, seed)
        folded = run(model, True, seed)
        changed += not np.array_equal(folded, reference)
        folds += share(folded, reference) == 0
        biases += share(run(faults.move_bias(model, 0.01), True, seed), reference) > 0
        channels += share(run(faults.scale_channel(model, 1.05), True, seed), reference) > 0
    assert (folds, biases, channels) == (50, 50, 50)
    assert changed == 50, "the optimizer did not fold anything, so this proves nothing"


def test_a_share_is_held_to_rounding_at_one() -> None:
    """Of a Sigmoid far from its middle, engines give the last digit of 1 and not of the number."""
    tiny = np.array([1e-8, 2e-8], np.float32)
    assert (Limits(Tolerance())("y", tiny).atol or 0) < 1e-12
    assert 2e-7 < (Limits(Tolerance(), shares=("y",))("y", tiny).atol or 0) < 1e-6
