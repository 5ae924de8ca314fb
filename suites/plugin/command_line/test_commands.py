"""``python -m pytest_onnxaccel`` as a user runs it: exit statuses, streams, and no traceback."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Cli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """``cli(*arguments)`` with a cache folder of its own, so that no environment is built."""

    def run(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        own = {"ONNXACCEL_CACHE": str(tmp_path / "cache")}
        base = {k: v for k, v in os.environ.items() if not k.startswith("ONNXACCEL_") and k != "PYTHONPATH"}
        done = subprocess.run(
            [sys.executable, "-m", "pytest_onnxaccel", *arguments],
            env={**base, **own, **env},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert "Traceback" not in done.stdout + done.stderr
        return done

    return run


@pytest.fixture
def site(tmp_path: Path) -> Callable[..., str]:
    """``site(name, version, **files)``: a folder for PYTHONPATH that holds a distribution."""

    def make(name: str, version: str, points: str = "", **modules: str) -> str:
        folder = tmp_path / "site"
        info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[pytest_onnxaccel.backends]\n{points}\n")
        (info / "RECORD").write_text("onnxruntime/__init__.py,,\n" if name.startswith("onnxruntime") else "")
        for module, code in modules.items():
            (folder / f"{module}.py").write_text(code)
        return str(folder)

    return make


CRASH = """
import os
from pytest_onnxaccel.backends.onnxruntime.cpu import OrtCpu

class Crash(OrtCpu):
    name = "acme-crash"
    def load(self, path, options):
        os.abort()
"""


class TestDoctor:
    def test_says_what_runs(self, cli: Cli) -> None:
        done = cli("doctor")
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        assert lines[0].startswith("pytest-onnxaccel ")
        assert any(re.match(r"  ort-cpu +runs \(onnxruntime", line) and "cores)" in line for line in lines)
        number = next(i for i, line in enumerate(lines) if line.startswith("  onnx-tf "))
        assert re.match(r"  onnx-tf +does not run: the isolated environment onnx-tf is not built$", lines[number])
        assert lines[number + 1].strip() == "fix it: python -m pytest_onnxaccel env onnx-tf"
        assert "\x1b" not in done.stdout
        assert done.stderr == ""

    def test_reader_that_has_seen_enough(self, cli: Cli) -> None:
        command = f"set -o pipefail; {sys.executable} -m pytest_onnxaccel doctor --no-probe | true"
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, "")

    def test_json_of_broken_and_crashing_third_parties(self, cli: Cli, site: Callable[..., str]) -> None:
        points = "acme-crash = acme_crash:Crash\nacme-gone = acme_gone:Backend\nacme-dies = acme_dies:Backend"
        folder = site("acme", "2.0", points, acme_crash=CRASH, acme_dies="import os\nos.abort()\n")
        done = cli("doctor", "--json", PYTHONPATH=folder)
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        states = {state["name"]: state for state in found["backends"]}
        assert states["ort-cpu"]["status"] == "runs"
        assert states["acme-crash"]["status"] == "fails"
        assert states["acme-crash"]["reason"].startswith("the runtime died of SIGABRT")
        assert states["acme-gone"]["status"] == "broken"
        assert "No module named 'acme_gone'" in states["acme-gone"]["reason"]
        assert states["acme-dies"]["status"] == "broken"
        assert {states[name]["source"] for name in states if name.startswith("acme")} == {"acme 2.0"}

    def test_two_distributions_of_onnxruntime(self, cli: Cli, site: Callable[..., str]) -> None:
        done = cli("doctor", "--no-probe", PYTHONPATH=site("onnxruntime-gpu", "1.30.0"))
        assert done.returncode == 0, done.stderr
        assert re.search(r"ort-cpu +available \(", done.stdout)
        assert "are installed over each other" in done.stdout
        assert "python -m pip uninstall -y onnxruntime onnxruntime-gpu && " in done.stdout
        assert "by what they say of themselves; 1 problem." in done.stdout

    def test_one_name_twice(self, cli: Cli, site: Callable[..., str]) -> None:
        folder = site("acme", "2.0", "ort-cpu = acme_crash:Crash", acme_crash=CRASH)
        done = cli("doctor", "--no-probe", PYTHONPATH=folder)
        assert "the backend 'ort-cpu' is registered by " in done.stdout
        assert "fix it: python -m pip uninstall -y acme" in done.stdout


class TestEnv:
    def test_path_of_what_is_not_built(self, cli: Cli) -> None:
        done = cli("env", "onnx-tf", "--path")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == "onnx-tf is not built; build it with python -m pytest_onnxaccel env onnx-tf\n"

    def test_path_of_a_named_interpreter(self, cli: Cli) -> None:
        done = cli("env", "onnx-tf", "--path", ONNXACCEL_PYTHON_ONNX_TF=sys.executable)
        assert (done.returncode, done.stdout) == (0, f"{sys.executable}\n")

    def test_named_interpreter_that_is_not_there(self, cli: Cli) -> None:
        done = cli("env", "onnx-tf", "--path", ONNXACCEL_PYTHON_ONNX_TF="/nowhere/python")
        assert done.returncode == 1
        assert done.stderr.startswith("/nowhere/python, named for onnx-tf, is not an interpreter; build it with ")

    @pytest.mark.parametrize("extra", [[], ["--path"], ["--rebuild"]])
    def test_unknown_name(self, cli: Cli, extra: list[str]) -> None:
        done = cli("env", "onx-tf", *extra)
        assert (done.returncode, done.stdout) == (1, "")
        line = "onnxaccel[E_CONFIG] no environment is named 'onx-tf' - did you mean 'onnx-tf'?\n"
        assert done.stderr == line

    def test_no_place_to_build(self, cli: Cli, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        done = cli("env", "onnx-tf", ONNXACCEL_CACHE=str(tmp_path / "file"))
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert "onnxaccel[E_BACKEND]" in done.stderr


@pytest.mark.parametrize(
    "arguments", [[], ["doctr"], ["doctor", "--jsn"], ["env"], ["env", "onnx-tf", "more"], ["doctor", "now"]]
)
def test_wrong_command_line(cli: Cli, arguments: list[str]) -> None:
    done = cli(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: python -m pytest_onnxaccel")


def test_help_names_the_commands(cli: Cli) -> None:
    done = cli("--help")
    assert done.returncode == 0
    assert "doctor" in done.stdout
    assert "env" in done.stdout
