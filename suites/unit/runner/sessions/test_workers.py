"""Which workers a run starts: forked ones, guests, kept ones of one trust; and what is told of them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from fixtures import graphs
from pytest_onnxaccel.backends.protocol import GROUP
from pytest_onnxaccel.core.lookup import registry
from pytest_onnxaccel.core.specs import ModelSpec, SourceSpec
from pytest_onnxaccel.isolation.engine import WorkerEngine
from pytest_onnxaccel.isolation.limits import Limits
from pytest_onnxaccel.isolation.warm.forking import Forked, available
from pytest_onnxaccel.runner.request import RunOptions
from pytest_onnxaccel.runner.sessions import model_session as module
from pytest_onnxaccel.runner.sessions.model_session import ModelSession
from pytest_onnxaccel.runner.sessions.workers.engines import Engines
from pytest_onnxaccel.runner.sessions.workers.trust import trust_of
from pytest_onnxaccel.runner.sessions.workers.worker_counts import WorkerCounts
from suites.unit.processes import needs_proc, running

pytestmark = needs_proc
ROOT = Path(__file__).parents[4]


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Engines]:
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
    made = Engines(RunOptions(limits=Limits(120)))
    yield made
    made.close()


@pytest.fixture
def kept() -> Iterator[None]:
    before = registry.replace(GROUP, "kept", EntryPoint("kept", "suites.unit.runner.kept_backend:Kept", GROUP))
    yield
    registry.replace(GROUP, "kept", before)


def pid_of(engine: object) -> int:
    assert isinstance(engine, WorkerEngine)
    return engine._host.worker.pid


def opened(engines: Engines, folder: Path) -> ModelSession:
    path = folder / "m.onnx"
    path.write_bytes(graphs.small_cnn().SerializeToString())
    return ModelSession(ModelSpec("m", str(path), "m.onnx"), engines, 0, ("ort-cpu", "reference"), 0)


def test_one_process_serves_a_small_model(engines: Engines, tmp_path: Path) -> None:
    model = opened(engines, tmp_path)
    assert model.ready("ort-cpu").session.alive
    assert model.ready("reference").session.alive
    assert pid_of(model.engine("ort-cpu")) == pid_of(model.engine("reference"))
    assert (engines.counts.forked, engines.counts.fresh) == ((1, 0) if available() else (0, 1))
    model.close()


def test_a_guest_outlives_what_the_other_backend_ends(engines: Engines, tmp_path: Path) -> None:
    """Under pytest-xdist another process may be the first to see a runtime die: the evaluator is not to blame."""
    model = opened(engines, tmp_path)
    guest, feeds = model.ready("reference").session, model.ready("reference").resolved.inputs.feeds(0)
    before = guest.run(feeds)
    pid = pid_of(model.engine("ort-cpu"))
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(Exception, match="died of SIGKILL"):
        model.graph("inspect", path=model.path)
    after = guest.run(feeds)
    assert all((after[name] == before[name]).all() for name in before)
    assert pid_of(model.engine("reference")) != pid
    model.close()
    assert not guest.alive


def test_a_large_model_is_run_in_two(engines: Engines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has the whole of the memory limit then."""
    monkeypatch.setattr(module, "_SMALL", 100)
    model = opened(engines, tmp_path)
    assert model.ready("ort-cpu").session.alive
    assert model.ready("reference").session.alive
    assert pid_of(model.engine("ort-cpu")) != pid_of(model.engine("reference"))
    model.close()


@pytest.mark.skipif(not available(), reason="workers are not forked on this system")
def test_a_worker_that_times_is_of_an_interpreter_of_its_own(engines: Engines, tmp_path: Path) -> None:
    """Another process is to be another layout of the memory as well: forks have that of their template."""
    usual = engines.open("ort-cpu", {}, own=str(tmp_path))
    timing = engines.open("ort-cpu", {}, fresh=True, own=str(tmp_path))
    assert isinstance(usual, WorkerEngine)
    assert isinstance(timing, WorkerEngine)
    assert isinstance(usual._host.worker._process, Forked)
    assert not isinstance(timing._host.worker._process, Forked)
    usual.close()
    timing.close()


def test_a_kept_worker_serves_sources_of_one_trust(engines: Engines, kept: None) -> None:
    plain = SourceSpec("/a.pt", "a.pt")
    loaded = SourceSpec("/b.pth", "b.pth", "models:load", ("models.Net",))
    again = SourceSpec("/c.pth", "c.pth", "models:load", ("models.Net",))
    assert trust_of(None) == trust_of(plain) == ()
    first = engines.open("kept", {}, trust=trust_of(plain))
    assert engines.open("kept", {}, trust=trust_of(None)) is first
    pid = pid_of(first)
    second = engines.open("kept", {}, trust=trust_of(loaded))
    assert second is not first
    assert not running(pid)
    assert engines.open("kept", {}, trust=trust_of(again)) is second
    engines.release("kept", second)
    assert second.alive, "it is kept"
    os.kill(pid_of(second), signal.SIGKILL)
    with pytest.raises(Exception, match="died of SIGKILL"):
        second.graph("inspect", path="m")
    assert engines.open("kept", {}, trust=trust_of(again)) is not second
    (line,) = engines.counts.lines()
    assert line == (
        "workers: 0 forked, 3 started; started again: kept once after the last one ended, "
        "kept once for sources of another trust"
    )


def test_what_is_told_of_several_processes() -> None:
    total = WorkerCounts()
    assert list(total.lines()) == []
    for _ in range(2):
        one = WorkerCounts()
        one.begun("ort-cpu", forked=True, again=False)
        one.begun("torch", forked=False, again=True)
        total.add(one.to_json())
    assert list(total.lines()) == [
        "workers: 2 forked, 2 started; started again: torch 2 times after the last one ended"
    ]
