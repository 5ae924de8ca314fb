"""Round trips leg by leg: a fault that is planted in one leg is found in that leg."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from pytest_onnxaccel import round_trip
from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import SourceSpec, TensorSpec
from pytest_onnxaccel.runner.conversion.legs import RoundTrip
from pytest_onnxaccel.runner.request import RunOptions
from pytest_onnxaccel.runner.sessions.workers.engines import Engines
from suites.convert_tf import sources

SPEC = TensorSpec("input", "float32", (1, 3, 240, 320))


def scaled(path: str) -> None:
    """One weight of an ONNX file, 5 % larger."""
    model = onnx.load(path)
    for index, weight in enumerate(model.graph.initializer):
        values = numpy_helper.to_array(weight)
        if values.dtype == np.float32 and values.ndim > 1:
            changed = values.copy()
            changed.reshape(-1)[0] *= np.float32(1.05)
            model.graph.initializer[index].CopyFrom(numpy_helper.from_array(changed, weight.name))
            break
    else:
        raise AssertionError("no weight to change")
    onnx.save(model, path)


def shifted(path: str) -> None:
    """One weight of a frozen graph, larger."""
    import tensorflow as tf

    definition = tf.compat.v1.GraphDef.FromString(Path(path).read_bytes())
    for node in definition.node:
        if node.op == "Const":
            values = tf.make_ndarray(node.attr["value"].tensor)
            if values.dtype == np.float32 and values.ndim > 1:
                changed = values.copy()
                changed.reshape(-1)[0] += np.float32(0.25)
                node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(changed))
                break
    else:
        raise AssertionError("no weight to change")
    Path(path).write_bytes(definition.SerializeToString())


def renamed(path: str) -> None:
    """The output of a frozen graph, under another name."""
    import tensorflow as tf

    definition = tf.compat.v1.GraphDef.FromString(Path(path).read_bytes())
    next(node for node in definition.node if node.name == "scores").name = "points"
    Path(path).write_bytes(definition.SerializeToString())


def went(
    engines: Engines,
    source: Path | SourceSpec,
    through: tuple[str, ...] = ("onnx", "pb", "onnx"),
    inputs: Sequence[TensorSpec] = (),
    outputs: Sequence[str] = (),
) -> CheckResult:
    """What ``round_trip`` does, in workers that are there already."""
    spec = source if isinstance(source, SourceSpec) else SourceSpec(str(source), source.name)
    trip = RoundTrip(engines, spec, inputs, outputs)
    for kind in through:
        trip.leg(kind)
    result = trip.judge()
    trip.close()
    return result


def go(engines: Engines, path: Path, through: tuple[str, ...], faults: dict[int, Callable[[str], None]]) -> RoundTrip:
    trip = RoundTrip(engines, SourceSpec(str(path), path.name))
    for number, kind in enumerate(through, 1):
        found = trip.leg(kind)
        assert found.error is None, found.error
        if number in faults:
            faults[number](found.path)
    return trip


@pytest.mark.usefixtures("onnx_tf")
def test_from_a_frozen_graph_and_back(run_options: RunOptions, tmp_path: Path) -> None:
    path = sources.frozen(tmp_path / "net.pb")
    result = round_trip(path, ("onnx", "pb"), options=run_options)
    assert (result.verdict, result.check) == (Verdict.PASSED, "round-trip"), str(result)
    assert list(result.figures["legs"]) == ["leg 1: graphdef -> onnx", "leg 2: onnx -> graphdef", "whole"]
    assert result.figures["max_abs"] < 1e-6
    assert result.figures["legs"]["whole"]["worst_output"] == "scores:0"


@pytest.mark.usefixtures("onnx_tf")
@pytest.mark.parametrize("kind", ["saved_model", "checkpoint", "keras"])
def test_through_a_saved_model_and_back(kind: str, engines: Engines, tmp_path: Path) -> None:
    result = went(engines, sources.make(kind, tmp_path), ("onnx", "saved_model", "onnx"))
    assert result.verdict is Verdict.PASSED, str(result)
    assert len(result.figures["legs"]) == 4


@pytest.mark.usefixtures("onnx_tf")
@pytest.mark.parametrize(
    ("number", "fault", "code"),
    [(1, scaled, "V_PARITY"), (2, shifted, "V_PARITY"), (3, scaled, "V_PARITY"), (2, renamed, "V_CONTRACT")],
    ids=["first", "second", "third", "name"],
)
def test_a_planted_fault_is_found_in_its_leg(
    number: int, fault: Callable[[str], None], code: str, engines: Engines, tmp_path: Path
) -> None:
    through = ("onnx", "pb", "onnx")
    trip = go(
        engines, sources.frozen(tmp_path / "net.pb"), through if fault is not renamed else through[:2], {number: fault}
    )
    result = trip.judge()
    trip.close()
    assert (result.verdict, result.code) == (Verdict.FAILED, code), str(result)
    assert result.message.startswith(f"leg {number}: ")
    assert "scores" in result.message
    assert not any(f"leg {number + 1}" in name for name in result.figures["legs"])


def test_a_leg_that_its_converter_cannot_take_is_named(run_options: RunOptions, tmp_path: Path) -> None:
    path = sources.keras_file(tmp_path / "m.keras", layer=lambda keras: keras.ops.erfinv)
    result = round_trip(path, ("onnx", "pb"), options=run_options)
    assert (result.verdict, result.code) == (Verdict.NOT_APPLICABLE, "E_CONVERT")
    assert result.message.startswith("leg 1: keras -> onnx stopped: ")
    assert "'Erfinv'" in result.message
    assert round_trip(path, ("onnx",), options=run_options, required=True).verdict is Verdict.FAILED


def test_an_unsafe_source_fails(run_options: RunOptions, tmp_path: Path) -> None:
    path = sources.frozen(
        tmp_path / "f.pb", extra=lambda tf, y: y + tf.strings.to_number(tf.io.read_file("/etc/hostname"))
    )
    result = round_trip(path, ("onnx",), options=run_options)
    assert (result.verdict, result.code) == (Verdict.FAILED, "E_UNSAFE")
    assert "ReadFile" in result.message


def test_kinds_that_nothing_converts_to(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing converts to 'torch'"):
        round_trip(tmp_path, ("torch",))


def test_a_trip_without_an_onnx_stop_has_nothing_to_feed(engines: Engines, tmp_path: Path) -> None:
    trip = RoundTrip(engines, SourceSpec(str(sources.frozen(tmp_path / "net.pb")), "net.pb"))
    with pytest.raises(ConfigError, match="no stop of the trip is an ONNX file"):
        trip.judge()


def test_the_command(tmp_path: Path) -> None:
    path = sources.checkpoint(tmp_path, training=True)
    command = [sys.executable, "-m", "pytest_onnxaccel", "roundtrip", str(path), "--through", "onnx"]
    environment = {**os.environ, "ONNXACCEL_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 1
    assert "failed: leg 1: checkpoint -> onnx stopped: onnxaccel[E_CONFIG]" in done.stdout
    done = subprocess.run(
        [*command, "--outputs", "scores:0"], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("passed: model.meta -> onnx agrees leg by leg over 3 samples")
    done = subprocess.run([*command[:-1], "exe"], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 2


# -- the real detectors and the real regression --------------------------------------------------------------------


@pytest.mark.usefixtures("onnx_tf")
@pytest.mark.parametrize("name", ["version-RFB-320", "version-slim-320"])
def test_a_real_detector_from_its_weights(name: str, engines: Engines, models_folder: Path) -> None:
    pytest.importorskip("torch")
    builder = "build_rfb" if "RFB" in name else "build_slim"
    path = models_folder / "ulfd" / f"{name}.pth"
    source = SourceSpec(str(path), path.name, f"fixtures.detectors:{builder}")
    result = went(engines, source, inputs=[SPEC], outputs=["scores", "boxes"])
    assert result.verdict is Verdict.PASSED, str(result)
    found = result.figures["legs"]
    assert list(found) == ["leg 1: torch -> onnx", "leg 2: onnx -> graphdef", "leg 3: graphdef -> onnx", "whole"]
    assert all(0 < leg["max_abs"] < 5e-6 and leg["samples"] == 3 for leg in found.values())


@pytest.mark.usefixtures("onnx_tf")
@pytest.mark.parametrize("name", ["version-RFB-320", "version-slim-320"])
@pytest.mark.parametrize("kind", ["pb", "saved_model"])
def test_a_real_detector_from_the_authors_onnx(name: str, kind: str, engines: Engines, models_folder: Path) -> None:
    result = went(engines, models_folder / "ulfd" / f"{name}.onnx", (kind, "onnx"))
    assert result.verdict is Verdict.PASSED, str(result)
    assert set(result.figures["legs"]["whole"]["outputs"]) == {"scores", "boxes"}
    assert 0 < result.figures["max_abs"] < 2e-6


@pytest.mark.usefixtures("onnx_tf")
@pytest.mark.parametrize("form", ["graphdef/frozen.pb", "saved_model", "checkpoint/model.meta", "tflite/model.tflite"])
def test_the_real_regression_in_each_form(form: str, engines: Engines, models_folder: Path) -> None:
    rows = TensorSpec("X:0", "float32", (None,))
    result = went(engines, models_folder / "tf-regression" / form, inputs=[rows], outputs=["pred:0"])
    assert result.verdict is Verdict.PASSED, str(result)
    assert result.figures["legs"]["whole"]["worst_output"] == "pred:0"
    assert result.figures["max_abs"] < 1e-6  # a multiplication and an addition: some processors round them once
