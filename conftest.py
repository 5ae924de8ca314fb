"""Test configuration of the project itself."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_onnxaccel.runner.sessions.workers.engines import Engines

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


@pytest.fixture(scope="module")
def engines() -> Iterator[Engines]:
    """Backends in the pytest process, for verdicts on many small models; no failure is looked into."""
    from pytest_onnxaccel.runner.request import RunOptions
    from pytest_onnxaccel.runner.sessions.workers.engines import Engines

    made = Engines(RunOptions(in_process=True, localise=False))
    yield made
    made.close()
