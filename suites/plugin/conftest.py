"""Runs pytest as a user does: another process, another folder, the installed plugin."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pytest_onnxaccel.core.lookup import registry
from pytest_onnxaccel.plugin.options.read_settings import read_settings
from pytest_onnxaccel.plugin.options.settings import Settings
from suites.plugin.probe import Probe, Read


@dataclass(frozen=True)
class Run:
    """A finished run of pytest.

    Attributes:
        rows: the ``results`` of its JSON report, when it wrote one.
    """

    status: int
    out: str
    report: dict[str, Any]
    folder: Path

    @property
    def rows(self) -> list[dict[str, Any]]:
        return list(self.report.get("results", []))

    def row(self, check: str, backend: str = "", model: str = "") -> dict[str, Any]:
        """The one row of *check* (on *backend*, of *model*)."""
        found = [
            r
            for r in self.rows
            if r["check"] == check and (not backend or r["backend"] == backend) and (not model or r["model"] == model)
        ]
        assert len(found) == 1, f"{len(found)} rows of {check} {backend}: {found}\n{self.out}"
        return found[0]

    def failed(self) -> list[tuple[str, str]]:
        """(check, code) of every failed row."""
        return [(r["check"], r["code"]) for r in self.rows if r["verdict"] == "failed"]

    def verdicts(self) -> dict[str, str]:
        """Verdict by node id."""
        return {r["nodeid"]: r["verdict"] for r in self.rows}


@pytest.fixture
def gate(tmp_path: Path) -> Callable[..., Run]:
    """``gate(*arguments)``: pytest in *tmp_path*, with a JSON report."""

    def run(*arguments: str | Path, env: dict[str, str] | None = None, seconds: float = 300, folder: str = "") -> Run:
        report = tmp_path / "report.json"
        report.unlink(missing_ok=True)
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--onnx-report={report}"]
        done = subprocess.run(
            [*command, *map(str, arguments)],
            cwd=tmp_path / folder,
            env={**os.environ, "COLUMNS": "160", **(env or {})},
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        data = json.loads(report.read_text()) if report.exists() else {}
        return Run(done.returncode, done.stdout + done.stderr, data, tmp_path)

    return run


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """``save(model, name)``: an ONNX model as a file in *tmp_path*."""

    def write(model: Any, name: str = "model.onnx") -> Path:
        path = tmp_path / name
        path.write_bytes(model.SerializeToString())
        return path

    return write


@pytest.fixture
def alone(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with a manifest to name, a fixed set of backends, and no installed plugins in inner runs."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setattr(registry, "names", lambda group: ("onnx-tf", "ort-cpu", "ort-cuda", "reference"))
    (pytester.path / "m.toml").write_text('[models.declared]\npath = "a.onnx"\n')


@pytest.fixture
def read(pytester: pytest.Pytester) -> Read:
    def read(*arguments: str) -> Settings:
        pytester.plugins = [Probe()]
        return read_settings(pytester.parseconfig(*arguments))

    return read
