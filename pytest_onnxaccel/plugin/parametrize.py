"""Parameters of the fixtures: models, backends and batch sizes, by name, grouped by pytest through session scope."""

from __future__ import annotations

import pytest

from pytest_onnxaccel.plugin.activate import activate
from pytest_onnxaccel.plugin.keys import NO_MODEL
from pytest_onnxaccel.plugin.markers import requests as markers
from pytest_onnxaccel.plugin.markers.requests import BatchRequest
from pytest_onnxaccel.plugin.state import State


def generate(metafunc: pytest.Metafunc) -> None:
    """Parametrize those of our fixtures that the test uses, unless it parametrizes them itself."""
    state = activate(metafunc.config)
    taken = {
        name.strip()
        for mark in metafunc.definition.iter_markers("parametrize")
        for name in (mark.args[0].split(",") if isinstance(mark.args[0], str) else mark.args[0])
    }
    if "onnx_model" in metafunc.fixturenames and "onnx_model" not in taken:
        names = [spec.name for spec in state.settings.models] or [NO_MODEL]
        metafunc.parametrize("onnx_model", names, indirect=True, scope="session")
    if "backend" in metafunc.fixturenames and "backend" not in taken:
        metafunc.parametrize("backend", _backends(state), indirect=True, scope="session")
    if "frozen_batch" in metafunc.fixturenames and "frozen_batch" not in taken:
        sizes = batch_sizes(metafunc, state)
        ids = ["own" if size is None else f"b{size}" for size in sizes]
        metafunc.parametrize("frozen_batch", sizes, ids=ids, indirect=True, scope="session")


def _backends(state: State) -> list[str]:
    """Return backends asked for in settings or by a model, else every registered runtime."""
    asked = [*state.settings.backends, *(name for spec in state.settings.models for name in spec.backends)]
    return list(dict.fromkeys([*(asked or state.runtimes), *state.settings.required]))


def batch_sizes(metafunc: pytest.Metafunc, state: State) -> list[int | None]:
    """Return sizes of the nearest ``batch_size`` marker, else of the settings, else the models' own batch (None)."""
    mark = metafunc.definition.get_closest_marker("batch_size")
    if mark is not None:
        try:
            request = markers.parse(mark)
        except Exception:
            return [None]  # said at the end of collection, with the test's id
        assert isinstance(request, BatchRequest)
        return list(request.plan.sizes)
    declared = [size for spec in state.settings.models for size in spec.batch.sizes]
    return list(dict.fromkeys(declared)) or [None]
