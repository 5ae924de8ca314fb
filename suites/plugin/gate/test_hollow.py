"""Outputs that show nothing, from the command line: another model fails, the same passes, zeros decide nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from onnx import ModelProto, TensorProto, helper

from fixtures.graphs.encoders import encoder

FAST = ("--onnx-backend=ort-cpu", "-k", "parity or batch", "-W", "ignore")


@pytest.fixture
def models(save: Callable) -> None:
    save(encoder(0), "encoder.onnx")
    save(encoder(1), "random.onnx")
    save(encoder(0, gemm=True), "twin.onnx")
    save(encoder(0, pooler=True), "pooled.onnx")


def manifest(value: str = "", reach: str = "", model: str = "encoder.onnx") -> str:
    given = f"[models.m.inputs.attention_mask]\nvalue = {value}\n" if value else ""
    return f'[models.m]\npath = "{model}"\n{reach}\n{given}'


@pytest.mark.usefixtures("models")
def test_another_model_fails(gate: Callable) -> None:
    run = gate("--onnx-model=random.onnx", "--onnx-reference=encoder.onnx", *FAST)
    assert run.row("parity")["code"] == "V_PARITY"


@pytest.mark.usefixtures("models")
def test_the_same_model_passes_and_says_what_was_reached(gate: Callable) -> None:
    run = gate("--onnx-model=twin.onnx", "--onnx-reference=encoder.onnx", *FAST)
    assert run.status == 0, run.out
    row = run.row("parity")
    assert row["verdict"] == "passed"
    assert row["message"].endswith("the inputs reach 100 % of the weights")
    assert row["figures"]["reach"]["file"] == "encoder.onnx"
    assert run.row("batch")["figures"]["reach"]["share"] == 1
    assert "100 %" in run.out


@pytest.mark.usefixtures("models")
def test_a_mask_of_zeros_decides_nothing(gate: Callable, tmp_path: Path) -> None:
    (tmp_path / "onnxaccel.toml").write_text(manifest("0"))
    run = gate(*FAST)
    for check in ("parity", "batch"):
        row = run.row(check)
        assert (row["verdict"], row["code"]) == ("inconclusive", "V_HOLLOW")
        assert "output 'sentence' is 0 everywhere" in row["message"]
        assert "input 'attention_mask' (0 everywhere)" in row["message"]
    assert "V_HOLLOW" in run.out


@pytest.mark.usefixtures("models")
def test_rows_of_the_table_that_nobody_read_are_told_and_more_samples_read_more(gate: Callable) -> None:
    run = gate("--onnx-model=encoder.onnx", *FAST)
    row = run.row("parity")
    rows = row["figures"]["coverage"]["rows"]["words.weight"]
    assert 30 < rows["read"] <= rows["of"] == 60
    further = row["figures"]["coverage"]["further_samples"]
    assert further > 0
    # A light model that has limits: a quiet sample and 24 loud ones in addition
    assert row["figures"]["samples"] == 3 + further + 25


@pytest.mark.usefixtures("models")
def test_a_reach_that_is_asked_for(gate: Callable, tmp_path: Path) -> None:
    (tmp_path / "onnxaccel.toml").write_text(manifest(reach="reach = 0.99", model="pooled.onnx"))
    run = gate(*FAST)
    row = run.row("parity")
    assert (row["verdict"], row["code"]) == ("inconclusive", "V_HOLLOW")
    assert "square" in row["message"]
    assert any("else branch of pool never ran" in note for note in run.row("batch")["notes"])


def test_a_model_without_weights_has_no_reach(gate: Callable, save: Callable) -> None:
    run = gate(f"--onnx-model={save(doubled())}", *FAST)
    assert run.status == 0, run.out
    assert run.row("parity")["figures"]["reach"]["share"] is None
    assert "of the weights" not in run.out


def doubled() -> ModelProto:
    """``x + x``: nothing in it can be moved."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Add", ["x", "x"], ["y"])], "doubled", [x], [y])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
