"""Misspelt ini keys of ours end the run, where pytest warns; models that pytest takes for ids are told how to give."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "test_x.py").write_text("def test_x(): ...\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return tmp_path


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("pytest.ini", "[pytest]\nonnx_models = net.onnx\n"),
        ("pyproject.toml", "[tool.pytest.ini_options]\nonnx_models = ['net.onnx']\n"),
        ("tox.ini", "[pytest]\nonnx_models = net.onnx\n"),
        ("setup.cfg", "[tool:pytest]\nonnx_models = net.onnx\n"),
    ],
)
def test_a_misspelt_key_is_a_usage_error(folder: Path, file: str, text: str) -> None:
    (folder / "pytest.ini").unlink()
    (folder / file).write_text(text)
    status, out = run(folder)
    assert status == 4
    assert f"onnxaccel[E_CONFIG] {file}: onnx_models: no setting has this name - did you mean 'onnx_model'?" in out
    (folder / file).write_text(text.replace("onnx_models", "onnx_backend").replace("net.onnx", "ort-cpu"))
    status, out = run(folder, "-W", "error")
    assert status == 0, out


def test_a_misspelt_override(folder: Path) -> None:
    status, out = run(folder, "-o", "onnx_bakend=ort-cpu")
    assert status == 4
    assert "-o onnx_bakend: no setting has this name - did you mean 'onnx_backend'?" in out
    assert run(folder, "-o", "onnx_backend=ort-cpu")[0] == 0


def test_a_key_of_another_plugin_is_its_own(folder: Path) -> None:
    (folder / "conftest.py").write_text("def pytest_addoption(parser): parser.addini('onnx_other', 'of theirs')\n")
    (folder / "pytest.ini").write_text("[pytest]\nonnx_other = 1\n")
    assert run(folder)[0] == 0


def test_what_another_tool_calls_so_is_not_ours(folder: Path) -> None:
    (folder / "pytest.ini").unlink()
    (folder / "pyproject.toml").write_text("[tool.pytest.ini_options]\naddopts = '-q'\n[tool.x]\nonnx_models = 1\n")
    assert run(folder)[0] == 0


@pytest.mark.parametrize("name", ["a[1].onnx", "a::b.onnx"])
def test_a_name_that_pytest_takes_for_an_id(folder: Path, name: str) -> None:
    from fixtures.graphs import small_cnn

    (folder / name).write_bytes(small_cnn().SerializeToString())
    status, out = run(folder, name)
    assert status == 4
    assert f"give it by --onnx-model='{name}'" in out
    status, out = run(folder, f"--onnx-model={name}", "-k", "structure")
    assert status == 0
    assert "1 passed" in out


def test_two_manifests_are_two_runs(folder: Path) -> None:
    from fixtures.graphs import small_cnn

    for name in ("a", "b"):
        (folder / name).mkdir()
        (folder / name / "net.onnx").write_bytes(small_cnn().SerializeToString())
        (folder / name / "onnxaccel.toml").write_text('[models.net]\npath = "net.onnx"\n')
    first, second = "--onnx-manifest=a/onnxaccel.toml", "--onnx-manifest=b/onnxaccel.toml"
    status, out = run(folder, first, second)
    assert status == 4
    assert "--onnx-manifest is given 2 times: a/onnxaccel.toml, b/onnxaccel.toml - run pytest once for each" in out
    (folder / "pytest.ini").write_text(f"[pytest]\naddopts = {first}\n")
    assert run(folder, second, "-k", "structure")[0] == 0, "the command line replaces addopts"
    assert run(folder, second, second, "-k", "structure")[0] == 0
