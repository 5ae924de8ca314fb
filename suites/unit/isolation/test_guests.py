"""Two backends over one worker: each speaks for itself, and they end together."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest

from fixtures import graphs
from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.core.errors import BackendCrashed, ModelError
from pytest_onnxaccel.isolation.engine import WorkerEngine
from suites.unit.isolation.hosting import ORT, Start
from suites.unit.processes import needs_proc

pytestmark = needs_proc
EVALUATOR = "pytest_onnxaccel.backends.reference:ReferenceBackend"
FEEDS = {"image": np.random.default_rng(0).random((1, 3, 8, 8), np.float32)}


def saved(folder: Path) -> str:
    path = folder / "m.onnx"
    path.write_bytes(graphs.small_cnn().SerializeToString())
    return str(path)


def test_both_run_the_model_in_one_process(start: Start, tmp_path: Path) -> None:
    engine = WorkerEngine(ORT, start)
    guest = engine.beside(EVALUATOR, "reference")
    path = saved(tmp_path)
    found = [one.load(path, LoadOptions()).run(FEEDS) for one in (engine, guest)]
    for name, array in found[0].items():
        np.testing.assert_allclose(array, found[1][name], rtol=1e-4, atol=1e-5)
    assert guest.graph("inspect", path=path) == engine.graph("inspect", path=path)


def test_each_is_named_for_what_went_wrong_in_it(start: Start, tmp_path: Path) -> None:
    engine = WorkerEngine(ORT, start)
    guest = engine.beside(EVALUATOR, "reference")
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"\x08")
    for one, name in ((engine, "ort-cpu"), (guest, "reference")):
        with pytest.raises(ModelError) as caught:
            one.load(str(broken), LoadOptions())
        assert caught.value.where == f"load, {name}"


def test_they_end_together_and_are_started_again_together(start: Start, tmp_path: Path) -> None:
    engine = WorkerEngine(ORT, start)
    guest = engine.beside(EVALUATOR, "reference")
    path = saved(tmp_path)
    ours, theirs = engine.load(path, LoadOptions()), guest.load(path, LoadOptions())
    os.kill(engine._host.worker.pid, signal.SIGKILL)
    with pytest.raises(BackendCrashed, match=r"died of SIGKILL \(run, reference\)"):
        theirs.run(FEEDS)
    assert not any(one.alive for one in (engine, guest))
    with pytest.raises(BackendCrashed, match="its worker is gone"):
        ours.run(FEEDS)
    assert set(guest.load(path, LoadOptions()).run(FEEDS)) == set(engine.load(path, LoadOptions()).run(FEEDS))
