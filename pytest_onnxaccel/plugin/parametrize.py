"""Parameters of the fixtures: models, backends and batch sizes, by name, grouped by pytest through session scope."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pytest

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.plugin.fixtures.closure import ask_for, has_params, reached
from pytest_onnxaccel.plugin.fixtures.handles import model_path
from pytest_onnxaccel.plugin.keys import NO_MODEL, OURS, PARAMETERS
from pytest_onnxaccel.plugin.markers import requests as markers
from pytest_onnxaccel.plugin.markers.requests import BatchRequest
from pytest_onnxaccel.plugin.options import names as known
from pytest_onnxaccel.plugin.state import State, state_of


def generate(metafunc: pytest.Metafunc) -> None:
    """Give the fixtures of ours that the test reaches their parameters, unless it parametrizes them itself."""
    state = state_of(metafunc.config)
    taken = {name for mark in metafunc.definition.iter_markers("parametrize") for name in names_of(mark)}
    # A pytest_generate_tests of the suite comes before ours; params= of a fixture that extends ours take nothing
    chosen = {name for call in getattr(metafunc, "_calls", ()) for name in call.params} & PARAMETERS.keys()
    taken.update(name for name in chosen if not has_params(metafunc.definition, name))
    names = reached(metafunc)
    wanted = {name for name, held in PARAMETERS.items() if held in names and name not in taken}
    own = "onnx_model" in names and OURS not in names
    if "onnx_model" in wanted and not own:
        models = [spec.name for spec in state.settings.models] or [NO_MODEL]
        _parametrize(metafunc, "onnx_model", models)
    if "backend" in wanted:
        _parametrize(metafunc, "backend", state.backends)
    if "frozen_batch" in wanted:
        sizes = batch_sizes(metafunc, state)
        _parametrize(metafunc, "frozen_batch", sizes, ["own" if size is None else f"b{size}" for size in sizes])


def _parametrize(
    metafunc: pytest.Metafunc, fixture: str, values: Sequence[object], ids: list[str] | None = None
) -> None:
    held = PARAMETERS[fixture]
    ask_for(metafunc, held)
    metafunc.parametrize(held, values, ids=ids, indirect=True, scope="session")


def names_of(mark: pytest.Mark) -> list[str]:
    """Return the arguments that a ``parametrize`` mark gives values to."""
    given = mark.args[0] if mark.args else mark.kwargs.get("argnames", ())
    return [name.strip() for name in (given.split(",") if isinstance(given, str) else given)]


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


def unknown(item: pytest.Item, state: State) -> Iterator[str]:
    """Yield a line for each indirect value of *item* for a fixture of ours that nothing can be made of."""
    params: Mapping[str, object] = getattr(getattr(item, "callspec", None), "params", {})
    names = getattr(item, "fixturenames", ())
    taken = {
        name for mark in item.iter_markers("parametrize") if mark.kwargs.get("indirect") for name in names_of(mark)
    }
    for name in ("onnx_model", "backend"):
        value = params.get(name)
        if name not in taken or PARAMETERS[name] not in names or not isinstance(value, str):
            continue
        try:
            if name == "backend":
                known.backend(value)
            else:
                model_path(state, value, item.path.parent)
        except ConfigError as error:
            yield f"{item.nodeid}: {error.about(name)}"
