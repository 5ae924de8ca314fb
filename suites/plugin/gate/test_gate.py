"""The main job: ``pytest --onnx-model model.onnx`` with no test written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from fixtures import graphs

QUICK = ("--onnx-backend=ort-cpu", "-k", "not latency")


@pytest.mark.parametrize("name", ["rfb-320", "slim-320"])
def test_a_good_detector_passes_every_check(gate: Callable, shipped: Path, name: str) -> None:
    run = gate(f"--onnx-model={shipped / name}.onnx", "--onnx-backend=ort-cpu,reference")
    assert run.status == 0, run.out
    assert {r["verdict"] for r in run.rows} == {"passed"}
    checks = [(r["check"], r["backend"]) for r in run.rows]
    assert checks.count(("structure", "")) == checks.count(("hygiene", "")) == 1
    for check in ("contract", "batch", "latency"):
        assert (check, "ort-cpu") in checks, check
    parity = run.row("parity")
    assert (parity["backend"], parity["reference"]) == ("reference", "ort-cpu")
    assert 0 < parity["figures"]["max_abs"] < 1e-5
    latency = run.row("latency", "ort-cpu")["figures"]
    assert latency["p50_ms"] > 0
    assert latency["p95_ms"] >= latency["p50_ms"]
    assert latency["throughput_per_s"] > 0
    assert f"{name}.onnx" in run.out
    assert "ONNX models" in run.out


def test_one_backend_alone_is_compared_with_its_unoptimized_graph(gate: Callable, save: Callable) -> None:
    run = gate(f"--onnx-model={save(graphs.small_cnn())}", *QUICK)
    assert run.status == 0, run.out
    parity = run.row("parity")
    assert (parity["backend"], parity["reference"], parity["verdict"]) == ("ort-cpu", "unoptimized", "passed")


def test_ids_are_readable_and_select(gate: Callable, save: Callable) -> None:
    path = save(graphs.small_cnn(), "small.onnx")
    run = gate(f"--onnx-model={path}", "--onnx-backend=ort-cpu", "--collect-only", "-q")
    ids = [line for line in run.out.splitlines() if line.startswith("small.onnx::")]
    assert ids == [
        "small.onnx::structure",
        "small.onnx::contract[ort-cpu]",
        "small.onnx::hygiene",
        "small.onnx::parity[ort-cpu~unoptimized]",
        "small.onnx::batch[ort-cpu]",
        "small.onnx::latency[ort-cpu]",
    ]
    run = gate(f"--onnx-model={path}", "--onnx-backend=ort-cpu", "-k", "parity or structure")
    assert sorted(r["check"] for r in run.rows) == ["parity", "structure"]
    assert "6 items" in run.out.replace("collected 6", "6")


def test_models_come_as_files_globs_and_folders(gate: Callable, save: Callable, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    save(graphs.small_cnn(), "sub/a.onnx")
    save(graphs.mlp(), "sub/b.onnx")
    save(graphs.mlp(), "c.onnx")
    run = gate("--onnx-model=sub", "--onnx-model=c*.onnx", "--onnx-backend=ort-cpu", "-k", "structure")
    assert sorted(r["model"] for r in run.rows) == ["a.onnx", "b.onnx", "c.onnx"]
    assert run.status == 0


def test_beside_other_tests(gate: Callable, save: Callable, tmp_path: Path) -> None:
    (tmp_path / "test_other.py").write_text("def test_other(): pass\n")
    run = gate(f"--onnx-model={save(graphs.mlp())}", *QUICK)
    assert "6 passed" in run.out, run.out  # five checks and the other test
    run = gate("test_other.py", f"--onnx-model={save(graphs.mlp())}", *QUICK)
    assert "6 passed" in run.out, run.out


def test_last_failed_runs_only_what_failed(save: Callable, pytester: pytest.Pytester, tmp_path: Path) -> None:
    path = save(graphs.unstable())
    arguments = (f"--onnx-model={path}", "--onnx-backend=ort-cpu", "-k", "not latency")
    first = pytester.runpytest_subprocess(*arguments)
    assert first.ret == 1
    again = pytester.runpytest_subprocess(*arguments, "--lf")
    again.assert_outcomes(failed=first.parseoutcomes()["failed"], deselected=pytest.approx(3, abs=3))
    assert "passed" not in again.parseoutcomes()


def test_exitfirst_stops_at_the_first_failure(gate: Callable, save: Callable) -> None:
    run = gate(f"--onnx-model={save(graphs.unstable())}", *QUICK, "-x")
    assert run.status == 1
    assert [r["check"] for r in run.rows] == ["contract", "structure"] or [r["check"] for r in run.rows] == [
        "structure",
        "contract",
    ]


def test_junit_names_every_check_with_its_figures(gate: Callable, save: Callable, tmp_path: Path) -> None:
    xml = tmp_path / "junit.xml"
    run = gate(f"--onnx-model={save(graphs.small_cnn())}", "--onnx-backend=ort-cpu", f"--junitxml={xml}")
    assert run.status == 0, run.out
    cases = {case.get("name"): case for case in ElementTree.parse(xml).iter("testcase")}
    assert set(cases) == {
        "structure", "hygiene", "contract[ort-cpu]", "parity[ort-cpu~unoptimized]", "batch[ort-cpu]",
        "latency[ort-cpu]",
    }  # fmt: skip
    properties = {p.get("name"): p.get("value") for p in cases["latency[ort-cpu]"].iter("property")}
    assert properties["onnxaccel.verdict"] == "passed"
    assert float(properties["onnxaccel.p50_ms"]) > 0


def test_free_dimensions_of_an_image_get_the_size_of_one(gate: Callable, save: Callable) -> None:
    run = gate(f"--onnx-model={save(graphs.free_dims())}", *QUICK)
    assert run.status == 0, run.out
    row = run.row("contract")
    assert set(row["figures"]["dims"].values()) == {64}
    assert any("=64" in note for note in row["notes"])


def test_texts_come_from_the_categories_of_the_graph(gate: Callable, save: Callable) -> None:
    run = gate(f"--onnx-model={save(graphs.string_input())}", *QUICK)
    assert (run.status, run.row("contract")["verdict"]) == (0, "passed")


def test_inputs_that_cannot_be_guessed_do_not_apply(gate: Callable, save: Callable) -> None:
    run = gate(f"--onnx-model={save(graphs.impossible_dims())}", *QUICK)
    row = run.row("contract")
    assert (row["verdict"], row["code"]) == ("not_applicable", "E_INPUT")
    assert "onnxaccel.toml" in row["message"]
    assert run.row("structure")["verdict"] == "passed"
    # The model was named, and no runtime could judge it
    assert run.status == 1
    assert "V_NOTJUDGED" in run.out


def test_findings_are_warnings_unless_asked_to_fail(gate: Callable, save: Callable) -> None:
    path = save(graphs.unused_initializer())
    run = gate(f"--onnx-model={path}", *QUICK)
    row = run.row("hygiene")
    assert (run.status, row["verdict"]) == (0, "passed")
    assert row["figures"]["by_kind"]["unused-initializer"] == 1
    assert "unused-initializer" in run.out
    run = gate(f"--onnx-model={path}", *QUICK, "--onnx-hygiene=fail")
    assert (run.status, run.failed()) == (1, [("hygiene", "V_HYGIENE")])


def test_a_valid_model_that_no_backend_runs_is_told_apart(gate: Callable, save: Callable) -> None:
    run = gate(f"--onnx-model={save(graphs.custom_op())}", *QUICK)
    assert run.row("structure")["verdict"] == "passed"
    assert run.failed() == [("contract", "E_SCHEMA")]
    assert run.row("parity")["verdict"] == "not_applicable"


def test_an_oracle_that_lacks_an_operator_fails_nothing(gate: Callable, save: Callable) -> None:
    path = save(graphs.ms_op())
    run = gate(f"--onnx-model={path}", "--onnx-backend=ort-cpu,reference", "-k", "parity or contract[ort-cpu]")
    assert run.status == 0, run.out
    assert (run.row("parity")["verdict"], run.row("parity")["code"]) == ("not_applicable", "E_SCHEMA")
    run = gate(f"--onnx-model={path}", "--onnx-backend=ort-cpu,reference", "-k", "parity", "--onnx-require=reference")
    assert (run.status, run.failed()) == (1, [("parity", "E_SCHEMA")])


def test_the_debug_switch_runs_in_this_process(gate: Callable, save: Callable) -> None:
    run = gate(f"--onnx-model={save(graphs.small_cnn())}", *QUICK, "--onnx-in-process")
    assert run.status == 0, run.out
    assert len(run.rows) == 5
