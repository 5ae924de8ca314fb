"""What was asked ahead gives the same answers, and whatever goes wrong is told to the caller."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures import graphs, hazards
from pytest_onnxaccel.core.errors import BackendCrashed
from pytest_onnxaccel.core.specs import ModelSpec
from pytest_onnxaccel.isolation.engine import WorkerEngine, graph_request, load_request
from pytest_onnxaccel.isolation.staging.run_folder import Staging
from pytest_onnxaccel.isolation.waiting import ended_within
from pytest_onnxaccel.plugin import prestart as ahead
from pytest_onnxaccel.runner.request import QUIET, RunOptions
from pytest_onnxaccel.runner.sessions.workers.engines import Engines
from pytest_onnxaccel.runner.sessions.workers.prefetch import foresee
from suites.unit.processes import needs_proc, running

pytestmark = needs_proc

ORT = "pytest_onnxaccel.backends.onnxruntime.cpu:OrtCpu"
ALL = frozenset(("structure", "hygiene", "contract", "parity", "batch"))


@pytest.fixture
def engines() -> Iterator[Engines]:
    made = Engines(RunOptions())
    yield made
    made.close()


def saved(folder: Path, model: object = None) -> str:
    path = folder / "m.onnx"
    data = model if isinstance(model, bytes) else (model or graphs.small_cnn()).SerializeToString()  # type: ignore[attr-defined]
    path.write_bytes(data)
    return str(path)


def engine_on(engines: Engines, path: str) -> WorkerEngine:
    """An engine that was asked ahead to inspect, to judge the structure and to load."""
    engine = engines.open("ort-cpu", {}, own=os.path.dirname(path))
    assert isinstance(engine, WorkerEngine)
    graph = [graph_request(name, {"path": path}) for name in ("inspect", "structure")]
    engine.prefetch([*graph, load_request(ORT, path, QUIET)])
    return engine


def test_answers_come_in_order_and_are_those_of_a_plain_call(engines: Engines, tmp_path: Path) -> None:
    path = saved(tmp_path)
    engine = engine_on(engines, path)
    early = [engine.graph("inspect", path=path), engine.graph("structure", path=path)]
    session = engine.load(path, QUIET)
    assert early == [engine.graph("inspect", path=path), engine.graph("structure", path=path)]
    assert [spec.name for spec in session.info.inputs] == ["image"]
    engine.close()


def test_another_order_and_another_question_get_their_own_answers(engines: Engines, tmp_path: Path) -> None:
    path = saved(tmp_path)
    engine = engine_on(engines, path)
    assert engine.graph("hygiene", path=path) is not None  # was not asked ahead
    session = engine.load(path, QUIET)
    assert engine.graph("structure", path=path)["checker"]["ok"]
    assert session.alive
    engine.close()


def test_what_ends_the_worker_is_told_to_who_asks_for_it_alone(engines: Engines, tmp_path: Path) -> None:
    path = saved(tmp_path, hazards.div_crash())
    engine = engine_on(engines, path)
    assert engine.graph("structure", path=path)["checker"]["ok"]
    with pytest.raises(BackendCrashed, match="SIGFPE"):
        engine.load(path, QUIET)
    assert engine.graph("inspect", path=path)["nodes"] == 1  # a fresh worker
    engine.close()


def test_a_death_in_vain_is_nobodys(engines: Engines, tmp_path: Path) -> None:
    path = saved(tmp_path, hazards.div_crash())
    engine = engine_on(engines, path)
    assert engine.graph("hygiene", path=path) is not None  # behind the load that kills the worker
    with pytest.raises(BackendCrashed, match="SIGFPE"):
        engine.load(path, QUIET)
    engine.close()


def test_what_is_forgotten_is_asked_again(engines: Engines, tmp_path: Path) -> None:
    path = saved(tmp_path)
    engine = engine_on(engines, path)
    engine.graph("inspect", path=path)
    engine.forget_prefetched()
    Path(path).write_bytes(b"\x08")
    assert engine.graph("structure", path=saved(tmp_path))["checker"]["ok"]
    engine.close()


def test_foresight_is_for_models_that_can_be_taken_in_by_backends_of_this_interpreter(
    engines: Engines, tmp_path: Path
) -> None:
    spec = ModelSpec("m", saved(tmp_path), "m.onnx")
    found = foresee(engines, spec, 0, ["ort-cpu"], ALL)
    assert found is not None
    assert found.engine.graph("inspect", path=found.staged.path)["nodes"] > 0
    found.engine.close()
    assert foresee(engines, ModelSpec("m", str(tmp_path / "gone.onnx"), "gone.onnx"), 1, ["ort-cpu"], ALL) is None
    assert foresee(engines, spec, 2, ["onnx-tf"], ALL) is None


def test_a_child_that_ends_is_waited_for_and_one_that_does_not_is_told(tmp_path: Path) -> None:
    quick = subprocess.Popen([sys.executable, "-c", "pass"])
    assert ended_within(quick, 30)
    assert quick.returncode == 0
    slow = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"])
    assert not ended_within(slow, 0.01)
    slow.kill()
    assert ended_within(slow, 30)
    assert ended_within(slow, 0)  # more than once


@pytest.mark.parametrize(
    ("arguments", "started"),
    [
        (["--onnx-model=m.onnx"], True),
        (["--onnx-model", "m.onnx", "-q"], True),
        (["--onnx-model=m.onnx", "--collect-only"], False),
        (["--onnx-model=m.onnx", "-n", "2"], False),
        (["tests"], False),
    ],
)
def test_a_hint_starts_a_worker_that_can_be_dropped(
    arguments: list[str], started: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["pytest", *arguments])
    made: list[Staging] = []
    monkeypatch.setattr(ahead, "_hinted", made)
    ahead.start_at_a_hint()
    assert bool(made) is started
    started_ahead = [found for staging in made for found in (staging._spare, staging._server) if found is not None]
    pids = [found.pid for found in started_ahead]
    assert len(pids) == started
    ahead.drop_hinted()
    assert made == []
    assert not any(running(pid) for pid in pids)
