"""What a failed check leaves behind: a folder whose script shows the same difference, and never another verdict."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import onnx
import pytest

from fixtures import faults, graphs
from pytest_onnxaccel import report
from pytest_onnxaccel.core.results import CheckResult, Verdict
from suites.localise import crooked
from suites.localise.conftest import Check
from suites.localise.test_engines import normalising

CPU, ONNX = "ort-cpu", "reference"
PARTS = {"inputs.npz", "candidate.npz", "reference.npz", "candidate.onnx", "reference.onnx", "repro.py", "report.txt"}
REDUCED = {f"reduced-{side}{part}" for side in ("candidate", "reference") for part in (".onnx", ".npz", "-inputs.npz")}


def run_script(folder: Path) -> tuple[int, str]:
    """``repro.py`` in a process that cannot import this project."""
    done = subprocess.run(
        [sys.executable, "-I", "repro.py"], cwd=folder, capture_output=True, text=True, check=False, timeout=300
    )
    return done.returncode, done.stdout + done.stderr


def shown(text: str, output: str) -> float:
    found = re.search(rf"'{output}': max abs difference (\S+)", text)
    assert found, text
    return float(found.group(1))


def test_two_files(check: Check, tmp_path: Path) -> None:
    wrong = faults.move_bias(graphs.small_cnn())
    result = check(wrong, graphs.small_cnn(), failures=str(tmp_path / "failures"))
    folder = Path(result.figures["case"])
    assert folder.parent == tmp_path / "failures"
    assert {path.name for path in folder.iterdir()} == PARTS | REDUCED
    assert any(line.startswith(f"case: {folder}") for line in result.details)
    status, text = run_script(folder)
    assert status == 1, text
    assert shown(text, "logits") == pytest.approx(result.figures["max_abs"], rel=1e-3)
    told = result.figures["localisation"]["origin"]
    assert shown(text, told["value"]) == pytest.approx(told["reduced_max_abs"], rel=1e-3)
    assert "BatchNormalization bn alone, both sides fed the same" in text
    assert len(onnx.load(folder / "reduced-candidate.onnx").graph.node) == 1
    assert (folder / "report.txt").read_text().startswith(result.message)


def test_the_arrays_are_those_of_the_sample_that_failed(check: Check, tmp_path: Path) -> None:
    result = check(faults.move_bias(graphs.mlp()), graphs.mlp(), failures=str(tmp_path))
    folder = Path(result.figures["case"])
    with np.load(folder / "candidate.npz") as ours, np.load(folder / "reference.npz") as theirs:
        assert float(np.abs(ours["y"] - theirs["y"]).max()) == pytest.approx(result.figures["max_abs"])


def test_a_repaired_model_makes_the_script_pass(check: Check, tmp_path: Path) -> None:
    good = graphs.small_cnn()
    folder = Path(check(faults.move_bias(good), good, failures=str(tmp_path)).figures["case"])
    (folder / "candidate.onnx").write_bytes(good.SerializeToString())
    assert run_script(folder)[0] == 0


def test_an_engine_that_a_script_cannot_call_is_as_recorded(check: Check, shipped: Path, tmp_path: Path) -> None:
    with crooked.registered("crooked", crooked.Crooked):
        result = check(shipped / "slim-320.onnx", CPU, "crooked", (CPU, "crooked"), failures=str(tmp_path))
    status, text = run_script(Path(result.figures["case"]))
    assert status == 1, text
    assert "candidate: crooked, candidate.onnx (as recorded" in text
    assert shown(text, "scores") == pytest.approx(result.figures["max_abs"], rel=0.2)


def test_the_evaluator_is_called_on_what_it_ran(check: Check, tmp_path: Path) -> None:
    """Raw, that is the file itself; else the copy of a newer opset."""
    with crooked.registered(ONNX, crooked.RawReference):
        result = check(normalising(), ONNX, CPU, (CPU, ONNX), failures=str(tmp_path / "raw"))
    folder = Path(result.figures["case"])
    assert onnx.load(folder / "reference.onnx").opset_import[0].version == 9
    status, text = run_script(folder)
    assert status == 1, text
    assert "reference: reference, reference.onnx (onnx.reference)" in text
    assert shown(text, "y") == pytest.approx(result.figures["max_abs"], rel=1e-3)

    result = check(faults.move_bias(normalising()), normalising(), ONNX, failures=str(tmp_path / "upgraded"))
    folder = Path(result.figures["case"])
    assert onnx.load(folder / "candidate.onnx").opset_import[0].version >= 14
    status, text = run_script(folder)
    assert status == 1, text
    assert shown(text, "y") == pytest.approx(result.figures["max_abs"], rel=1e-3)


def test_an_old_case_is_replaced_and_what_else_lies_there_is_not(check: Check, tmp_path: Path) -> None:
    good = tmp_path / "good.onnx"
    good.write_bytes(graphs.small_cnn().SerializeToString())
    wrong, root = faults.move_bias(graphs.small_cnn()), str(tmp_path / "failures")
    folder = Path(check(wrong, str(good), failures=root).figures["case"])
    (folder / "notes.txt").write_text("mine")
    (folder / "reduced-candidate.onnx.data").write_text("old")
    assert check(wrong, str(good), failures=root).figures["case"] == str(folder)
    assert {path.name for path in folder.iterdir()} == PARTS | REDUCED | {"notes.txt"}


def test_a_disk_that_refuses_leaves_the_verdict(check: Check, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    result = check(faults.move_bias(graphs.mlp()), graphs.mlp(), failures=str(tmp_path / "file"))
    assert (result.verdict, result.code) == (Verdict.FAILED, "V_PARITY")
    assert "case" not in result.figures
    assert any(note.startswith("no case in") for note in result.notes)
    assert "origin" in result.figures["localisation"]


@pytest.mark.parametrize(
    ("broken", "note"), [("intermediates", "not localised"), ("engine_vote", "engines not compared")]
)
def test_an_error_of_our_own_is_a_note_and_leaves_the_verdict(
    check: Check, monkeypatch: pytest.MonkeyPatch, broken: str, note: str
) -> None:
    from pytest_onnxaccel.runner.localise import localise as analysis

    def raises(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(analysis, broken, raises)
    result = check(faults.move_bias(graphs.mlp()), graphs.mlp())
    assert (result.verdict, result.code) == (Verdict.FAILED, "V_PARITY")
    assert f"{note}: ZeroDivisionError: planted" in result.notes


def test_switched_off(check: Check, tmp_path: Path) -> None:
    result = check(faults.move_bias(graphs.mlp()), graphs.mlp(), localise=False, failures=str(tmp_path / "f"))
    assert result.verdict is Verdict.FAILED
    assert not {"localisation", "blame", "case"} & set(result.figures)
    assert not (tmp_path / "f").exists()


@pytest.mark.parametrize("fault", [faults.rename_output, faults.drop_output, faults.swap_outputs])
def test_breaches_that_are_no_values_are_not_looked_into(
    check: Check, fault: Callable[[Any], Any], shipped: Path
) -> None:
    good = onnx.load(shipped / "slim-320.onnx")
    result: CheckResult = check(fault(good), good)
    assert result.code == "V_CONTRACT"
    assert "localisation" not in result.figures


def test_from_the_command_line(tmp_path: Path) -> None:
    wrong, good = tmp_path / "wrong.onnx", tmp_path / "good.onnx"
    wrong.write_bytes(faults.move_bias(graphs.small_cnn()).SerializeToString())
    good.write_bytes(graphs.small_cnn().SerializeToString())
    command = [
        sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--onnx-model={wrong}", f"--onnx-reference={good}",
        "--onnx-backend=ort-cpu", "--onnx-report=report.json", "-k", "parity",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    folder = tmp_path / "onnxaccel-failures" / "wrong.onnx-parity-ort-cpu-good.onnx-b1"
    assert run_script(folder)[0] == 1
    (row,) = json.loads((tmp_path / "report.json").read_text())["results"]
    assert row["figures"]["case"] == str(folder)
    schema = json.loads((Path(report.__file__).parent / "schema-v1.json").read_text())
    jsonschema.validate(json.loads((tmp_path / "report.json").read_text()), schema)
    assert row["figures"]["localisation"]["origin"]["name"] == "bn"
    assert "origin: BatchNormalization 'bn' (module bn)" in done.stdout
    off = subprocess.run([*command, "--onnx-localise=no"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert off.returncode == 1
    assert "origin:" not in off.stdout


def test_external_data_is_in_the_case(check: Check, tmp_path: Path) -> None:
    (tmp_path / "given").mkdir()
    good = graphs.external_data(tmp_path / "given")
    result = check(good, faults.move_bias(graphs.mlp()), failures=str(tmp_path / "failures"))
    assert result.figures["localisation"]["origin"]["name"] == "first"
    folder = Path(result.figures["case"])
    status, text = run_script(folder)
    assert status == 1, text
    assert shown(text, "y") == pytest.approx(result.figures["max_abs"], rel=1e-3)


def test_shapes_and_nan_are_differences_of_values(check: Check) -> None:
    """They break the contract, and have a node where they come from."""
    good = graphs.small_cnn()
    nan = check(faults.nan_inside(good), good)
    assert (nan.code, nan.figures["breach"]) == ("V_CONTRACT", "nan")
    assert nan.figures["localisation"]["origin"]["name"] == "planted_Add_logits"
    wide = graphs.mlp(1)
    for tensor in wide.graph.initializer:
        if tensor.name in ("w2", "b2"):
            array = onnx.numpy_helper.to_array(tensor)
            tensor.CopyFrom(onnx.numpy_helper.from_array(np.concatenate([array, array], axis=-1), tensor.name))
    wide.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 6
    shape = check(wide, graphs.mlp(1))
    assert (shape.code, shape.figures["breach"]) == ("V_CONTRACT", "shape")
    told = shape.figures["localisation"]["origin"]
    assert (told["name"], told["share"]) == ("second", float("inf"))
