"""Pairs of preprocessing functions by marker and by manifest: rows, failures, options, and what cannot be used."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import jsonschema
import onnx
import pytest

from fixtures import graphs
from pytest_onnxaccel.config.manifest import read, read_preprocessing
from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.lookup.import_string import resolve
from pytest_onnxaccel.core.pair_specs import PreprocessingSpec
from pytest_onnxaccel.plugin.markers import requests as markers

pytest_plugins = ("pytester",)

#: The snippets of the article, and one that calls itself what it is not.
FUNCTIONS = """
import numpy as np

def same_mean(image):
    image_mean = np.array([127, 127, 127])
    return (image - image_mean) / 128

def same_mean_elegant(image):
    return (image - 127.) / 128.

def means(image):
    image_mean = np.array([127, 120, 107])
    return (image - image_mean) / 128

def means_elegant(resize_img):
    image = np.zeros_like(resize_img)
    image[:, :, 0] = (resize_img[:, :, 0] - 127.) / 128.
    image[:, :, 1] = (resize_img[:, :, 1] - 120.) / 128.
    image[:, :, 2] = (resize_img[:, :, 2] - 107.) / 128.
    return image

def refuses(image):
    raise ValueError("no image pleases me")

number = 3
"""

MARKED = """
import pytest

@pytest.mark.preprocessing_parity(
    reference="pre.steps:same_mean", candidate="pre.steps:same_mean_elegant", faster=1.2, shape=(500, 500, 3)
)
def test_same_mean(): ...

@pytest.mark.preprocessing_parity(
    reference="pre.steps:means", candidate="pre.steps:means_elegant", shape=(100, 100, 3)
)
def test_means(): ...
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose functions only its rootdir leads to."""
    (tmp_path / "pre").mkdir()
    (tmp_path / "pre" / "__init__.py").write_text("")
    (tmp_path / "pre" / "steps.py").write_text(FUNCTIONS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return tmp_path


def manifest(project: Path, text: str) -> None:
    (project / "onnxaccel.toml").write_text(text)


PAIR = '[preprocessing.{}]\nreference = "pre.steps:{}"\ncandidate = "pre.steps:{}"\n'


def test_the_articles_snippets_by_marker(project: Path, gate: Callable[..., object]) -> None:
    (project / "test_it.py").write_text(MARKED)
    run = gate("--strict-markers")
    assert run.status == 1, run.out
    passed, failed = run.row("preprocessing", model="test_same_mean"), run.row("preprocessing", model="test_means")
    # A machine under load may not decide; what it must never do is to refute what is 3 times as fast
    assert passed["verdict"] in ("passed", "inconclusive")
    assert passed["figures"]["equivalent"] is True
    assert passed["figures"]["speedup_over"] == "pre.steps:same_mean"
    assert passed["figures"]["speedup_low"] <= passed["figures"]["speedup_high"]
    assert (failed["verdict"], failed["code"]) == ("failed", "V_PREPROCESSING")
    assert failed["figures"]["kind"] == "truncation"
    assert failed["message"].startswith("truncation: ")
    case = project / "onnxaccel-failures" / "test_means"
    assert any("case: onnxaccel-failures/test_means" in line for line in failed["details"])
    assert {"case.npz", "repro.py"} <= {path.name for path in case.iterdir()}
    assert "1x1x3" in run.out
    assert "checks: 1" in run.out
    schema = json.loads(files("pytest_onnxaccel.report").joinpath("schema-v1.json").read_text())
    jsonschema.validate(run.report, schema)


def test_a_manifest_of_pairs_alone_makes_a_run(project: Path, gate: Callable[..., object]) -> None:
    manifest(project, PAIR.format("same", "same_mean", "same_mean_elegant") + "shape = [9, 12, 3]\nseed = 4\n")
    run = gate()
    assert run.status == 0, run.out
    assert run.verdicts() == {"onnxaccel.toml::same::parity": "passed"}
    assert "onnxaccel preprocessing: same" in run.out
    assert "onnxaccel models" not in run.out
    listed = gate("--collect-only", "-q")
    assert "onnxaccel.toml::same::parity" in listed.out
    elsewhere = project / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "test_one.py").write_text("def test_one(): ...")
    assert gate("elsewhere").rows == []


def test_rows_are_the_same_on_two_workers(project: Path, gate: Callable[..., object]) -> None:
    pytest.importorskip("xdist")
    manifest(
        project,
        PAIR.format("right", "same_mean", "same_mean_elegant") + PAIR.format("wrong", "means", "means_elegant"),
    )
    run = gate("-n", "2")
    assert run.verdicts() == {"onnxaccel.toml::right::parity": "passed", "onnxaccel.toml::wrong::parity": "failed"}
    assert run.status == 1


def test_a_printed_id_can_be_run(project: Path, gate: Callable[..., object]) -> None:
    manifest(
        project,
        PAIR.format("right", "same_mean", "same_mean_elegant") + PAIR.format("wrong", "means", "means_elegant"),
    )
    right, wrong = "onnxaccel.toml::right::parity", "onnxaccel.toml::wrong::parity"
    shown = gate("-v")
    assert f"{right} PASSED" in shown.out
    assert f"{wrong} FAILED" in shown.out
    assert gate(right).verdicts() == {right: "passed"}
    assert gate("onnxaccel.toml::wrong").verdicts() == {wrong: "failed"}
    assert gate("onnxaccel.toml").verdicts() == {right: "passed", wrong: "failed"}
    assert gate(f"--deselect={wrong}").verdicts() == {right: "passed"}
    for arguments in ((), ("--lf",)):
        command = [sys.executable, "-m", "pytest", "-v", *arguments]
        out = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False).stdout
        assert f"{wrong} FAILED" in out
        assert (right in out) == (arguments == ()), out
    absent = gate("onnxaccel.toml::rihgt::parity")
    assert absent.status == 4, absent.out
    (project / "nested").mkdir()
    # From a folder below, pytest finds the manifest of the rootdir; the printed id is relative to that folder
    below = gate(f"--rootdir={project}", f"../{right}", folder="nested")
    assert below.verdicts() == {right: "passed"}, below.out


def test_an_id_of_a_pair_runs_no_model(project: Path, gate: Callable[..., object]) -> None:
    onnx.save(graphs.small_cnn(), project / "net.onnx")
    manifest(project, '[models.net]\npath = "net.onnx"\n' + PAIR.format("right", "same_mean", "same_mean_elegant"))
    assert list(gate("onnxaccel.toml::right::parity").verdicts()) == ["onnxaccel.toml::right::parity"]
    both = gate("onnxaccel.toml", "-k", "structure or right").verdicts()
    assert both == {"net.onnx::structure": "passed", "onnxaccel.toml::right::parity": "passed"}


@pytest.mark.parametrize(
    ("candidate", "said"),
    [
        ("pre.steps:same_maen", "pre.steps has no 'same_maen' - did you mean 'same_mean'?"),
        ("pre.stesp:same_mean", "no module named 'pre.stesp'"),
        ("pre.steps:number", "pre.steps:number is a int - name a function of one image"),
        ("pre.broken:f", "importing pre.broken raises ZeroDivisionError: division by zero"),
    ],
)
def test_a_function_that_cannot_be_had_is_one_line(project: Path, candidate: str, said: str) -> None:
    (project / "pre" / "broken.py").write_text("1 / 0")
    with pytest.raises(ConfigError) as caught:
        resolve(candidate, project, "onnxaccel.toml [preprocessing.p]")
    assert str(caught.value).startswith("onnxaccel[E_CONFIG] onnxaccel.toml [preprocessing.p]: ")
    assert said in str(caught.value)


def test_such_a_function_fails_its_item_alone(project: Path, gate: Callable[..., object]) -> None:
    manifest(
        project,
        PAIR.format("gone", "same_mean", "nothing")
        + PAIR.format("refused", "refuses", "refuses")
        + PAIR.format("right", "same_mean", "same_mean_elegant"),
    )
    run = gate()
    assert sorted(run.failed()) == [("preprocessing", "E_CONFIG"), ("preprocessing", "V_NOTJUDGED")]
    assert run.row("preprocessing", model="right")["verdict"] == "passed"
    assert "Traceback" not in run.out


def test_speed_that_is_not_there_fails(project: Path, gate: Callable[..., object]) -> None:
    manifest(project, PAIR.format("same", "same_mean", "same_mean") + "faster = 3\nshape = [60, 80, 3]\n")
    run = gate("--onnx-inconclusive=fail")
    assert run.status == 1
    row = run.row("preprocessing")
    assert row["code"] == "V_SPEED"
    assert row["figures"]["speedup_asked"] == 3
    assert "3x asked" in run.out


def test_options_of_the_fuzzing(project: Path, gate: Callable[..., object]) -> None:
    manifest(project, PAIR.format("wrong", "means", "means_elegant") + "examples = 5\n")
    run = gate("--onnx-fuzz-profile=nightly", "--onnx-fuzz-corpus=corpus", "--onnx-fuzz-examples=7")
    assert run.status == 1
    assert list((project / "corpus").glob("*.npz")), "the reduced image is kept"
    run = gate("--onnx-fuzz-corpus=corpus")
    assert run.row("preprocessing")["figures"]["proof"]["replayed"] == 1
    manifest(project, PAIR.format("right", "same_mean", "same_mean_elegant") + "examples = 5\n")
    assert gate().row("preprocessing")["figures"]["proof"]["fuzzed"] <= 5
    assert gate("--onnx-fuzz-examples=9").row("preprocessing")["figures"]["proof"]["fuzzed"] > 5
    assert "'weekly' is not one of ci, nightly" in gate("--onnx-fuzz-profile=weekly").out


def mark(**arguments: object) -> pytest.Mark:
    return pytest.mark.preprocessing_parity.with_args(**arguments).mark


def test_arguments_of_the_marker() -> None:
    found = markers.parse(
        mark(reference="a.b:f", candidate="c:g", faster=2, shape=(4, 5, 3), shapes=[(4, 5)], tolerance=0,
             layout="same", examples=9, seed=3)
    )  # fmt: skip
    origin = "@pytest.mark.preprocessing_parity"
    assert found == PreprocessingSpec("", "a.b:f", "c:g", 2.0, (4, 5, 3), ((4, 5),), 0.0, "same", 9, 3, origin)
    signal = markers.parse(mark(reference="a:f", candidate="b:g", shape=[16000], shapes=[[8000], [100]]))
    assert (signal.shape, signal.shapes) == ((16000,), ((8000,), (100,)))
    assert markers.parse(mark(reference="a:f", candidate="b:C.g", shapes="any")) == PreprocessingSpec(
        "", "a:f", "b:C.g", origin=origin
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"candidate": "a:f"}, 'names no reference - give reference="package.module:function"'),
        ({"reference": "a.f", "candidate": "a:f"}, "(reference=): 'a.f' names no function"),
        ({"reference": "a:f", "candidate": "a:"}, "(candidate=): 'a:' names no function"),
        ({"faster": 0}, "(faster=): 0 is not a factor"),
        ({"shape": ()}, "(shape=): () is not a shape of an image"),
        ({"shape": (0,)}, "(shape=): 0 is not a number of samples of a signal"),
        ({"shapes": [(0,)]}, "(shapes=): 0 is not a number of samples"),
        ({"shapes": (240, 320)}, "(shapes=): 240 is not a size"),
        ({"tolerance": -1}, "(tolerance=): -1 is not a tolerance"),
        ({"layout": "NCHW"}, "(layout=): 'NCHW' is not a layout - write one of any, same, C"),
        ({"examples": 0}, "(examples=): 0 is not a number of images"),
        ({"seed": -1}, "(seed=): -1 is not a seed"),
        ({"fastr": 2}, "has no argument 'fastr' - did you mean 'faster'?"),
    ],
)
def test_arguments_that_are_refused(arguments: dict[str, object], said: str) -> None:
    given = arguments if "candidate" in arguments else {"reference": "a:f", "candidate": "b:g", **arguments}
    with pytest.raises(ConfigError) as caught:
        markers.parse(mark(**given))
    assert said in str(caught.value)


def test_the_manifest_reads_pairs_beside_models(tmp_path: Path) -> None:
    path = tmp_path / "onnxaccel.toml"
    path.write_text('[models.m]\npath = "m.onnx"\n' + PAIR.format('"a.b"', "f", "g") + "faster = 1.5\n")
    assert [spec.name for spec in read(path)] == ["m"]
    (pair,) = read_preprocessing(path)
    assert (pair.name, pair.faster, pair.origin) == ("a.b", 1.5, 'onnxaccel.toml [preprocessing."a.b"]')
    path.write_text(PAIR.format("p", "f", "g") + "fastr = 1.5\n")
    with pytest.raises(ConfigError, match=r"onnxaccel.toml:4: 'fastr' is not a key of .preprocessing.p."):
        read_preprocessing(path)
    path.write_text('[preprocessing.p]\nreference = "a:f"\n')
    with pytest.raises(ConfigError, match=r"onnxaccel.toml:1: \[preprocessing.p\] has no candidate"):
        read_preprocessing(path)
