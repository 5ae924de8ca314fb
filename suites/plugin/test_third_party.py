"""A third party adds a backend without touching us: the example of docs/backends.md, installed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from suites.plugin.pythonpath import before

DOCS = Path(__file__).parents[2] / "docs" / "backends.md"


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """A folder for PYTHONPATH with the documented backend, its test and the metadata of its distribution."""
    site = tmp_path / "site"
    info = site / "ort_basic-0.1.dist-info"
    info.mkdir(parents=True)
    text = DOCS.read_text(encoding="utf-8")
    for language, code in re.findall(r"```(python|toml)\n(.*?)```", text, re.DOTALL):
        if language == "python":
            name = re.match(r"# (\w+\.py)\n", code)
            assert name, code
            if "ort_basic" in name.group(1):  # the others are of the kit for sources
                (site / name.group(1)).write_text(code, encoding="utf-8")
        else:
            (info / "entry_points.txt").write_text(as_ini(code), encoding="utf-8")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ort-basic\nVersion: 0.1\n", encoding="utf-8")
    return site


def as_ini(toml: str) -> str:
    """``pyproject.toml``'s table of entry points as an installer writes it."""
    import tomllib

    groups = tomllib.loads(toml)["project"]["entry-points"]
    lines = []
    for group, points in groups.items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in points.items())]
    return "\n".join(lines)


def test_documented_backend_conforms(example: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_ort_basic.py"]
    done = subprocess.run(
        command,
        cwd=example,
        env={**os.environ, "PYTHONPATH": before(example)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^3\d passed", done.stdout, re.MULTILINE)
    assert "skipped" not in done.stdout


def test_documented_backend_runs_the_built_in_checks(gate: Callable[..., object], example: Path, shipped: Path) -> None:
    run = gate(
        "--onnx-backend=ort-basic,ort-cpu",
        f"--onnx-model={shipped / 'slim-320.onnx'}",
        "-k",
        "structure or contract or parity",
        env={"PYTHONPATH": before(example)},
    )
    assert run.status == 0, run.out
    assert run.row("contract", "ort-basic")["verdict"] == "passed"
    parity = run.row("parity", "ort-basic")
    assert (parity["verdict"], parity["reference"]) == ("passed", "ort-cpu")


def test_unknown_backend_names_the_third_party_one(gate: Callable[..., object], example: Path, shipped: Path) -> None:
    run = gate(
        "--onnx-backend=ort-basik",
        f"--onnx-model={shipped / 'slim-320.onnx'}",
        env={"PYTHONPATH": before(example)},
    )
    assert run.status == 4
    assert "did you mean 'ort-basic'?" in run.out
