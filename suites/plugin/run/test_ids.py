"""Ids: what pytest prints can be run, selected and deselected; a model is an argument of pytest like any file."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from fixtures import graphs


@pytest.fixture
def pytest_in(tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """``pytest_in(*arguments, folder="")``: exit status and output of a run over two models and a test."""
    (tmp_path / "models").mkdir()
    for name in ("models/net.onnx", "models/other.onnx"):
        onnx.save(graphs.small_cnn(), tmp_path / name)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_own.py").write_text("def test_own(): pass\n")

    def run(*arguments: str, folder: str = "") -> tuple[int, str]:
        command = [sys.executable, "-m", "pytest", "--onnx-backend=ort-cpu", *arguments]
        done = subprocess.run(command, cwd=tmp_path / folder, capture_output=True, text=True, timeout=300, check=False)
        return done.returncode, done.stdout + done.stderr

    return run


def ids(out: str) -> list[str]:
    return re.findall(r"^(\S+::\S+)(?: PASSED|$)", out, re.MULTILINE)


def test_a_printed_id_can_be_run(pytest_in: Callable[..., tuple[int, str]]) -> None:
    _, out = pytest_in("--onnx-model=models/net.onnx", "-v", "-k", "structure or parity")
    assert ids(out) == ["models/net.onnx::structure", "models/net.onnx::parity[ort-cpu~unoptimized]"], out
    for name in ids(out):
        status, again = pytest_in(name, "-v")
        assert (status, ids(again)) == (0, [name]), again
    status, out = pytest_in("models/net.onnx", "--deselect=models/net.onnx::parity", "--co", "-q", "-m", "not latency")
    assert ids(out) == [
        f"models/net.onnx::{check}" for check in ("structure", "contract[ort-cpu]", "hygiene", "batch[ort-cpu]")
    ]


def test_from_a_subfolder_ids_are_relative_to_it(pytest_in: Callable[..., tuple[int, str]]) -> None:
    status, out = pytest_in("net.onnx::structure", "-v", folder="models")
    assert (status, ids(out)) == (0, ["net.onnx::structure"]), out


def test_no_model_is_collected_uninvited(pytest_in: Callable[..., tuple[int, str]]) -> None:
    status, out = pytest_in("-q", ".")
    assert status == 0, out
    assert "1 passed" in out


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_an_argument_and_an_option_of_one_file(
    pytest_in: Callable[..., tuple[int, str]], workers: tuple[str, ...]
) -> None:
    """The argument says which checks; the option adds the other model whole."""
    arguments = ("models/net.onnx::structure", "--onnx-model=models/net.onnx", "--onnx-model=models/other.onnx")
    status, out = pytest_in(*arguments, "-k", "structure or hygiene", *workers)
    assert status == 0, out
    assert "3 passed" in out


@pytest.mark.parametrize(
    ("arguments", "passed"),
    [
        (("test_own.py::test_own",), 1),
        (("test_own.py::test_own", "-n", "2"), 1),
        (("models/net.onnx::structure",), 1),
        (("models/net.onnx::structure", "test_own.py::test_own"), 2),
        (("models/net.onnx",), 6),
        # Files and folders of tests stand for the run that an ini file is about
        (("test_own.py", "-k", "structure or own"), 3),
        ((".", "-k", "structure or own"), 3),
        (("models/net.onnx::structure", "test_own.py", "-k", "structure or own"), 3),
        # What the command line names is meant for this run
        (("test_own.py::test_own", "--onnx-model=models/net.onnx", "-k", "structure or own"), 2),
        (("test_own.py::test_own", "-o", "onnx_model=models/net.onnx", "-k", "structure or own"), 2),
    ],
)
def test_single_tests_bring_no_models_of_an_ini_file(
    pytest_in: Callable[..., tuple[int, str]], tmp_path: Path, arguments: tuple[str, ...], passed: int
) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\nonnx_model = models\n")
    status, out = pytest_in(*arguments)
    assert status == 0, out
    assert f"{passed} passed" in out, out


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        (("-m", "onnx"), 12),
        (("-m", "onnx and not latency"), 10),
        (("-m", "parity"), 2),
        (("--onnx-only",), 12),
        ((), 13),
    ],
)
def test_markers_select_the_built_in_checks(
    pytest_in: Callable[..., tuple[int, str]], arguments: tuple[str, ...], count: int
) -> None:
    status, out = pytest_in("--onnx-model=models", "--co", "-q", "--strict-markers", *arguments)
    assert status == 0, out
    assert len(ids(out)) == count, out


def test_what_failed_runs_again_by_lf(pytest_in: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    (tmp_path / "models" / "other.onnx").write_bytes(b"no model")
    status, out = pytest_in("--onnx-model=models", "-k", "structure")
    assert status == 1, out
    status, out = pytest_in("--onnx-model=models", "--lf", "-v")
    assert "models/other.onnx::structure FAILED" in out, out
    assert "net.onnx::structure" not in out


def test_a_manifest_can_be_left_out(pytest_in: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    (tmp_path / "onnxaccel.toml").write_text('[models.net]\npath = "models/net.onnx"\n')
    _, out = pytest_in("--co", "-q")
    assert "models/net.onnx::structure" in out
    status, out = pytest_in("--co", "-q", "--onnx-manifest=none")
    assert (status, ids(out)) == (0, ["test_own.py::test_own"]), out


def test_a_skip_names_the_file_of_the_model(pytest_in: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    number = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [])
    other = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [])
    graph = onnx.helper.make_graph([onnx.helper.make_node("Neg", ["x"], ["y"])], "scalar", [number], [other])
    opset = onnx.helper.make_opsetid("", 17)
    onnx.save(onnx.helper.make_model(graph, opset_imports=[opset], ir_version=8), tmp_path / "models" / "net.onnx")
    status, out = pytest_in("models/net.onnx::contract", "models/net.onnx::batch", "-rs")
    assert status == 0, out
    assert "SKIPPED [1] models/net.onnx: not applicable: the inputs share no batch axis" in out
    assert "pytest_onnxaccel/plugin" not in out
