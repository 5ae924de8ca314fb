"""Repositories of users (``fixtures/repositories``): own fixtures in every form, ids, several manifests, layouts."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

ROOT = Path(__file__).parents[2] / "fixtures" / "repositories"
NAMES = sorted(file.parent.name for file in ROOT.glob("*/arguments.txt"))
#: What no run of a user may show.
UGLY = ("INTERNALERROR", "pytest_onnxaccel/plugin/", "ScopeMismatch", "duplicate parametrization", "StopIteration")


def build(path: Path, factor: float) -> None:
    weights = numpy_helper.from_array(np.full((4, 3), factor, np.float32), "w")
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", size]) for name, size in (("x", 4), ("y", 3))]
    nodes = [helper.make_node("MatMul", ["x", "w"], ["m"]), helper.make_node("Relu", ["m"], ["y"])]
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], [weights])
    path.parent.mkdir(exist_ok=True)
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), path)


@pytest.fixture
def repository(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    folder = tmp_path / "repository"
    shutil.copytree(ROOT / request.param, folder)
    for name, factor in (("net.onnx", 1), ("other.onnx", 2), ("unoptimized.onnx", 1), ("models/third.onnx", 3)):
        build(folder / name, factor)
    if not (folder / "pytest.ini").exists():
        (folder / "pytest.ini").write_text("[pytest]\n")
    return folder


def run(folder: Path, *more: str) -> tuple[int, str, list[str]]:
    """Exit status, output, and the rows of the report as ``CHECK MODEL BACKEND VERDICT``."""
    arguments = shlex.split((folder / "arguments.txt").read_text())
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--onnx-report=report.json", *arguments, *more]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    report = folder / "report.json"
    rows = json.loads(report.read_text())["results"] if report.exists() else []
    told = [f"{row['check']} {row['model']} {row['backend']} {row['verdict']}" for row in rows]
    return done.returncode, done.stdout + done.stderr, told


@pytest.mark.parametrize("repository", NAMES, indirect=True)
def test_it_runs_as_its_user_expects(repository: Path) -> None:
    status, out, rows = run(repository)
    expected = (repository / "expected.txt").read_text().splitlines()
    assert status == ("failed" in expected[0]), out
    for line in expected:
        is_row = re.fullmatch(r"[a-z]+ \S+ \S+ (passed|failed)", line)
        assert line in (rows if is_row else out), f"{line!r} is missing:\n{out}\n{rows}"
    assert not [word for word in UGLY if word in out], out


@pytest.mark.parametrize("repository", ["wrapped", "extended", "own-params", "argument"], indirect=True)
def test_workers_of_xdist_see_the_same(repository: Path) -> None:
    alone = run(repository)
    shared = run(repository, "-n", "2")
    assert (alone[0], sorted(alone[2])) == (shared[0], sorted(shared[2])), shared[1]


@pytest.mark.parametrize("repository", ["indirect"], indirect=True)
@pytest.mark.parametrize(
    ("value", "cause"),
    [
        ('"backend", ["ort_cpu"]', "no backend is named 'ort_cpu' - did you mean 'ort-cpu'?"),
        ('"onnx_model", ["nett.onnx"]', "'nett.onnx' is not a model of this run"),
    ],
)
def test_a_wrong_indirect_name_is_a_usage_error(repository: Path, value: str, cause: str) -> None:
    (repository / "test_net.py").write_text(
        f"import pytest\n\n@pytest.mark.parametrize({value}, indirect=True)\ndef test_x(onnx_model, backend): ...\n"
    )
    status, out, _ = run(repository)
    assert status == 4, out
    assert cause in out
    assert "Traceback" not in out
