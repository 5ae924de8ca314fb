"""A small model in each backend, computed; skipped where the backend does not run."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_onnxaccel.backends.protocol import Session
from pytest_onnxaccel.core.specs import ModelInfo, SourceSpec, TensorSpec
from pytest_onnxaccel.runner.request import QUIET
from pytest_onnxaccel.runner.sessions.model_session import ModelSession
from pytest_onnxaccel.runner.sessions.source import open_source
from pytest_onnxaccel.runner.sessions.workers.engines import Engines

#: Told the staged file, and the folder that its worker may write in.
Plan = Callable[[str, str], None]


def loaded(backend: str, engines: Engines, model_session: ModelSession, folder: Path, plan: Plan) -> Session:
    """A session of *backend* that has computed its model; *plan* is made before anything is loaded."""
    found = engines.availability(backend)
    if not found.ok:
        assert backend != "reference", found.reason
        pytest.skip(f"{backend} does not run here: {found.reason}")
    if engines.backend(backend).role == "source":
        return _source(backend, engines, folder, plan)
    kept = engines.backend(backend).keep_worker
    own = os.path.join(engines.folder, f"worker-000-{backend}") if kept else model_session.folder
    os.makedirs(own, exist_ok=True)
    plan(model_session.path, own)
    ready = model_session.ready(backend)
    assert all(np.isfinite(value).all() for value in ready.resolved.outputs.values())
    return ready.session


def _source(backend: str, engines: Engines, folder: Path, plan: Plan) -> Session:
    path, inputs, outputs, expected = SOURCES[backend](folder)
    source = SourceSpec(str(path), path.name)
    own = os.path.join(engines.folder, f"worker-000-{backend}")
    os.makedirs(own, exist_ok=True)
    plan(engines.conversions.stage(source).path, own)
    info = ModelInfo(10, {"ai.onnx": 15}, "tests", inputs, outputs, "n", 1, 0)
    session = open_source(source, backend, engines.open(backend, {}), QUIET, info, engines)
    x = np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3)
    (found,) = session.run({inputs[0].name: x}).values()
    np.testing.assert_allclose(found, expected(x), atol=1e-5)
    return session


def _torch(folder: Path) -> Any:
    torch = pytest.importorskip("torch")
    net = torch.jit.script(torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU()))
    net.save(str(folder / "net.pt"))
    specs = (TensorSpec("x", "float32", ("n", 3)),), (TensorSpec("y", "float32", ("n", 2)),)
    return folder / "net.pt", *specs, lambda x: net(torch.from_numpy(x)).detach().numpy()


def _tensorflow(folder: Path) -> Any:
    pytest.importorskip("tensorflow")
    from suites.convert_tf import sources

    specs = (TensorSpec("x:0", "float32", ("n", 3)),), (TensorSpec("scores:0", "float32", ("n", 2)),)
    return sources.frozen(folder / "net.pb"), *specs, sources.expected


SOURCES = {"torch": _torch, "tensorflow": _tensorflow}
