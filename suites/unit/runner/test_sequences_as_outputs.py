"""Models with outputs that are sequences and maps, through the whole gate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pytest_onnxaccel.core.results import Verdict
from pytest_onnxaccel.core.specs import ModelSpec
from pytest_onnxaccel.runner.api import validate
from pytest_onnxaccel.runner.request import RunOptions

OPTIONS = RunOptions(in_process=True)


def classifier(path: Path, sign: float = 1.0, label: str = "dog") -> Path:
    weights = np.random.default_rng(5).standard_normal((3, 4)).astype(np.float32)
    weights[1] *= sign
    linear = helper.make_node(
        "LinearClassifier", ["x"], ["label", "raw"], "linear", domain="ai.onnx.ml",
        coefficients=weights.reshape(-1).tolist(), intercepts=[0.0, 0.1, 0.2], classlabels_strings=["cat", label, "ox"],
        multi_class=1, post_transform="SOFTMAX",
    )  # fmt: skip
    zipped = helper.make_node(
        "ZipMap", ["raw"], ["chances"], "zip", domain="ai.onnx.ml", classlabels_strings=["cat", label, "ox"]
    )
    chance = helper.make_map_type_proto(TensorProto.STRING, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
    graph = helper.make_graph(
        [linear, zipped], "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4])],
        [helper.make_tensor_value_info("label", TensorProto.STRING, ["N"]),
         helper.make_value_info("chances", helper.make_sequence_type_proto(chance))],
    )  # fmt: skip
    return saved(path, graph, [("", 17), ("ai.onnx.ml", 1)])


def chunks(path: Path, axis: int = 1) -> Path:
    graph = helper.make_graph(
        [helper.make_node("SplitToSequence", ["x", "two"], ["parts"], axis=axis)], "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 6])],
        [helper.make_tensor_sequence_value_info("parts", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.array(2), "two")],
    )  # fmt: skip
    return saved(path, graph, [("", 17)])


def saved(path: Path, graph: onnx.GraphProto, opsets: list[tuple[str, int]]) -> Path:
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid(*o) for o in opsets], ir_version=8), path)
    return path


@pytest.mark.parametrize("make", [classifier, chunks])
def test_what_they_hold_is_judged_by_every_check(make: object, tmp_path: Path) -> None:
    results = validate(make(tmp_path / "m.onnx"), ["ort-cpu", "reference"], options=OPTIONS)  # type: ignore[operator]
    assert {result.check for result in results} >= {"contract", "parity", "batch", "latency"}
    assert {str(result): result.verdict for result in results if result.verdict is not Verdict.PASSED} == {}


@pytest.mark.parametrize(
    ("damage", "said"), [({"sign": -1.0}, "chances[cat, dog, ox]"), ({"label": "dot"}, "chances[cat, dot, ox]")]
)
def test_damage_inside_a_map_fails_parity(damage: dict[str, object], said: str, tmp_path: Path) -> None:
    original = classifier(tmp_path / "original.onnx")
    damaged = classifier(tmp_path / "damaged.onnx", **damage)  # type: ignore[arg-type]
    spec = ModelSpec("damaged", str(damaged), "damaged.onnx", backends=("ort-cpu",), reference=str(original))
    (parity,) = validate(spec, checks=["parity"], options=OPTIONS)
    assert parity.verdict is Verdict.FAILED
    assert said in " ".join((parity.message, *parity.details))
