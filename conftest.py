"""Test configuration of the project itself."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Runs of pytest that tests start must not write into the summary of the job that runs the tests
for _name in ("GITHUB_STEP_SUMMARY", "GITHUB_ACTIONS"):
    os.environ.pop(_name, None)

pytest_plugins = ["pytester", "suites.rounding.switch"]


@pytest.fixture(scope="session")
def models_folder() -> Path:
    """The real models that ``ONNXACCEL_MODELS`` names; tests of them are skipped without it."""
    folder = os.environ.get("ONNXACCEL_MODELS")
    if not folder:
        pytest.skip("ONNXACCEL_MODELS does not name the folder of the real models")
    return Path(folder)


@pytest.fixture(scope="session")
def shipped() -> Path:
    """The folder of the models that the project ships."""
    return Path(__file__).parent / "fixtures" / "models"
