"""TensorFlow Lite files: they convert, agree, differ and are refused like the other forms of TensorFlow."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.numpy_helper
import onnxruntime as ort
import pytest

from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.backends.tensorflow.backend import TensorflowBackend
from pytest_onnxaccel.backends.tensorflow.lite.files import read_lite
from pytest_onnxaccel.convert.protocol import ConvertOptions
from pytest_onnxaccel.core.errors import ConfigError, ConversionError, ModelError
from pytest_onnxaccel.core.specs import ModelInfo, SourceSpec, TensorSpec
from pytest_onnxaccel.runner.conversion.prove import prove
from pytest_onnxaccel.runner.sessions.source import backend_for, open_source
from pytest_onnxaccel.runner.sessions.workers.engines import Engines
from pytest_onnxaccel.runner.sessions.workers.source_conversions import Conversion
from suites.convert_tf import sources
from suites.convert_tf.safety.test_tensorflow_unsafe_sources import reads, refusal

X = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
#: The real regression model as TensorFlow saves it.
FORMS = ["graphdef/frozen.pb", "saved_model", "checkpoint/model.meta", "tflite/model.tflite"]


def converted(engines: Engines, path: Path, gives: str = "onnx", **options: Any) -> Conversion:
    return engines.conversions.convert(SourceSpec(str(path), path.name), ConvertOptions(**options), gives)


def run(path: str, feed: Any) -> list[Any]:
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    return list(session.run(None, {session.get_inputs()[0].name: feed}))


def declared(given: str, found: str) -> ModelInfo:
    specs = (TensorSpec(given, "float32", ("n", 3)),), (TensorSpec(found, "float32", ("n", 2)),)
    return ModelInfo(10, {"ai.onnx": 15}, "tests", *specs, "n", 1, 0)


# -- the real ones --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_the_real_regression_converts_and_agrees_in_all_four_formats(
    form: str, engines: Engines, models_folder: Path
) -> None:
    rows = TensorSpec("X:0", "float32", (None,))
    made = converted(engines, models_folder / "tf-regression" / form, inputs=(rows,), outputs=("pred:0",))
    proof = prove(made, engines)
    assert proof.sizes == (1, 2, 3)
    assert proof.figures["max_abs"] <= 1e-6
    # Not merely its own source: a line, with the weights that lie in the TensorFlow Lite file
    feed = np.linspace(-3, 17, 41, dtype=np.float32)
    (found,) = run(made.path, feed)
    lite = onnx.load(converted(engines, models_folder / "tf-regression" / FORMS[-1]).path)
    weights = {item.name: onnx.numpy_helper.to_array(item).item() for item in lite.graph.initializer}
    np.testing.assert_allclose(found, feed * weights["W"] + weights["b"], atol=1e-6)


def test_the_other_real_file_has_no_signature(engines: Engines, models_folder: Path) -> None:
    made = converted(engines, models_folder / "tf-regression" / "tflite" / "test_api_model.tflite")
    assert [str(spec) for spec in made.converted.inputs] == ["input float32[2x2]"]
    assert prove(made, engines).figures["max_abs"] < 1e-6  # rounding, on any processor


# -- those that pass ------------------------------------------------------------------------------------------------


def test_without_a_signature_tensors_give_the_names(engines: Engines, tmp_path: Path) -> None:
    path = sources.lite(tmp_path / "m.tflite", signature=False)
    model = read_lite(str(path))
    names = [model.inputs[0].name, model.outputs[0].name]
    made = converted(engines, path, inputs=(TensorSpec(names[0], "float32", (None, 3)),), outputs=(names[1],))
    assert [made.converted.inputs[0].name, made.converted.outputs[0].name] == names
    np.testing.assert_allclose(run(made.path, X)[0], sources.expected(X), atol=1e-6)


def test_a_batch_is_chosen(engines: Engines, tmp_path: Path) -> None:
    path = sources.lite(tmp_path / "m.tflite")
    made = converted(engines, path, batch=5)
    assert [spec.shape for spec in (*made.converted.inputs, *made.converted.outputs)] == [(5, 3), (5, 2)]
    np.testing.assert_allclose(run(made.path, X)[0], sources.expected(X), atol=1e-6)
    made = converted(engines, path, batch="dynamic")
    assert made.converted.inputs[0].shape == ("batch", 3)
    assert prove(made, engines).sizes == (1, 2, 3)
    with pytest.raises(ConversionError, match="frozen at batch 4, asked for 5"):
        converted(engines, sources.lite(tmp_path / "fixed.tflite", rows=4), batch=5)


def test_it_runs_at_each_size_that_is_fed_and_otherwise_alike(engines: Engines, tmp_path: Path) -> None:
    path, info = sources.lite(tmp_path / "m.tflite"), declared("x", "scores")
    source = SourceSpec(str(path), path.name)
    name = backend_for(source, engines)
    for _, options in [("plain", LoadOptions(spin=False)), *TensorflowBackend().variants(LoadOptions(spin=False))]:
        session = open_source(source, name, engines.open(name, {}), options, info, engines)
        assert session.info.facts["path"] == "TensorFlow Lite interpreter"
        for rows in (5, 1, 3, 3):
            found = session.run({"x": X[:rows]})["scores"]
            np.testing.assert_allclose(found, sources.expected(X[:rows]), atol=1e-6)
        session.close()


# -- those that fail, and why ---------------------------------------------------------------------------------------


def test_another_model_fails_in_the_gate(engines: Engines, tmp_path: Path) -> None:
    right = sources.lite(tmp_path / "right.tflite")
    wrong = sources.lite(tmp_path / "wrong.tflite", extra=lambda tf, y: y * 1.05)
    (tmp_path / "model.onnx").write_bytes(Path(converted(engines, right).path).read_bytes())
    for reference, status in ((right, 0), (wrong, 1)):
        command = [
            sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--onnx-model=model.onnx",
            "--onnx-backend=ort-cpu", f"--onnx-reference={reference}", "-k", "parity",
        ]  # fmt: skip
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == status, done.stdout + done.stderr
    assert "output 'scores'" in done.stdout


def test_an_operator_that_tf2onnx_lacks_is_named_with_its_node(engines: Engines, tmp_path: Path) -> None:
    path = sources.lite(tmp_path / "m.tflite", extra=lambda tf, y: tf.nn.gelu(y, approximate=True))
    with pytest.raises(ConversionError, match=r"tf2onnx has no operator 'GELU' at opset 15 \(node '.+'\)") as caught:
        converted(engines, path)
    assert caught.value.code == "E_CONVERT"


def test_operators_of_tensorflow_itself_are_refused_before_it_is_imported(tmp_path: Path) -> None:
    path = sources.lite(tmp_path / "m.tflite", extra=reads, flex=True)
    code, line, imported = refusal(path, "tflite")
    assert (code, imported) == ("E_UNSAFE", False)
    assert "holds the custom operator FlexReadFile '" in line
    assert "which runs code of TensorFlow" in line


def test_custom_operators_are_refused_by_name(tmp_path: Path) -> None:
    path = sources.lite(tmp_path / "m.tflite", extra=reads, flex=True)
    data = path.read_bytes()
    assert data.count(b"FlexReadFile") >= 1
    path.write_bytes(data.replace(b"FlexReadFile", b"SomethingOwn"))
    with pytest.raises(
        ModelError, match=r"custom operator SomethingOwn '.+', which runs code that TensorFlow Lite does"
    ):
        read_lite(str(path))


def test_names_that_differ_are_a_breach(engines: Engines, tmp_path: Path) -> None:
    path = sources.lite(tmp_path / "m.tflite")
    source = SourceSpec(str(path), path.name)
    for info, said in (
        (declared("image", "scores"), "no input 'image'"),
        (declared("x", "points"), "no output 'points'"),
    ):
        with pytest.raises(ModelError, match=said) as caught:
            open_source(source, "tensorflow", engines.open("tensorflow", {}), LoadOptions(spin=False), info, engines)
        assert caught.value.code == "V_CONTRACT"


def test_bytes_that_were_changed_are_read_or_refused(tmp_path: Path) -> None:
    """Whatever is in a file, no offset is followed out of it."""
    whole = sources.lite(tmp_path / "m.tflite").read_bytes()
    path, random_ = tmp_path / "changed.tflite", random.Random(0)
    codes = []
    for round_ in range(600):
        data = bytearray(whole)
        if round_ % 3 == 0:
            del data[random_.randrange(8, len(data)) :]
        for _ in range(random_.randrange(4)):
            data[random_.randrange(8, len(data))] = random_.randrange(256)
        path.write_bytes(data)
        try:
            read_lite(str(path))
        except ModelError as error:
            codes.append(error.code)
    assert len(codes) > 100
    assert set(codes) <= {"E_PARSE", "E_SIZE", "E_UNSAFE"}


# -- those that it does not apply to ----------------------------------------------------------------------------------


def test_what_cannot_be_asked_of_such_a_file(engines: Engines, tmp_path: Path) -> None:
    path = sources.lite(tmp_path / "m.tflite")
    with pytest.raises(ConfigError, match="no signature 'raw', only serving_default"):
        converted(engines, path, signature="raw")
    with pytest.raises(ConversionError, match="a TensorFlow Lite file cannot be converted to a TensorFlow SavedModel"):
        converted(engines, path, "saved_model")
