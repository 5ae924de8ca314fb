"""The examples of docs/parity.md do what the page says."""

from __future__ import annotations

import re
import shlex
import shutil
import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import pytest

from fixtures import faults
from pytest_onnxaccel.checks.parity.resample import ENOUGH, FEW, LEAST, MOST
from pytest_onnxaccel.numerics.compare.tolerance_floor import FACTOR, SURE, UNITS
from suites.pages import code_of

PAGE = (Path(__file__).parents[4] / "docs" / "parity.md").read_text(encoding="utf-8")
LOCK = "onnxaccel.lock.toml"


example = partial(code_of, PAGE, end="\n")


@pytest.fixture(autouse=True)
def detector(tmp_path: Path, shipped: Path) -> Path:
    return Path(shutil.copy(shipped / "slim-320.onnx", tmp_path / "detector.onnx"))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Five images of noise, of the detector's size."""
    image = pytest.importorskip("PIL.Image")
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(5):
        content = np.random.default_rng(seed).integers(0, 256, (240, 320, 3), np.uint8)
        image.fromarray(content).save(folder / f"{seed}.png")
    return folder


def test_the_table_of_floors_is_the_one_in_use() -> None:
    for name, unit in UNITS.items():
        row = f"| {name} | {unit.rtol * unit.eps:.1e} | {unit.atol * unit.eps:.1e} | {unit.most:.0e} |"
        plain = re.sub(r"e([-+])0(\d)", r"e\1\2", row)
        assert plain in PAGE, plain
    assert f"{FACTOR:g} times the drift" in PAGE


def test_the_second_look_is_as_the_page_has_it() -> None:
    for text in (
        f"{LEAST} to {MOST} more samples", f"to {ENOUGH} elements", f"at most {FACTOR:g} times the drift on three",
        f"must do with {SURE:g} times the drift", f"fewer than {FEW} elements",
    ):  # fmt: skip
        assert text in " ".join(PAGE.split()), text


def test_the_lock_is_written_then_holds_then_fails_where_noise_outgrows_it(gate: Callable, tmp_path: Path) -> None:
    command = [*shlex.split(example("lock"))[1:], "--onnx-backend=ort-cpu,reference", "-k", "parity"]
    written = gate(*command)
    assert written.status == 0, written.out
    assert f"locked: {tmp_path / LOCK}" in written.out
    text = (tmp_path / LOCK).read_text()
    assert str(tmp_path) not in text
    locked = tomllib.loads(text)["models"]["detector.onnx"]["reference~ort-cpu"]
    assert set(locked) == {"scores", "boxes"}
    noise = written.row("parity")["figures"]["noise"]
    for name, entry in locked.items():
        assert FACTOR * noise["drift"][name] <= entry["atol"] < 1e-4

    used = gate(*command[:1], *command[2:])
    assert used.status == 0, used.out
    assert "noise" not in used.row("parity")["figures"]  # a lock that holds is not measured again
    assert LOCK in used.row("parity")["figures"]["outputs"]["scores"]["tolerance_from"]

    (tmp_path / LOCK).write_text(re.sub(r"(.tol) = .*", r"\1 = 1e-12", text))
    outgrown = gate(*command[:1], *command[2:])
    assert outgrown.failed() == [("parity", "V_LOCK")]
    assert f"{LOCK} allows 1e-12" in outgrown.row("parity")["message"]
    ignored = gate(*command[:1], *command[2:], "--onnx-lock=ignore")
    assert ignored.status == 0, ignored.out
    again = gate(*command)
    assert again.status == 0, again.out
    assert set(tomllib.loads((tmp_path / LOCK).read_text())["models"]["detector.onnx"]) == {"reference~ort-cpu"}


def test_under_xdist_the_controller_writes_the_same_lock(gate: Callable, tmp_path: Path) -> None:
    pytest.importorskip("xdist")
    arguments = ["--onnx-model=detector.onnx", "--onnx-backend=ort-cpu", "--onnx-lock=write", "-k", "parity"]
    assert gate(*arguments).status == 0
    alone = tomllib.loads((tmp_path / LOCK).read_text())
    (tmp_path / LOCK).unlink()
    run = gate(*arguments, "-n", "2")
    assert run.status == 0, run.out
    assert run.out.count("locked: ") == 1
    assert tomllib.loads((tmp_path / LOCK).read_text())["models"].keys() == alone["models"].keys() == {"detector.onnx"}


def test_a_fault_is_not_locked_and_what_did_not_run_stays(gate: Callable, save: Callable, tmp_path: Path) -> None:
    wrong = save(faults.move_bias(onnx.load(tmp_path / "detector.onnx")), "wrong.onnx")
    other = '[models."other"."a~b"."y"]\nrtol = 1e-06\natol = 0.5\norigin = "reviewed"\n'
    (tmp_path / LOCK).write_text(f"version = 1\n{other}")
    run = gate(
        f"--onnx-model={wrong}", "--onnx-reference=detector.onnx", "--onnx-backend=ort-cpu", "--onnx-lock=write", "-k",
        "parity",
    )  # fmt: skip
    assert run.failed() == [("parity", "V_PARITY")]
    text = (tmp_path / LOCK).read_text()
    assert other in text
    assert set(tomllib.loads(text)["models"]) == {"other"}


def test_a_malformed_lock_is_one_line(gate: Callable, tmp_path: Path) -> None:
    (tmp_path / LOCK).write_text("version = 1\n[models.m.p.y]\nrtol = 'x'\n")
    run = gate("--onnx-model=detector.onnx", "-k", "parity")
    assert run.status == 4
    (line,) = [line for line in run.out.splitlines() if LOCK in line]
    assert "has rtol = 'x' for m p y" in line
    assert "Traceback" not in run.out


def test_the_manifest_with_images_and_detections(gate: Callable, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "onnxaccel.toml").write_text(example("manifest"))
    (tmp_path / "serving.py").write_text(example("preprocess"))
    run = gate("-k", "parity")
    assert run.status == 0, run.out
    figures = run.row("parity")["figures"]
    assert figures["samples"] == 5
    assert figures["decision"]["kind"] == "detection"
    assert figures["decision"]["flips"] == 0


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("def prepare(image):\n    return image[..., 3]\n", "preprocess of input 'input' raises IndexError for 0.png"),
        ("def prepared(image):\n    return image\n", "serving has no 'prepare'"),
        (
            "def prepare(image):\n    return image\n",
            "serving:prepare gives uint8[240, 320, 3], the model takes input float32",
        ),
    ],
    ids=["raises", "is absent", "gives another shape"],
)
def test_a_preprocessing_that_cannot_be_used(
    gate: Callable, photos: Path, tmp_path: Path, code: str, says: str
) -> None:
    (tmp_path / "onnxaccel.toml").write_text(example("manifest"))
    (tmp_path / "serving.py").write_text(code)
    run = gate("-k", "parity")
    assert says in run.out
    assert run.failed() == [("parity", "E_CONFIG")]


def test_images_that_are_not_there_are_a_failure(gate: Callable, tmp_path: Path) -> None:
    (tmp_path / "onnxaccel.toml").write_text(example("manifest"))
    (tmp_path / "serving.py").write_text(example("preprocess"))
    run = gate("-k", "parity")
    assert run.failed() == [("parity", "E_CONFIG")]
    assert "'photos/*.png' matches no file" in run.row("parity")["message"]


def test_the_marker(gate: Callable, tmp_path: Path) -> None:
    (tmp_path / "test_detector.py").write_text(example("marker"))
    run = gate("--onnx-model=detector.onnx", "--onnx-backend=ort-cpu", "test_detector.py")
    assert run.status == 0, run.out
    (row,) = [r for r in run.rows if "decision" in r["figures"]]
    assert row["figures"]["decision"]["decisions"] == 3 * 4420
    assert row["figures"]["atol"] == 0.01


def test_a_flip_within_loose_values_fails_the_marker(gate: Callable, save: Callable, tmp_path: Path) -> None:
    """The bias of a class moved: all within atol, and still another class somewhere."""
    model = onnx.load(tmp_path / "detector.onnx")
    save(faults.move_bias(model, by=0.2), "wrong.onnx")
    source = example("marker").replace('reference="reference", atol=0.01', 'reference="detector.onnx", atol=10')
    (tmp_path / "test_detector.py").write_text(source)
    run = gate("--onnx-model=wrong.onnx", "--onnx-backend=ort-cpu", "test_detector.py")
    assert run.failed() == [("parity", "V_PARITY")]
    assert re.search(r"\d+ of 13260 classification decisions? differs?; the first: scores\[0, \d+\]", run.out)
