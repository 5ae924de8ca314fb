"""Markers on methods of ``unittest.TestCase`` that lack fixtures; the others are in fixtures/repositories."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def pytest_run(folder: Path, *arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


METHOD = """
import unittest, pytest
class TestNet(unittest.TestCase):
    @pytest.mark.conversion_parity
    def test_parity(self): ...
"""


def test_a_method_without_the_fixtures_is_told_how_to_ask_for_them(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_net.py").write_text(METHOD)
    status, out = pytest_run(tmp_path)
    assert status == 4
    assert 'add @pytest.mark.usefixtures("onnx_model", "backend")' in out
    status, out = pytest_run(tmp_path, "-n1")
    assert status == 1
    assert 'add @pytest.mark.usefixtures("onnx_model", "backend")' in out
    assert "pytest_onnxaccel/" not in out
