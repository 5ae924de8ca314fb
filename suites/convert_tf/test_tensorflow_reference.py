"""A TensorFlow source as the reference of a gate: it agrees, or the output at fault is named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_onnxaccel.backends.protocol import Session
from pytest_onnxaccel.convert.protocol import ConvertOptions
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.specs import ModelInfo, SourceSpec, TensorSpec
from pytest_onnxaccel.runner.sessions.source import backend_for, open_source
from pytest_onnxaccel.runner.sessions.workers.engines import Engines
from suites.convert_tf import sources

X = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)


def declared(given: tuple[str, ...], found: tuple[str, ...]) -> ModelInfo:
    """What an ONNX model of these names declares."""
    inputs = tuple(TensorSpec(name, "float32", ("n", 3)) for name in given)
    outputs = tuple(TensorSpec(name, "float32", ("n", 2)) for name in found)
    return ModelInfo(10, {"ai.onnx": 15}, "tests", inputs, outputs, "n", 1, 0)


def opened(engines: Engines, path: Path, info: ModelInfo, **options: Any) -> Session:
    from pytest_onnxaccel.runner.request import QUIET

    source = SourceSpec(str(path), path.name)
    name = backend_for(source, engines)
    assert name == "tensorflow"
    return open_source(source, name, engines.open(name, {}), replace(QUIET, **options), info, engines)


@pytest.mark.parametrize("kind", sources.NAMES)
@pytest.mark.parametrize("names", ["own", "tensor", "bare"])
def test_names_find_their_tensors(kind: str, names: str, engines: Engines, tmp_path: Path) -> None:
    given, found = sources.NAMES[kind]
    if names == "tensor":
        given, found = f"{given.removesuffix(':0')}:0", f"{found.removesuffix(':0')}:0"
    elif names == "bare":
        given, found = given.removesuffix(":0"), found.removesuffix(":0")
    session = opened(engines, sources.make(kind, tmp_path), declared((given,), (found,)))
    outputs = session.run({given: X})
    assert list(outputs) == [found]
    np.testing.assert_allclose(outputs[found], sources.expected(X), atol=1e-6)
    assert session.info.facts["device"] == "CPU"
    assert session.info.facts["versions"]["tensorflow"]
    session.close()


@pytest.mark.parametrize(
    ("kind", "given", "found", "said"),
    [
        ("graphdef", ("x:0",), ("points:0",), "no output 'points:0'"),
        ("graphdef", ("y:0",), ("scores:0",), "no input 'y:0'"),
        ("saved_model", ("x",), ("points",), "no output 'points'"),
        ("saved_model", ("image",), ("scores",), "no input 'image'"),
        ("keras", ("x",), ("points",), "no output 'points'"),
        ("keras", ("image",), ("scores",), "no input 'image'"),
        ("saved_model", ("x", "x:0"), ("scores",), "inputs 'x' and 'x:0' of the model are both 'x' of the source"),
    ],
)
def test_names_that_differ_are_never_paired_by_their_place(
    kind: str, given: tuple[str, ...], found: tuple[str, ...], said: str, engines: Engines, tmp_path: Path
) -> None:
    with pytest.raises(ModelError) as caught:
        opened(engines, sources.make(kind, tmp_path), declared(given, found))
    assert caught.value.code == "V_CONTRACT"
    assert said in str(caught.value)


def test_an_output_that_the_model_lost_is_a_breach(engines: Engines, tmp_path: Path) -> None:
    import keras

    x = keras.Input((3,), name="x")
    path = tmp_path / "two.keras"
    keras.Model(x, {"a": keras.layers.ReLU()(x), "b": keras.layers.Softmax()(x)}).save(path)
    assert list(opened(engines, path, declared(("x",), ("b", "a"))).run({"x": X})) == ["b", "a"]
    with pytest.raises(ModelError, match="the source gives the output 'b', which the model lacks") as caught:
        opened(engines, path, declared(("x",), ("a",)))
    assert caught.value.code == "V_CONTRACT"


def test_variants_compute_the_same_otherwise(engines: Engines, tmp_path: Path) -> None:
    from pytest_onnxaccel.backends.tensorflow.backend import TensorflowBackend
    from pytest_onnxaccel.runner.request import QUIET

    path, info = sources.saved_model(tmp_path / "saved"), declared(("x",), ("scores",))
    found = TensorflowBackend().variants(QUIET)
    assert [label for label, _ in found] == ["1 thread", "without graph optimizations"]
    for _, options in found:
        session = opened(engines, path, info, threads=options.threads, optimize=options.optimize)
        np.testing.assert_allclose(session.run({"x": X})["scores"], sources.expected(X), atol=1e-6)


def test_another_batch_than_the_source_takes_is_one_line(engines: Engines, tmp_path: Path) -> None:
    info = declared(("x:0",), ("scores:0",))
    session = opened(engines, sources.frozen(tmp_path / "f.pb", rows=2), info)
    with pytest.raises(ModelError, match="input 'x:0' is 2x3, was given 4x3") as caught:
        session.run({"x:0": X})
    assert caught.value.code == "E_INPUT"


def test_a_checkpoint_without_its_variables(engines: Engines, tmp_path: Path) -> None:
    path = sources.checkpoint(tmp_path)
    (tmp_path / "model.index").unlink()
    with pytest.raises(ModelError, match="without its variables") as caught:
        opened(engines, path, declared(("x:0",), ("scores:0",)))
    assert caught.value.code == "E_FILE"


def test_the_wrong_model_fails_in_the_gate(engines: Engines, tmp_path: Path) -> None:
    """The gate itself: the model of one source against another one."""
    import subprocess
    import sys

    right = sources.frozen(tmp_path / "right.pb")
    wrong = sources.frozen(tmp_path / "wrong.pb", extra=lambda tf, y: y * 1.05)
    made = engines.conversions.convert(SourceSpec(str(right), "right.pb"), ConvertOptions())
    (tmp_path / "model.onnx").write_bytes(Path(made.path).read_bytes())
    for reference, status in ((right, 0), (wrong, 1)):
        command = [
            sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--onnx-model=model.onnx",
            "--onnx-backend=ort-cpu", f"--onnx-reference={reference}", "-k", "parity",
        ]  # fmt: skip
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == status, done.stdout + done.stderr
    assert "output 'scores:0'" in done.stdout
