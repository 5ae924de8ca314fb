"""An axis without a name that no layer takes for a batch is none; one that a network mixes fails, named or not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import NodeProto, TensorProto, helper, numpy_helper

from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import InputSpec, ModelSpec
from pytest_onnxaccel.runner.request import Request
from pytest_onnxaccel.runner.runner import Runner
from pytest_onnxaccel.runner.sessions.workers.engines import Engines

FLOAT, INT = int(TensorProto.FLOAT), int(TensorProto.INT64)
node = helper.make_node
Made = tuple[list[NodeProto], dict[str, Any], dict[str, Any], dict[str, Any]]


def sizes(*given: int) -> Any:
    return np.array(given, np.int64)


def random(*shape: int) -> Any:
    return np.random.default_rng([*shape]).standard_normal(shape).astype(np.float32)


#: By name: nodes, shape of the input with ``?`` for the axis, shapes of outputs, constants.
MIXED: dict[str, Made] = {
    "Pad": ([node("Pad", ["x", "p"], ["y"], "op")], {"x": ["?", 4]}, {"y": [None, 4]}, {"p": sizes(1, 0, 1, 0)}),
    "EyeLike": (
        [node("EyeLike", ["x"], ["e"], "op"), node("Mul", ["e", "x"], ["y"])], {"x": ["?", "?"]}, {"y": ["?", "?"]}, {},
    ),
    "ArgMax": ([node("ArgMax", ["x"], ["y"], "op", axis=0)], {"x": ["?"]}, {"y": (INT, [1])}, {}),
    "ArgMin": ([node("ArgMin", ["x"], ["y"], "op", axis=0, keepdims=0)], {"x": ["?"]}, {"y": (INT, [])}, {}),
    "TopK": (
        [node("TopK", ["x", "k"], ["y", "i"], "op", axis=0)],
        {"x": ["?"]}, {"y": [2], "i": (INT, [2])}, {"k": sizes(2)},
    ),
    "ArgMax of columns": (
        [node("ArgMax", ["x"], ["y"], "op", axis=0, keepdims=0)], {"x": ["?", 4]}, {"y": (INT, [4])}, {},
    ),
    "Split": (
        [node("Split", ["x", "s"], ["y", "z"], "op", axis=0)],
        {"x": ["?", 4]}, {"y": [1, 4], "z": [2, 4]}, {"s": sizes(1, 2)},
    ),
    "Softmax": ([node("Softmax", ["x"], ["y"], "op", axis=0)], {"x": ["?", 4]}, {"y": ["?", 4]}, {}),
    "CumSum": ([node("CumSum", ["x", "a"], ["y"], "op")], {"x": ["?", 4]}, {"y": ["?", 4]}, {"a": np.array(0)}),
    "Concat": ([node("Concat", ["x", "x"], ["y"], "op", axis=0)], {"x": ["?", 4]}, {"y": [None, 4]}, {}),
    "Slice backwards": (
        [node("Slice", ["x", "s", "e", "a", "t"], ["y"], "op")], {"x": ["?", 4]}, {"y": ["?", 4]},
        {"s": sizes(-1), "e": sizes(-(2**62)), "a": sizes(0), "t": sizes(-1)},
    ),
    "Det": ([node("Det", ["x"], ["y"], "op")], {"x": ["?", "?"]}, {"y": []}, {}),
    "Einsum of itself": (
        [node("Einsum", ["x", "x"], ["y"], "op", equation="ij,kj->ik")], {"x": ["?", 4]}, {"y": ["?", "?"]}, {},
    ),
    "Conv over a signal": (
        [
            node("Unsqueeze", ["x", "a"], ["x3"]), node("Conv", ["x3", "w"], ["y3"], "op", pads=[1, 1]),
            node("Squeeze", ["y3", "a"], ["y"]),
        ],
        {"x": ["?"]}, {"y": ["?"]}, {"a": sizes(0, 1), "w": random(1, 1, 3)},
    ),
    "Conv over frames": (
        [
            node("Transpose", ["x"], ["t"], perm=[1, 0]), node("Unsqueeze", ["t", "a"], ["x3"]),
            node("Conv", ["x3", "w"], ["y3"], "op", pads=[1, 1]), node("Squeeze", ["y3", "a"], ["z"]),
            node("Transpose", ["z"], ["f"], perm=[1, 0]), node("MatMul", ["f", "v"], ["y"]),
        ],
        {"x": ["?", 4]}, {"y": ["?", 3]}, {"a": sizes(0), "w": random(8, 4, 3), "v": random(8, 3)},
    ),
}  # fmt: skip

#: Between two layers: what becomes of ``h`` in ``m``, both of 16 columns.
FAULTS: dict[str, tuple[list[NodeProto], dict[str, Any]]] = {
    "softmax over samples": ([node("Softmax", ["h"], ["m"], "op", axis=0)], {}),
    "folded by a Reshape": (
        [
            node("Reshape", ["h", "s"], ["r"]), node("Transpose", ["r"], ["t"], "op", perm=[1, 0]),
            node("Reshape", ["t", "u"], ["m"]),
        ],
        {"s": sizes(16, -1), "u": sizes(-1, 16)},
    ),
    "mean of the batch": (
        [node("ReduceMean", ["h"], ["a"], "op", axes=[0], keepdims=1), node("Sub", ["h", "a"], ["m"])], {},
    ),
    "first sample for all": (
        [node("Gather", ["h", "i"], ["g"], "op", axis=0), node("Add", ["h", "g"], ["m"])], {"i": np.array(0)},
    ),
    "running sum": ([node("CumSum", ["h", "c"], ["m"], "op")], {"c": np.array(0)}),
}  # fmt: skip


@pytest.fixture
def judged(engines: Engines, tmp_path: Path) -> Callable[..., CheckResult]:
    """``judged(made, axis, given)``: the batch check without sizes, the free axis called *axis*."""

    def run(
        made: Made,
        axis: str | None,
        given: tuple[InputSpec, ...] = (),
        asked: tuple[int, ...] = (),
        check: str = "batch",
    ) -> CheckResult:
        nodes, inputs, outputs, constants = made
        sides = [[_value(n, s, axis) for n, s in side.items()] for side in (inputs, outputs)]
        tensors = [numpy_helper.from_array(np.asarray(v), n) for n, v in constants.items()]
        graph = helper.make_graph(nodes, "g", *sides, tensors)
        path = tmp_path / "model.onnx"
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
        spec = ModelSpec("m", str(path), "model.onnx", inputs=given)
        runner = Runner([spec], {"m": ("ort-cpu",)}, engines.options, engines=engines)
        try:
            return runner.check(Request("m", check, "ort-cpu", sizes=asked))
        finally:
            runner.close()

    return run


def _value(name: str, shape: Any, axis: str | None) -> onnx.ValueInfoProto:
    elem, dims = shape if isinstance(shape, tuple) else (FLOAT, shape)
    return helper.make_tensor_value_info(name, elem, [axis if dim == "?" else dim for dim in dims])


def network(fault: str = "") -> Made:
    between, constants = FAULTS[fault] if fault else ([node("Identity", ["h"], ["m"])], {})
    nodes = [node("MatMul", ["x", "w"], ["h"]), *between, node("MatMul", ["m", "v"], ["y"])]
    return nodes, {"x": ["?", 4]}, {"y": ["?", 3]}, {"w": random(4, 16), "v": random(16, 3), **constants}


@pytest.mark.parametrize("name", MIXED)
@pytest.mark.parametrize("axis", [None, "unk__7", "rows"])
def test_an_axis_that_nothing_takes_for_a_batch_is_none(
    judged: Callable[..., CheckResult], name: str, axis: str | None
) -> None:
    result = judged(MIXED[name], axis)
    assert result.verdict is Verdict.NOT_APPLICABLE, result.message
    assert "\n" not in result.message
    assert result.message.startswith("axis 0 of input 'x' ")
    assert "(say batch_axis = 0 if it is one)" in result.message


@pytest.mark.parametrize("name", ["Pad", "Softmax", "CumSum", "ArgMax of columns", "Einsum of itself"])
def test_one_that_is_called_batch_or_said_to_be_one_fails(judged: Callable[..., CheckResult], name: str) -> None:
    assert judged(MIXED[name], "batch").verdict is Verdict.FAILED
    assert judged(MIXED[name], None, (InputSpec("x", batch_axis=0),)).verdict is Verdict.FAILED
    assert judged(MIXED[name], None, asked=(3,)).verdict is Verdict.FAILED


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("axis", [None, "unk__7", "rows", "N"])
def test_a_network_that_mixes_its_samples_fails(
    judged: Callable[..., CheckResult], fault: str, axis: str | None
) -> None:
    result = judged(network(fault), axis)
    assert (result.verdict, result.code) == (Verdict.FAILED, "V_BATCH"), result.message


@pytest.mark.parametrize("axis", [None, "unk__7", "rows", "N"])
def test_the_network_itself_passes(judged: Callable[..., CheckResult], axis: str | None) -> None:
    assert judged(network(), axis).verdict is Verdict.PASSED


def loss(fault: bool = False, logits: bool = True) -> Made:
    """A network with a mean loss; with *fault* its logits hang on the mean of the batch."""
    between = [node("Identity", ["h"], ["z"])]
    if fault:
        between = [node("ReduceMean", ["h"], ["a"], axes=[0], keepdims=1), node("Sub", ["h", "a"], ["z"])]
    nodes = [
        node("MatMul", ["x", "w"], ["h"]), *between, node("SoftmaxCrossEntropyLoss", ["z", "t"], ["loss"], "loss"),
    ]  # fmt: skip
    outputs: dict[str, Any] = {"z": ["?", 5], "loss": []} if logits else {"loss": []}
    return nodes, {"x": ["?", 4], "t": (INT, ["?"])}, outputs, {"w": random(4, 5)}


@pytest.mark.parametrize("axis", [None, "batch"])
def test_a_mean_over_the_batch_is_no_result_of_one_sample(judged: Callable[..., CheckResult], axis: str | None) -> None:
    whole = "output 'loss' (SoftmaxCrossEntropyLoss 'loss') is one number for all samples of a batch"
    beside = judged(loss(), axis)
    assert beside.verdict is Verdict.PASSED, beside.message
    assert any(note.startswith(whole) for note in beside.notes)
    alone = judged(loss(logits=False), axis)
    assert (alone.verdict, alone.message) == (Verdict.NOT_APPLICABLE, whole)
    asked = judged(loss(logits=False), axis, asked=(8,))
    assert (asked.verdict, asked.code) == (Verdict.FAILED, "V_NOTJUDGED")


@pytest.mark.parametrize("axis", [None, "batch"])
def test_logits_beside_a_loss_are_judged(judged: Callable[..., CheckResult], axis: str | None) -> None:
    result = judged(loss(fault=True), axis)
    assert (result.verdict, result.code) == (Verdict.FAILED, "V_BATCH")
    assert "'z'" in result.message


def test_a_network_that_runs_at_a_larger_batch_alone_fails(judged: Callable[..., CheckResult]) -> None:
    nodes, inputs, outputs, constants = network()
    cut = [node("Split", ["h", "s"], ["h1", "h2"], "op", axis=0), node("Concat", ["h1", "h2"], ["k"], axis=0)]
    nodes = [nodes[0], *cut, node("Identity", ["k"], ["m"]), *nodes[2:]]
    for axis in (None, "batch"):
        result = judged((nodes, inputs, outputs, {**constants, "s": sizes(1, 2)}), axis)
        assert (result.verdict, result.code) == (Verdict.FAILED, "V_BATCH"), result.message
        assert "batch 1 does not run" in result.message


@pytest.mark.parametrize("name", ["Det", "TopK", "EyeLike"])
def test_the_contract_holds_where_an_axis_must_be_longer_or_as_long_as_another(
    judged: Callable[..., CheckResult], name: str
) -> None:
    assert judged(MIXED[name], None, check="contract").verdict is Verdict.PASSED


def test_an_axis_that_a_model_fixes_is_still_told(judged: Callable[..., CheckResult]) -> None:
    made: Made = [node("MatMul", ["x", "w"], ["y"], "op")], {"x": ["?", "?"]}, {"y": ["?", 3]}, {"w": random(4, 3)}
    assert judged(made, None, check="contract").code == "V_DYNAMIC"


@pytest.mark.parametrize("name", ["ArgMax", "ArgMin", "TopK", "Conv over a signal"])
def test_a_list_of_n_numbers_is_not_a_batch(judged: Callable[..., CheckResult], name: str) -> None:
    assert judged(MIXED[name], "N").verdict is Verdict.NOT_APPLICABLE
    assert judged(MIXED[name], "batch").verdict is Verdict.FAILED
