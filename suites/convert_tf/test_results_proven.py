"""What is converted to TensorFlow is loaded again and compared with its ONNX source before anybody gets it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper

from pytest_onnxaccel import convert_source
from pytest_onnxaccel.backends.protocol import Availability
from pytest_onnxaccel.backends.tensorflow.backend import TensorflowBackend
from pytest_onnxaccel.convert.protocol import ConvertOptions
from pytest_onnxaccel.core.errors import ConversionError
from pytest_onnxaccel.core.specs import SourceSpec
from pytest_onnxaccel.runner.conversion.result_proof import prove_result
from pytest_onnxaccel.runner.request import RunOptions
from pytest_onnxaccel.runner.sessions.workers.engines import Engines
from pytest_onnxaccel.runner.sessions.workers.source_conversions import Conversion
from suites.convert_tf.test_onnx_to_tensorflow import detector, saved

pytestmark = pytest.mark.usefixtures("onnx_tf")


@pytest.mark.parametrize(("gives", "target"), [("pb", "net.pb"), ("saved_model", "net"), ("", "other.pb")])
def test_each_result_has_its_proof(gives: str, target: str, run_options: RunOptions, tmp_path: Path) -> None:
    source = detector(tmp_path / "net.onnx")
    made = convert_source(source, tmp_path / target, gives=gives, options=run_options)
    assert made.proof is not None
    assert (made.proof.backend, made.proof.sizes) == ("tensorflow", (1,))
    assert set(made.proof.figures["outputs"]) == {"scores", "boxes"}
    assert made.proof.figures["samples"] == 3
    assert made.proof.figures["max_abs"] < 1e-5
    assert made.lines()[-1].startswith("proven on tensorflow: gives what the source gives at batch 1: max abs error")
    assert (tmp_path / target).exists()


def test_a_name_that_tensorflow_does_not_take_is_still_proven(run_options: RunOptions, tmp_path: Path) -> None:
    nodes = [helper.make_node("Mul", ["x", "x"], ["a b"])]
    source = saved(tmp_path / "m.onnx", nodes, {"x": ["n", 2]}, {"a b": ["n", 2]})
    made = convert_source(source, tmp_path / "m.pb", options=run_options)
    assert made.proof is not None
    assert set(made.proof.figures["outputs"]) == {"a b"}


def swapped(engines: Engines, folder: Path, gives: str) -> Conversion:
    """A conversion whose result is that of another model, as a converter at fault would write it."""

    def made(factor: float) -> Conversion:
        path = folder / f"m{factor}.onnx"
        nodes = [helper.make_node("Mul", ["x", "f"], ["y"])]
        saved(path, nodes, {"x": [1, 2]}, {"y": [1, 2]}, f=np.array([factor], np.float32))
        return engines.conversions.convert(SourceSpec(str(path), path.name), ConvertOptions(), gives)

    return replace(made(1.0), converted=made(1.5).converted)


@pytest.mark.parametrize("gives", ["graphdef", "saved_model"])
def test_a_result_that_differs_is_refused(gives: str, engines: Engines, tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match=r"that onnx-tf wrote is not its source: .*output 'y'") as caught:
        prove_result(swapped(engines, tmp_path, gives), engines)
    assert "\n" not in str(caught.value)


def test_nothing_is_saved_that_differs(
    run_options: RunOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = detector(tmp_path / "net.onnx")

    def wrong(_: Any, engines: Engines, *__: Any, **___: Any) -> Any:
        return prove_result(swapped(engines, tmp_path, "graphdef"), engines)

    monkeypatch.setattr("pytest_onnxaccel.runner.conversion.convert.prove_result", wrong)
    with pytest.raises(ConversionError):
        convert_source(source, tmp_path / "net.pb", options=run_options)
    assert not (tmp_path / "net.pb").exists()


def test_without_tensorflow_here_a_note_says_that_nothing_is_proven(
    run_options: RunOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = Availability(False, "tensorflow is not installed", "python -m pip install tensorflow")
    monkeypatch.setattr(TensorflowBackend, "availability", lambda self: gone)
    made = convert_source(detector(tmp_path / "net.onnx"), tmp_path / "net.pb", options=run_options)
    assert made.proof is None
    (note,) = (line for line in made.lines() if "without proof" in line)
    assert "tensorflow is not installed" in note
    assert (tmp_path / "net.pb").exists()


def test_the_fixture_proves_too(tmp_path: Path) -> None:
    detector(tmp_path / "net.onnx")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_it.py").write_text(
        "def test_it(convert):\n"
        "    made = convert('net.onnx', gives='pb')\n"
        "    assert (made.kind, made.proof['samples']) == ('graphdef', 3)\n"
        "    assert made.proof['max_abs'] < 1e-5\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--onnx-timeout=300s"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "1 passed" in done.stdout, done.stdout
