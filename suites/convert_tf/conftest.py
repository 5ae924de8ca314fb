"""The conversions need TensorFlow and tf2onnx; those to TensorFlow also the environment onnx-tf."""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_onnxaccel.environments import locate as environment
from pytest_onnxaccel.isolation.limits import Limits
from pytest_onnxaccel.runner.request import RunOptions
from pytest_onnxaccel.runner.sessions.workers.engines import Engines

with contextlib.suppress(ImportError):
    import torch  # noqa: F401  # before TensorFlow: the other way round it has died while it was loaded

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@pytest.fixture(scope="session", autouse=True)
def frameworks() -> None:
    """Skips where they are not installed, unless ``ONNXACCEL_REQUIRE_TENSORFLOW`` is set."""
    for name in ("tensorflow", "tf2onnx"):
        if importlib.util.find_spec(name) is None:
            assert not os.environ.get("ONNXACCEL_REQUIRE_TENSORFLOW"), f"{name} is not installed"
            pytest.skip(f"{name} is not installed: needs the extra tensorflow")


@pytest.fixture(scope="session")
def run_options(tmp_path_factory: pytest.TempPathFactory) -> RunOptions:
    """Options of a run with a cache of its own and patience with a loaded machine."""
    cache = str(tmp_path_factory.mktemp("cache"))
    return RunOptions(cache=cache, limits=Limits(seconds=300), import_paths=(os.getcwd(),))


@pytest.fixture(scope="module")
def engines(run_options: RunOptions) -> Iterator[Engines]:
    """Workers, each framework's started once for a file of tests."""
    made = Engines(run_options)
    yield made
    made.close()


@pytest.fixture(scope="session")
def onnx_tf() -> str:
    """The interpreter of the environment onnx-tf; built when ``ONNXACCEL_REQUIRE_ONNX_TF`` is set."""
    python = environment.interpreter("onnx-tf")
    if python is None and os.environ.get("ONNXACCEL_REQUIRE_ONNX_TF"):
        python = environment.build("onnx-tf")
    if python is None:
        pytest.skip("the environment onnx-tf is not built: python -m pytest_onnxaccel env onnx-tf")
    return python


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the sources of a file of tests."""
    return tmp_path_factory.mktemp("sources")
