"""Reports of a run: several formats, GitHub's summary, a baseline that fails, and commands on kept files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper


@pytest.fixture
def net(save: Callable[..., Path]) -> Path:
    weight = numpy_helper.from_array(np.eye(4, dtype=np.float32), "w")
    node = helper.make_node("MatMul", ["x", "w"], ["y"], name="times")
    shapes = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in "xy"]
    graph = helper.make_graph([node], "g", shapes[:1], shapes[1:], [weight])
    opsets = [helper.make_opsetid("", 17)]
    return save(helper.make_model(graph, opset_imports=opsets, ir_version=onnx.IR_VERSION_2023_5_5), "net.onnx")


CHECKS = ("--onnx-model=net.onnx", "--onnx-backend=ort-cpu", "-q")


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "pytest_onnxaccel", *arguments]
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.usefixtures("net")
def test_several_formats_and_the_job_summary(gate: Callable, tmp_path: Path) -> None:
    github = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")}
    run = gate(*CHECKS, "-k", "structure or contract", "--onnx-report=out.md", "--onnx-report=sub/out.json", env=github)
    assert run.status == 0, run.out
    assert len(run.rows) == 2
    assert (tmp_path / "out.md").read_text() == (tmp_path / "summary.md").read_text()
    assert json.loads((tmp_path / "sub/out.json").read_text()) == run.report
    assert "::error" not in run.out
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    run = gate("--onnx-model=broken.onnx", "--onnx-backend=ort-cpu", "-q", env=github)
    assert run.status == 1
    marks = [line for line in run.out.splitlines() if line.startswith("::error")]
    assert len(marks) == 1, run.out
    assert marks[0].startswith("::error title=E_"), marks
    assert (tmp_path / "summary.md").read_text().count("ONNX models:") == 2
    run = gate(*CHECKS, "-k", "structure", env={**github, "GITHUB_STEP_SUMMARY": str(tmp_path / "no/file")})
    assert run.status == 0
    assert "the job summary cannot be written" in run.out


@pytest.mark.usefixtures("net")
def test_a_baseline(gate: Callable, tmp_path: Path) -> None:
    run = gate(*CHECKS, "-k", "not latency")
    assert run.status == 0, run.out
    old = tmp_path / "old.json"
    old.write_text(json.dumps(run.report))
    run = gate(*CHECKS, "--onnx-baseline=old.json", "--deselect=net.onnx::latency[ort-cpu]")
    assert run.status == 0, run.out
    assert "compared with old.json" in run.out
    assert run.report["comparison"]["worse"] == 0
    lost = {**run.report["results"][0], "check": "contract", "backend": "onnx-tf", "nodeid": "x"}
    old.write_text(json.dumps({**run.report, "results": [*run.report["results"], lost]}))
    run = gate(*CHECKS, "--onnx-baseline=old.json")
    assert run.status == 1, run.out
    assert "worse: contract of net.onnx [onnx-tf] is gone; it was passed" in run.out
    assert run.report["run"]["exit_status"] == 1
    selected = gate(*CHECKS, "--onnx-baseline=old.json", "-k", "structure")
    assert selected.status == 0, selected.out
    assert "not selected in this run" in selected.out
    missing = gate(*CHECKS, "--onnx-baseline=none.json")
    assert missing.status == 4
    assert "the report cannot be read" in missing.out


@pytest.mark.usefixtures("net")
def test_a_manifest_that_names_fewer_models(gate: Callable, tmp_path: Path) -> None:
    """All of the manifest is asked for by a path that holds it: what it no longer names is gone."""
    both = '[models.a]\npath = "net.onnx"\n[models.b]\npath = "net.onnx"\n'
    manifest = tmp_path / "onnxaccel.toml"
    manifest.write_text(both)
    run = gate("--onnx-backend=ort-cpu", ".", "-k", "structure")
    assert run.status == 0, run.out
    assert len(run.rows) == 2, run.out
    kept = {**run.report, "results": [row for row in run.rows if row["check"] == "structure"]}
    (tmp_path / "old.json").write_text(json.dumps(kept))
    manifest.write_text(both.partition("[models.b]")[0])
    for path in ((), (".",)):
        fewer = gate("--onnx-backend=ort-cpu", "--onnx-baseline=old.json", *path)
        assert fewer.status == 1, fewer.out
        assert "worse: structure of b" in fewer.out
    one = gate("--onnx-backend=ort-cpu", "--onnx-baseline=old.json", "net.onnx")
    assert "worse: structure of b" not in one.out


@pytest.mark.usefixtures("net")
def test_the_commands_and_parts_of_a_run(gate: Callable, tmp_path: Path) -> None:
    """Three parts by pytest-split, joined: the rows are those of the whole."""
    fast = (*CHECKS, "-k", "not latency")
    whole = gate(*fast)
    rows = {(r["nodeid"], r["verdict"]) for r in whole.rows}
    names = []
    for part in ("1", "2", "3"):
        names.append(f"part-{part}.json")
        run = gate(*fast, f"--onnx-report={names[-1]}", "--splits=3", f"--group={part}")
        assert run.status == 0, run.out
    done = command(tmp_path, "merge", *names, "-o", "all.json", "-o", "all.md")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "report: all.json\nreport: all.md\n"
    joined = json.loads((tmp_path / "all.json").read_text())
    assert {(r["nodeid"], r["verdict"]) for r in joined["results"]} == rows
    assert joined["summary"] == whole.report["summary"]
    workers = gate(*fast, "-n2")
    assert {(r["nodeid"], r["verdict"]) for r in workers.rows} == rows
    assert command(tmp_path, "compare", "report.json", "all.json").returncode == 0
    done = command(tmp_path, "compare", "all.json", "part-1.json", "-o", "compared.md")
    assert done.returncode == 1
    assert "is gone; it was passed" in done.stdout
    assert "grew worse" in (tmp_path / "compared.md").read_text()
    assert command(tmp_path, "report", "all.json", "-o", "again.json").returncode == 0
    assert (tmp_path / "again.json").read_text() == (tmp_path / "all.json").read_text()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("report", "none.json", "-o", "out.md"), "the report cannot be read"),
        (("report", "r.json", "-o", "out.xls"), "no report format has the extension '.xls'"),
        (("compare", "r.json", "r.json"), "is not a report"),
        (("merge", "r.json", "-o", "no/such\0.json"), "is not a report"),
    ],
)
def test_wrong_commands(tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    (tmp_path / "r.json").write_text("{}")
    done = command(tmp_path, *(word.replace("\0", "") for word in arguments))
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert sorted(os.listdir(tmp_path)) == ["r.json"]
