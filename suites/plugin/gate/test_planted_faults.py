"""A planted wrong model fails in the right check, with exit status 1 and one clear line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from fixtures import faults, graphs

QUICK = ("--onnx-backend=ort-cpu", "-k", "not latency")


@pytest.fixture(params=["rfb-320", "slim-320", "real version-RFB-320"])
def good(request: pytest.FixtureRequest, shipped: Path) -> Path:
    """A right model: the shipped detectors, and a real one where it is at hand."""
    if request.param.startswith("real "):
        folder: Path = request.getfixturevalue("models_folder")
        return folder / "ulfd" / f"{request.param.removeprefix('real ')}.onnx"
    return shipped / f"{request.param}.onnx"


@pytest.mark.parametrize(
    ("fault", "code", "says"),
    [
        ("move_bias", "V_PARITY", "past atol"),
        ("rename_output", "V_CONTRACT", "is called"),
        ("drop_output", "V_CONTRACT", "lacks output"),
        ("swap_outputs", "V_CONTRACT", "in the order"),
    ],
)
def test_against_the_model_it_should_be(
    gate: Callable, save: Callable, good: Path, fault: str, code: str, says: str
) -> None:
    wrong = save(getattr(faults, fault)(onnx.load(good)), "wrong.onnx")
    run = gate(f"--onnx-model={wrong}", f"--onnx-reference={good}", *QUICK)
    assert run.status == 1, run.out
    assert run.failed() == [("parity", code)]
    row = run.row("parity")
    assert (row["backend"], row["reference"]) == ("ort-cpu", good.name)
    assert says in row["message"]
    assert sum(line.startswith(f"{code} wrong.onnx") for line in run.out.splitlines()) == 1


def test_the_right_model_agrees_with_itself(gate: Callable, good: Path) -> None:
    run = gate(f"--onnx-model={good}", f"--onnx-reference={good}", *QUICK)
    assert run.status == 0, run.out
    assert run.row("parity")["figures"]["max_abs"] == 0


def test_nan_inside(gate: Callable, save: Callable, good: Path) -> None:
    run = gate(f"--onnx-model={save(faults.nan_inside(onnx.load(good)))}", *QUICK)
    assert (run.status, run.failed()) == (1, [("contract", "V_NONFINITE")])
    assert "NaN" in run.row("contract")["message"]


def test_a_reshape_with_a_baked_batch(gate: Callable, save: Callable, good: Path) -> None:
    run = gate(f"--onnx-model={save(faults.bake_reshape(onnx.load(good)))}", *QUICK)
    assert (run.status, run.failed()) == (1, [("batch", "V_BATCH")])
    assert "declared dynamic" in run.row("batch")["message"]
    assert "Reshape" in run.row("batch")["message"]


def test_a_dynamic_model_that_mixes_its_samples(gate: Callable, save: Callable) -> None:
    run = gate(f"--onnx-model={save(graphs.mixes_samples())}", *QUICK)
    assert (run.status, run.failed()) == (1, [("batch", "V_BATCH")])


def test_a_model_that_differs_between_two_runs(gate: Callable, save: Callable) -> None:
    run = gate(f"--onnx-model={save(graphs.unstable())}", *QUICK)
    assert run.status == 1
    assert ("contract", "V_UNSTABLE") in run.failed()


def test_models_with_other_inputs_cannot_be_compared(gate: Callable, save: Callable, shipped: Path) -> None:
    other = save(graphs.mlp(), "other.onnx")
    run = gate(f"--onnx-model={shipped}/slim-320.onnx", f"--onnx-reference={other}", *QUICK)
    assert run.failed() == [("parity", "V_CONTRACT")]
    assert "input" in run.row("parity")["message"]
