"""Versions from metadata alone."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pytest_onnxaccel.backends import distributions as installed


def test_versions_of_what_is_there_and_nothing_else() -> None:
    found = installed.versions_of("pytest", "no-such-distribution-as-this")
    assert found == {"pytest": pytest.__version__}


def test_the_runtime_of_this_environment_is_found() -> None:
    import onnxruntime

    assert onnxruntime.__version__ in installed.onnxruntime_distributions().values()


def test_a_distribution_without_its_module_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installed, "find_spec", lambda name: None)
    assert installed.onnxruntime_distributions() == {}


def test_asking_imports_nothing() -> None:
    code = (
        "import sys; from pytest_onnxaccel.backends import distributions as i; i.onnxruntime_distributions(); "
        "print('onnxruntime' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"
