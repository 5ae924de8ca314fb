"""ONNX to TensorFlow through onnx-tf: tensors have the names of the ONNX model, and what cannot go is named."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from pytest_onnxaccel.convert.protocol import ConvertOptions
from pytest_onnxaccel.core.errors import ConfigError, ConversionError
from pytest_onnxaccel.core.specs import SourceSpec
from pytest_onnxaccel.runner.sessions.workers.engines import Engines
from pytest_onnxaccel.runner.sessions.workers.source_conversions import Conversion

pytestmark = pytest.mark.usefixtures("onnx_tf")

node = helper.make_node
Shapes = dict[str, list[Any]]


def saved(path: Path, nodes: Sequence[Any], inputs: Shapes, outputs: Shapes, opset: int = 13, **weights: Any) -> Path:
    """A model of float32 values."""

    def declared(shapes: Shapes) -> list[Any]:
        return [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]

    initializers = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    made = helper.make_graph(nodes, "g", declared(inputs), declared(outputs), initializers)
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=9), path)
    return path


def detector(path: Path) -> Path:
    """Two outputs whose declared order is not the alphabetical one."""
    weights = np.random.default_rng(0).normal(size=(6, 3, 3, 3)).astype(np.float32)
    nodes = [
        node("Conv", ["input", "w"], ["c"]), node("Relu", ["c"], ["r"]), node("GlobalAveragePool", ["r"], ["g"]),
        node("Flatten", ["g"], ["f"]), node("Softmax", ["f"], ["scores"], axis=1), node("Tanh", ["f"], ["boxes"]),
    ]  # fmt: skip
    return saved(path, nodes, {"input": [1, 3, 8, 8]}, {"scores": [1, 6], "boxes": [1, 6]}, w=weights)


def to(engines: Engines, path: Path, gives: str, **options: Any) -> Conversion:
    return engines.conversions.convert(SourceSpec(str(path), path.name), ConvertOptions(**options), gives)


def expected(path: Path, feeds: dict[str, Any]) -> list[Any]:
    return list(ort.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, feeds))


X = np.random.default_rng(1).normal(size=(1, 3, 8, 8)).astype(np.float32)


def test_a_frozen_graph_is_run_by_tensor_name_in_a_session(engines: Engines, tmp_path: Path) -> None:
    """As the article does it, but with names that a reader of the ONNX model knows."""
    import tensorflow as tf

    source = detector(tmp_path / "net.onnx")
    made = to(engines, source, "graphdef", stem="net")
    assert Path(made.path).name == "net.pb"
    assert [str(spec) for spec in made.converted.inputs] == ["input:0 float32[1x3x8x8]"]
    assert [spec.name for spec in made.converted.outputs] == ["scores:0", "boxes:0"]
    definition = tf.compat.v1.GraphDef.FromString(Path(made.path).read_bytes())
    with tf.Graph().as_default() as graph, tf.compat.v1.Session(graph=graph) as session:
        tf.import_graph_def(definition, name="")
        found = session.run(["scores:0", "boxes:0"], {"input:0": X})
    for ours, theirs in zip(found, expected(source, {"input": X}), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_a_saved_model_is_run_by_its_signature(engines: Engines, tmp_path: Path) -> None:
    import tensorflow as tf

    source = detector(tmp_path / "net.onnx")
    made = to(engines, source, "saved_model", stem="net")
    signature = tf.saved_model.load(made.path).signatures["serving_default"]
    found = signature(input=tf.constant(X))
    assert sorted(found) == ["boxes", "scores"]
    for name, theirs in zip(("scores", "boxes"), expected(source, {"input": X}), strict=True):
        np.testing.assert_allclose(found[name].numpy(), theirs, atol=1e-6)


def test_the_result_says_that_a_prepared_copy_was_converted(engines: Engines, tmp_path: Path) -> None:
    made = to(engines, detector(tmp_path / "net.onnx"), "graphdef", stem="other")
    assert any("prepared copy ran: opset 13 as 15" in note for note in made.notes)
    assert made.converted.facts["tensors"] == {"input": "input:0", "scores": "scores:0", "boxes": "boxes:0"}
    assert set(made.converted.facts["versions"]) == {"tensorflow", "onnx-tf", "onnx"}


def test_names_of_tensorflow_come_back_and_odd_ones_are_reported(engines: Engines, tmp_path: Path) -> None:
    nodes = [node("Sub", ["z", "Z"], ["pred:0"]), node("Mul", ["pred:0", "z"], ["a b"])]
    source = saved(tmp_path / "m.onnx", nodes, {"z": [2], "Z": [2]}, {"pred:0": [2], "a b": [2]})
    made = to(engines, source, "graphdef")
    assert [spec.name for spec in made.converted.outputs] == ["pred:0", "a_b:0"]
    said = next(note for note in made.notes if "names that TensorFlow does not take" in note)
    assert "'a b' is a_b:0" in said
    assert "'Z' is Z_1:0" in said
    assert "pred:0" not in said
    keys = to(engines, source, "saved_model").converted
    assert [spec.name for spec in (*keys.inputs, *keys.outputs)] == ["z", "Z", "pred:0", "a b"]


def test_an_open_batch_stays_open(engines: Engines, tmp_path: Path) -> None:
    import tensorflow as tf

    source = saved(tmp_path / "m.onnx", [node("Softmax", ["x"], ["y"], axis=1)], {"x": ["n", 4]}, {"y": ["n", 4]})
    made = to(engines, source, "graphdef")
    assert made.converted.inputs[0].shape == (None, 4)
    definition = tf.compat.v1.GraphDef.FromString(Path(made.path).read_bytes())
    with tf.Graph().as_default() as graph, tf.compat.v1.Session(graph=graph) as session:
        tf.import_graph_def(definition, name="")
        for rows in (1, 7):
            (found,) = session.run(["y:0"], {"x:0": np.ones((rows, 4), np.float32)})
            assert found.shape == (rows, 4)


def test_an_input_that_nothing_uses_is_kept(engines: Engines, tmp_path: Path) -> None:
    source = saved(tmp_path / "m.onnx", [node("Relu", ["x"], ["y"])], {"x": [2], "unused": [3]}, {"y": [2]})
    for gives, names in (("graphdef", ["x:0", "unused:0"]), ("saved_model", ["x", "unused"])):
        assert [spec.name for spec in to(engines, source, gives).converted.inputs] == names


@pytest.mark.parametrize("gives", ["graphdef", "saved_model"])
def test_an_operator_that_onnx_tf_lacks_is_named(gives: str, engines: Engines, tmp_path: Path) -> None:
    source = saved(tmp_path / "m.onnx", [node("DFT", ["x"], ["y"], axis=2)], {"x": [1, 3, 8, 8]}, {"y": None}, 17)
    with pytest.raises(ConversionError, match=r"onnx-tf has no operator DFT \(opset 17\)") as caught:
        to(engines, source, gives)
    assert (caught.value.code, caught.value.backend) == ("E_CONVERT", "onnx-tf")


@pytest.mark.parametrize("operator", ["LSTM", "GRU", "RNN"])
def test_recurrent_models_are_refused_by_name(operator: str, engines: Engines, tmp_path: Path) -> None:
    """They run in the backend, but no file of TensorFlow can be written of what onnx-tf makes of them."""
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[operator]
    weights = {name: np.zeros((1, 5 * gates, 5), np.float32) for name in ("w", "r")}
    nodes = [node(operator, ["x", "w", "r"], ["y"], hidden_size=5)]
    source = saved(tmp_path / "m.onnx", nodes, {"x": [7, 2, 5]}, {"y": [7, 1, 2, 5]}, 14, **weights)
    with pytest.raises(ConversionError, match=f"recurrent cells hold variables that do not freeze: {operator}"):
        to(engines, source, "graphdef")


def test_a_batch_is_frozen_before(engines: Engines, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="onnx-tf keeps the batch of the ONNX file"):
        to(engines, detector(tmp_path / "net.onnx"), "graphdef", batch=4)
