"""The checks that a test's markers declare, run after its body."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

import pytest

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.specs import SourceSpec
from pytest_onnxaccel.plugin.faults import one_line
from pytest_onnxaccel.plugin.fixtures.backend_handle import BackendHandle, backend_of
from pytest_onnxaccel.plugin.fixtures.frozen import frozen_of
from pytest_onnxaccel.plugin.fixtures.handles import FrozenBatch, OnnxModel, model_of
from pytest_onnxaccel.plugin.items import folding, preprocessing
from pytest_onnxaccel.plugin.items.results import conclude, record
from pytest_onnxaccel.plugin.markers import requests as markers
from pytest_onnxaccel.plugin.markers import table as marker_table
from pytest_onnxaccel.plugin.markers.requests import BatchRequest, LatencyRequest, ParityRequest
from pytest_onnxaccel.plugin.options import names as known
from pytest_onnxaccel.plugin.options.with_options import completed
from pytest_onnxaccel.plugin.state import State
from pytest_onnxaccel.runner.request import UNOPTIMIZED, Request


def run_marked(state: State, item: pytest.Item) -> None:
    """Run every check that a marker of *item* declares, record the results, and end the test by them."""
    __tracebackhide__ = True
    declared = markers.closest(item, "preprocessing_parity")
    results = []
    if declared is not None:
        results.append(record(item, preprocessing.check(state, preprocessing.named(declared, item), item)))
    folded = markers.closest(item, "fold_in")
    if folded is not None:
        results.append(record(item, folding.check(state, folding.named(folded, item))))
    if not marker_table.marked(item, of_models=True):
        conclude(results, state.settings.inconclusive)
        return
    with one_line(item.config):
        model, backend, batch = _given(state, item)
    latency = state.spec(model.name).budget.inconclusive
    with one_line(item.config):
        requests = list(_requests(state, item, model.name, backend.name, batch))
    for request in requests:
        results.append(record(item, state.run(request)))
        latency = (request.budget and request.budget.inconclusive) or latency
    conclude(results, state.settings.inconclusive, latency, item)


def _given(state: State, item: pytest.Item) -> tuple[OnnxModel | FrozenBatch, BackendHandle, int | None]:
    """Model, backend and batch size as the test's fixtures give them, be they ours or its own."""
    funcargs: Mapping[str, object] = getattr(item, "funcargs", {})
    if missing := [name for name in markers.NEEDED if name not in funcargs]:  # in a worker of pytest-xdist
        raise ConfigError(f"the test's marker needs {' and '.join(missing)}", remedy=markers.needs(item))
    model, backend = model_of(state, funcargs["onnx_model"]), backend_of(state, funcargs["backend"])
    if "frozen_batch" not in funcargs:
        return model, backend, None
    frozen = frozen_of(state, funcargs["frozen_batch"], model)
    # A file of the test's own that has the batch is judged itself
    return (model, backend, frozen.batch_size) if isinstance(frozen, FrozenBatch) else (frozen, backend, None)


def _requests(state: State, item: pytest.Item, model: str, backend: str, batch: int | None) -> Iterator[Request]:
    for name in marker_table.BY_NAME:
        declared = markers.closest(item, name)
        if isinstance(declared, ParityRequest):
            tolerance = None if declared.tolerance == state.spec(model).tolerance.__class__() else declared.tolerance
            reference, source = _reference(state, declared, model, backend, item)
            yield Request(
                model,
                "parity",
                backend,
                reference,
                batch=batch,
                tolerance=tolerance,
                seeds=declared.seeds,
                decision=declared.decision,
                source=source,
                compare=declared.compare,
            )
        elif isinstance(declared, BatchRequest):
            sizes = (batch,) if batch is not None else declared.plan.sizes
            yield Request(model, "batch", backend, sizes=sizes)
        elif isinstance(declared, LatencyRequest):
            yield Request(model, "latency", backend, batch=batch, budget=declared.budget)


def _reference(
    state: State, declared: ParityRequest, model: str, backend: str, item: pytest.Item
) -> tuple[str, SourceSpec | None]:
    """Return the reference of the marker, relative paths from the rootdir; else that of the built-in parity check."""
    named = declared.source or declared.reference
    origin = "@pytest.mark.conversion_parity"
    if declared.reference and known.names_function(declared.reference):
        return declared.reference, known.function_source(declared.reference, origin)
    if named and (declared.source or known.is_path(named)):
        path = os.path.abspath(item.config.rootpath / os.path.expanduser(named))
        if path.lower().endswith(".onnx"):
            return path, None
        return path, completed(SourceSpec(path, named, declared.loader, origin=origin), state.settings)
    if named:
        return named, None
    plan = state.plan(model)
    for candidate, reference in plan.pairs():
        if backend in (candidate, reference):
            return (reference, plan.source) if candidate == backend else (candidate, None)
    return UNOPTIMIZED, None
