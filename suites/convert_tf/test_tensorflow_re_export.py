"""Another batch of a model is converted again from its TensorFlow source, or the way says why it cannot be."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest

from pytest_onnxaccel.convert.protocol import ConvertOptions
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.specs import ModelSpec, SourceSpec, TensorSpec
from pytest_onnxaccel.runner.request import RunOptions
from pytest_onnxaccel.runner.runner import Runner
from pytest_onnxaccel.runner.sessions.frozen_batch import Frozen
from pytest_onnxaccel.runner.sessions.workers.engines import Engines
from suites.convert_tf import sources

X = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)

Freeze = Callable[..., Frozen]


@pytest.fixture
def freeze(run_options: RunOptions) -> Iterator[Freeze]:
    """Freezes a model to a batch in a run of its own."""
    made: list[Runner] = []

    def frozen(spec: ModelSpec, size: int, method: str = "auto") -> Frozen:
        made.append(Runner([spec], {spec.name: ("ort-cpu",)}, run_options))
        return made[-1].model_sessions.frozen(spec.name, size, method)

    yield frozen
    for one in made:
        one.close()


def model_of(engines: Engines, path: Path, folder: Path, **options: Any) -> ModelSpec:
    """The ONNX model of the source at *path*, as a repository would keep it."""
    source = SourceSpec(str(path), path.name)
    made = engines.conversions.convert(source, ConvertOptions(**options))
    return ModelSpec("m", str(shutil.copy(made.path, folder / "m.onnx")), "m.onnx", source=source)


@pytest.mark.parametrize("kind", sources.NAMES)
def test_each_kind_is_converted_anew(kind: str, engines: Engines, freeze: Freeze, tmp_path: Path) -> None:
    path = sources.make(kind, tmp_path)
    frozen = freeze(model_of(engines, path, tmp_path, batch=1, opset=13), 4)
    assert (frozen.method, Path(frozen.path).name) == ("re-export", "m-batch-4.onnx")
    assert frozen.edited[0] == f"exported again from {path.name} by tf2onnx, opset 13"
    given, found = sources.NAMES[kind]
    assert [str(spec) for spec in (*frozen.info.inputs, *frozen.info.outputs)] == [
        f"{given} float32[4x3]",
        f"{found} float32[4x2]",
    ]
    assert frozen.proof["samples"] == 4
    (scores,) = ort.InferenceSession(frozen.path, providers=["CPUExecutionProvider"]).run(None, {given: X})
    np.testing.assert_allclose(scores, sources.expected(X), atol=1e-6)


@pytest.mark.parametrize("form", ["graphdef/frozen.pb", "saved_model", "checkpoint/model.meta", "tflite/model.tflite"])
def test_the_real_regression(form: str, engines: Engines, freeze: Freeze, models_folder: Path, tmp_path: Path) -> None:
    one = TensorSpec("X:0", "float32", (1,))
    path = models_folder / "tf-regression" / form
    frozen = freeze(model_of(engines, path, tmp_path, inputs=(one,), outputs=("pred:0",)), 10)
    assert frozen.method == "re-export"
    assert [spec.shape for spec in (*frozen.info.inputs, *frozen.info.outputs)] == [(10,), (10,)]


def inside(tf: Any, y: Any) -> Any:
    return tf.reshape(y, [1, 2])


@pytest.mark.parametrize(
    ("name", "make", "said"),
    [
        ("f.pb", lambda path: sources.frozen(path, rows=1), "frozen at batch 1, asked for 4"),
        ("f.tflite", lambda path: sources.lite(path, rows=1), "frozen at batch 1, asked for 4"),
        ("f.pb", lambda path: sources.frozen(path, extra=inside), "tf2onnx stopped: "),
    ],
    ids=["declared", "declared-lite", "inside"],
)
def test_a_source_that_is_frozen_itself_is_said_and_another_way_wins(
    name: str, make: Any, said: str, engines: Engines, freeze: Freeze, tmp_path: Path
) -> None:
    spec = model_of(engines, make(tmp_path / name), tmp_path, inputs=(), batch=1)
    frozen = freeze(spec, 4)
    assert frozen.method in ("dims", "rewrite")
    assert frozen.refuted[0].startswith("re-export: ")
    assert said in frozen.refuted[0]
    with pytest.raises(ModelError, match="no 're-export' way to batch 4 could be proven"):
        freeze(spec, 4, "re-export")


def test_a_source_that_is_another_model_is_refuted(engines: Engines, freeze: Freeze, tmp_path: Path) -> None:
    spec = model_of(engines, sources.frozen(tmp_path / "f.pb"), tmp_path, batch=1)
    other = sources.frozen(tmp_path / "other.pb", extra=lambda tf, y: y * 2)
    frozen = freeze(replace(spec, source=SourceSpec(str(other), "other.pb")), 4)
    assert frozen.method in ("dims", "rewrite")
    assert frozen.refuted[0].startswith("re-export: output 'scores:0': ")


def test_a_source_with_other_names_is_said(engines: Engines, freeze: Freeze, tmp_path: Path) -> None:
    spec = model_of(engines, sources.frozen(tmp_path / "f.pb"), tmp_path, batch=1)
    from suites.convert_tf.test_onnx_to_tensorflow import node, saved

    saved(tmp_path / "m.onnx", [node("Softmax", ["image"], ["points"], axis=1)], {"image": [1, 3]}, {"points": [1, 3]})
    frozen = freeze(spec, 4)
    assert frozen.method in ("dims", "rewrite")
    assert "the source has no" in frozen.refuted[0]
