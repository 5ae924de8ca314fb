"""The fixtures. Their parameters are names; what they stand for is opened by the first test that uses it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_onnxaccel.plugin.conversions import Convert
    from pytest_onnxaccel.plugin.handles import BackendHandle, FrozenBatch, OnnxModel
    from pytest_onnxaccel.plugin.roundtrips import RoundTrips

#: Parameter of ``onnx_model`` when the run has no model.
NO_MODEL = "no-model"


@pytest.fixture(scope="session")
def onnx_model(request: pytest.FixtureRequest) -> OnnxModel:
    """A model under test: name, path, inputs, outputs, opset, producer; sample(seed, batch) gives legal inputs."""
    from pytest_onnxaccel.plugin import handles

    return handles.model(request.config, getattr(request, "param", NO_MODEL))


@pytest.fixture(scope="session")
def backend(request: pytest.FixtureRequest) -> BackendHandle:
    """A backend: run(model, inputs) gives the outputs in the declared order."""
    from pytest_onnxaccel.plugin import handles

    return handles.backend(request.config, request.param)


@pytest.fixture(scope="session")
def frozen_batch(request: pytest.FixtureRequest, onnx_model: OnnxModel) -> Iterator[FrozenBatch]:
    """The model frozen to one batch size, as a file that is proven to give what the original gives."""
    from pytest_onnxaccel.plugin import handles

    made = handles.frozen(request.config, onnx_model, request.param)
    yield made
    handles.let_go(made)


@pytest.fixture(scope="session")
def convert(request: pytest.FixtureRequest) -> Convert:
    """A function that converts a source and gives the result as a file, proven, from a cache where it was converted."""
    from pytest_onnxaccel.plugin import conversions

    return conversions.Convert(request.config)


@pytest.fixture(scope="session")
def round_trip(request: pytest.FixtureRequest) -> RoundTrips:
    """A function that takes a source through several conversions and names the first leg that changes it."""
    from pytest_onnxaccel.plugin import roundtrips

    return roundtrips.RoundTrips(request.config)
