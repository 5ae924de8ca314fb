"""Golden data through whole runs: found beside a model, named, recorded; right, altered, broken, another model's."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from suites.unit.golden_files import write_set

W = np.random.default_rng(21).standard_normal((4, 5)).astype(np.float32)
FEEDS = {"x": np.random.default_rng(3).standard_normal((2, 4)).astype(np.float32), "k": np.array([3])}
#: Whatever a run is about, it is quick.
QUICK = ("--onnx-backend=ort-cpu", "-k", "not latency and not batch")


def top(scale: float = 1.0) -> onnx.ModelProto:
    """The three best of five scores; how many is an input that nobody can make up."""
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["m"]), helper.make_node("TopK", ["m", "k"], ["best", "at"], axis=1)],
        "g",
        [value("x", TensorProto.FLOAT, [2, 4]), value("k", TensorProto.INT64, [1])],
        [value("best", TensorProto.FLOAT, [2, 3]), value("at", TensorProto.INT64, [2, 3])],
        [numpy_helper.from_array(W * np.float32(scale), "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def right() -> dict[str, Any]:
    scores = FEEDS["x"] @ W
    at = np.argsort(-scores, axis=1)[:, :3]
    return {"best": np.take_along_axis(scores, at, 1), "at": at}


def golden_row(run: Any) -> dict[str, Any]:
    found = [row for row in run.rows if row["check"] == "parity" and row["reference"] == "golden"]
    assert len(found) == 1, run.out
    return dict(found[0])


def test_data_beside_a_model_is_what_all_checks_begin_with(gate: Callable, save: Callable, tmp_path: Path) -> None:
    save(top())
    write_set(tmp_path / "test_data_set_0", FEEDS, right())
    run = gate("--onnx-model=model.onnx", *QUICK)
    assert run.status == 0, run.out
    row = golden_row(run)
    assert (row["verdict"], row["figures"]["samples"]) == ("passed", 1)
    assert row["notes"] == ["compared with golden data of test_data_set_0", "compared as ranked (TopK 'best'): at"]
    assert "compared with golden data of test_data_set_0" in run.out
    inputs = run.row("contract")["figures"]["inputs"]
    assert {entry["origin"] for entry in inputs.values()} == {"golden"}


def test_an_altered_output_fails_parity_and_nothing_else(gate: Callable, save: Callable, tmp_path: Path) -> None:
    save(top())
    outputs = right()
    outputs["best"][1, 0] *= np.float32(1.02)
    write_set(tmp_path / "test_data_set_0", FEEDS, outputs)
    run = gate("--onnx-model=model.onnx", *QUICK)
    assert run.failed() == [("parity", "V_PARITY")]
    row = golden_row(run)
    assert row["message"].startswith("output 'best': 16.67% of the elements are past")
    assert any("golden = false" in line for line in row["details"])
    # The rounding of one type at the output's scale, as between engines: not the 2 % that were altered
    assert row["figures"]["outputs"]["best"]["atol"] < 1e-4


def test_a_damaged_model_fails_against_right_outputs(gate: Callable, save: Callable, tmp_path: Path) -> None:
    save(top(1.001))
    write_set(tmp_path / "test_data_set_0", FEEDS, right())
    run = gate("--onnx-model=model.onnx", "--onnx-reference=golden", *QUICK)
    assert run.failed() == [("parity", "V_PARITY")]


def test_a_file_that_is_cut_off_is_one_failure_that_names_it(gate: Callable, save: Callable, tmp_path: Path) -> None:
    save(top())
    folder = write_set(tmp_path / "test_data_set_0", FEEDS, right())
    data = (folder / "output_0.pb").read_bytes()
    (folder / "output_0.pb").write_bytes(data[:-5])
    run = gate("--onnx-model=model.onnx", *QUICK)
    assert run.failed() == [("parity", "E_GOLDEN")]
    assert "onnxaccel[E_GOLDEN] test_data_set_0/output_0.pb: is cut off" in golden_row(run)["message"]
    (warning,) = run.row("contract")["warnings"]
    assert warning.startswith("golden inputs are left out: onnxaccel[E_GOLDEN] test_data_set_0/output_0.pb")


@pytest.mark.parametrize(
    ("feeds", "outputs", "said"),
    [
        ({**FEEDS, "x": FEEDS["x"].astype("f8")}, {}, "input_0.pb: holds float64[2, 4], input 'x' is float32"),
        ({"y": FEEDS["x"], "k": FEEDS["k"]}, {}, "input_0.pb: holds 'y', input 0 of the model is 'x'"),
        ({"x": FEEDS["x"]}, {}, "test_data_set_0: holds 1 inputs, the model takes 2"),
        ({**FEEDS, "x": FEEDS["x"][:1]}, {}, "input_0.pb: holds float32[1, 4], the model declares input x"),
        (FEEDS, {"at": np.zeros((2, 3), "i4")}, "output_1.pb: holds int32[2, 3], output 'at' is int64"),
    ],
)
def test_data_of_another_interface_fails(
    gate: Callable, save: Callable, tmp_path: Path, feeds: Any, outputs: Any, said: str
) -> None:
    save(top())
    write_set(tmp_path / "test_data_set_0", feeds, {**right(), **outputs})
    run = gate("--onnx-model=model.onnx", *QUICK)
    assert run.failed() == [("parity", "V_GOLDEN")]
    assert said in golden_row(run)["message"]


def test_of_two_models_in_a_folder_it_is_the_ones_that_it_fits(gate: Callable, save: Callable, tmp_path: Path) -> None:
    save(top())
    other = helper.make_model(
        helper.make_graph(
            [helper.make_node("Neg", ["a"], ["b"])], "g",
            [helper.make_tensor_value_info("a", TensorProto.FLOAT, [2, 2])],
            [helper.make_tensor_value_info("b", TensorProto.FLOAT, [2, 2])],
        ),
        opset_imports=[helper.make_opsetid("", 17)], ir_version=8,
    )  # fmt: skip
    save(other, "other.onnx")
    write_set(tmp_path / "test_data_set_0", FEEDS, right())
    run = gate("--onnx-model=model.onnx", "--onnx-model=other.onnx", *QUICK)
    assert run.status == 0, run.out
    rows = {row["model"]: row for row in run.rows if row["reference"] == "golden"}
    assert rows["model.onnx"]["verdict"] == "passed"
    assert (rows["other.onnx"]["verdict"], rows["other.onnx"]["code"]) == ("not_applicable", "V_GOLDEN")
    assert "belongs to another model" in rows["other.onnx"]["message"]
    # A damaged file is nobody's alone: it fails here as well
    (tmp_path / "test_data_set_0" / "input_0.pb").write_bytes(b"\xff\xff")
    run = gate("--onnx-model=model.onnx", "--onnx-model=other.onnx", *QUICK)
    assert {code for _, code in run.failed()} == {"E_GOLDEN"}


def test_a_manifest_names_it_or_wants_none(gate: Callable, save: Callable, tmp_path: Path) -> None:
    save(top())
    write_set(tmp_path / "test_data_set_0", FEEDS, {**right(), "best": right()["best"] + 1})
    np.savez(tmp_path / "golden.npz", **FEEDS, **right())
    manifest = tmp_path / "onnxaccel.toml"
    manifest.write_text('[models.top]\npath = "model.onnx"\nbackends = ["ort-cpu"]\ngolden = "golden.npz"\n')
    run = gate("-k", "not latency and not batch")
    assert run.status == 0, run.out
    assert golden_row(run)["notes"] == [
        "compared with golden data in golden.npz", "compared as ranked (TopK 'best'): at",
    ]  # fmt: skip
    assert "asked: golden data golden.npz was judged by 1 check" in run.out
    manifest.write_text('[models.top]\npath = "model.onnx"\nbackends = ["ort-cpu"]\ngolden = false\n')
    run = gate("-k", "structure or parity")
    assert [row["reference"] for row in run.rows if row["check"] == "parity"] == ["unoptimized"]


def test_an_option_names_it(gate: Callable, save: Callable, tmp_path: Path) -> None:
    save(top())
    np.savez(tmp_path / "golden.npz", **FEEDS, **{**right(), "best": right()["best"] + 1})
    run = gate("--onnx-model=model.onnx", "--onnx-golden=golden.npz", "--onnx-reference=golden", *QUICK)
    assert run.failed() == [("parity", "V_PARITY")]
    assert "onnxaccel golden:" in run.out
    run = gate("--onnx-model=model.onnx", "--onnx-golden=golden.npz", "--onnx-atol=2", "--onnx-rtol=0", *QUICK)
    assert run.status == 0, run.out


def test_golden_as_the_reference_without_any_is_a_failure(gate: Callable, save: Callable) -> None:
    save(top())
    run = gate("--onnx-model=model.onnx", "--onnx-reference=golden", *QUICK)
    assert ("parity", "E_GOLDEN") in run.failed()
    assert "there is no golden data" in golden_row(run)["message"]


def test_sets_of_several_sizes_are_all_compared(gate: Callable, save: Callable, tmp_path: Path) -> None:
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Exp", ["a"], ["b"])], "g", [value("a", TensorProto.FLOAT, ["n", "t"])],
        [value("b", TensorProto.FLOAT, ["n", "t"])],
    )  # fmt: skip
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8))
    for number, shape in enumerate([(1, 3), (2, 7), (1, 3)]):
        array = np.random.default_rng(number).random(shape, dtype=np.float32)
        write_set(tmp_path / f"test_data_set_{number}", {"a": array}, {"b": np.exp(array)})
    run = gate("--onnx-model=model.onnx", *QUICK)
    assert run.status == 0, run.out
    row = golden_row(run)
    assert row["figures"]["samples"] == 3
    assert row["notes"] == ["compared with golden data of test_data_set_0, test_data_set_1, test_data_set_2"]
    write_set(tmp_path / "test_data_set_1", {"a": array[:, :2]}, {"b": np.exp(array[:, :2]) + 1})
    assert gate("--onnx-model=model.onnx", *QUICK).failed() == [("parity", "V_PARITY")]


def test_write_records_what_did_not_fail_and_it_is_found_again(gate: Callable, save: Callable, tmp_path: Path) -> None:
    path = save(top(), "top.onnx")
    save(onnx.ModelProto(), "empty.onnx")
    run = gate("--onnx-model=top.onnx", "--onnx-model=empty.onnx", "--onnx-golden=write", *QUICK)
    assert "golden data of empty.onnx was not recorded: structure failed" in run.out
    assert "3 samples of the model itself in ort-cpu" in run.out
    told = json.loads((tmp_path / "top.golden" / "golden.json").read_text())
    assert told["source"] is None
    assert told["by"]["backend"] == "ort-cpu"
    run = gate("--onnx-model=top.onnx", *QUICK)
    assert run.status == 0, run.out
    assert golden_row(run)["figures"]["samples"] == 3
    path.write_bytes(top(1.01).SerializeToString())
    assert gate("--onnx-model=top.onnx", *QUICK).failed() == [("parity", "V_PARITY")]


def test_arrays_of_another_record(gate: Callable, save: Callable, tmp_path: Path) -> None:
    save(top(), "top.onnx")
    assert gate("--onnx-model=top.onnx", "--onnx-golden=write", *QUICK).status == 0
    with (tmp_path / "top.golden" / "golden.npz").open("ab") as file:
        file.write(b"\0")
    run = gate("--onnx-model=top.onnx", *QUICK)
    assert run.failed() == [("parity", "E_GOLDEN")]
    assert "top.golden/golden.json: was not recorded with this golden.npz" in golden_row(run)["message"]


def zipped(scale: float = 1.0) -> onnx.ModelProto:
    """A classifier with a ZipMap, as scikit-learn's converters write it."""
    value, classes = helper.make_tensor_value_info, ["cat", "dog", "ox"]
    linear = helper.make_node(
        "LinearClassifier", ["x"], ["label", "raw"], domain="ai.onnx.ml", classlabels_strings=classes, multi_class=1,
        coefficients=(W[:, :3].T * scale).reshape(-1).tolist(), intercepts=[0.0, 0.1, 0.2], post_transform="SOFTMAX",
    )  # fmt: skip
    maps = helper.make_node("ZipMap", ["raw"], ["chances"], domain="ai.onnx.ml", classlabels_strings=classes)
    chance = helper.make_map_type_proto(TensorProto.STRING, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
    graph = helper.make_graph(
        [linear, maps], "g", [value("x", TensorProto.FLOAT, ["N", 4])],
        [value("label", TensorProto.STRING, ["N"]),
         helper.make_value_info("chances", helper.make_sequence_type_proto(chance))],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def test_a_recorded_zipmap_gates_the_model_and_finds_the_damaged_one(gate: Callable, save: Callable) -> None:
    save(zipped())
    assert gate("--onnx-model=model.onnx", "--onnx-golden=write", *QUICK).status == 0
    run = gate("--onnx-model=model.onnx", "--onnx-reference=golden", *QUICK)
    assert (run.status, golden_row(run)["verdict"]) == (0, "passed"), run.out
    save(zipped(1.3))
    run = gate("--onnx-model=model.onnx", "--onnx-reference=golden", *QUICK)
    row = golden_row(run)
    assert (row["verdict"], row["code"]) == ("failed", "V_PARITY"), run.out
    assert "chances[cat, dog, ox]" in row["message"]
