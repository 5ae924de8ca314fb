"""A worker and this process look the same from above; a worker that died is started again, its sessions are not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fixtures import graphs, hazards
from pytest_onnxaccel.backends.protocol import LoadOptions, Session
from pytest_onnxaccel.core.errors import BackendCrashed, ModelError
from pytest_onnxaccel.core.specs import TimingPlan
from pytest_onnxaccel.isolation.engine import Engine, LocalEngine, WorkerEngine, WorkerSession
from pytest_onnxaccel.isolation.launch import Launch, own_command
from pytest_onnxaccel.isolation.limits import Limits
from pytest_onnxaccel.isolation.orphan_reaper import OrphanReaper
from pytest_onnxaccel.isolation.supervisor import WorkerProcess
from suites.unit.processes import needs_proc, running

ROOT = Path(__file__).parents[3]
OBEDIENT = "suites.unit.misbehaving:Obedient"
ORT = "pytest_onnxaccel.backends.onnxruntime.cpu:OrtCpu"


@pytest.fixture
def engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """Makes an engine in a worker, or in this process."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
    sentinel = OrphanReaper(str(tmp_path / "staging"))
    (tmp_path / "staging").mkdir()
    made: list[Engine] = []

    def worker() -> WorkerProcess:
        return WorkerProcess("ort-cpu", Launch(own_command(), str(tmp_path / "staging")), sentinel, Limits())

    def make(kind: str, backend: str) -> Engine:
        engine: Engine = LocalEngine(backend) if kind == "local" else WorkerEngine(backend, worker)
        made.append(engine)
        return engine

    yield make
    for engine in made:
        engine.close()
    sentinel.close()


def saved(folder: Path) -> str:
    path = folder / "m.onnx"
    path.write_bytes(graphs.small_cnn().SerializeToString())
    return str(path)


def test_both_kinds_give_the_same(engines: object, tmp_path: Path) -> None:
    path = saved(tmp_path)
    feeds = {"image": np.random.default_rng(0).random((1, 3, 8, 8), np.float32)}
    found = {}
    for kind in ("local", "worker"):
        engine = engines(kind, ORT)  # type: ignore[operator]
        session = engine.load(path, LoadOptions(threads=1))
        assert isinstance(session, Session)
        info = session.info
        found[kind] = (
            engine.graph("inspect", path=path), session.run(feeds)["logits"].tobytes(), info.inputs, info.outputs,
            info.facts["provider"],
        )  # fmt: skip
        taken = session.time(feeds, TimingPlan(samples=5, warmup=1, seconds=30))
        assert len(taken.wall_ns) == len(taken.cpu_ns) == 5
        session.close()
    local, worker = found["local"], found["worker"]
    assert local[1:] == worker[1:]
    assert local[0]["inputs"][0]["name"] == worker[0]["inputs"][0]["name"] == "image"


def test_a_hosted_session_tells_all_that_the_session_said(engines: object) -> None:
    engine = engines("worker", OBEDIENT)  # type: ignore[operator]
    session = engine.load("echo", LoadOptions(threads=3, optimize=False))
    info = session.info
    assert str(info.inputs[0]) == str(info.outputs[0]) == "x float32[Nx?]"
    assert (info.warnings, info.notes) == (("a warning",), ("a note",))
    assert (info.facts["threads"], info.facts["optimize"]) == (3, False)
    assert info.facts["pid"] != os.getpid()
    taken = session.time({"x": np.ones(1)}, TimingPlan(warmup=9))
    assert (taken.wall_ns, taken.cpu_ns, taken.warmup, taken.first_call_ns) == ((1, 2, 3), (4, 5, 6), 9, 7)
    assert session.peak_memory_mb is None or session.peak_memory_mb > 1


@needs_proc
def test_a_worker_that_died_is_started_again(engines: object, tmp_path: Path) -> None:
    engine = engines("worker", OBEDIENT)  # type: ignore[operator]
    session = engine.load("abort", LoadOptions())
    first = session.info.facts["pid"]
    with pytest.raises(BackendCrashed, match="SIGABRT"):
        session.run({})
    assert not engine.alive
    assert not running(first)
    # The dead session says so, closing it is harmless
    with pytest.raises(BackendCrashed, match="its worker is gone"):
        session.run({})
    session.close()
    # A graph function, then a session, in a new worker
    assert engine.graph("inspect", path=saved(tmp_path))["batch"] == 1
    assert engine.alive
    again = engine.load("echo", LoadOptions())
    assert again.info.facts["pid"] != first
    assert again.run({"x": np.ones(1)})["x"] == 1
    # Sessions of the old worker do not reach into the new one
    with pytest.raises(BackendCrashed):
        session.run({})


@pytest.mark.parametrize("kind", ["local", "worker"])
def test_errors_of_graph_functions(kind: str, engines: object, tmp_path: Path) -> None:
    engine = engines(kind, "")  # type: ignore[operator]
    path = str(hazards.garbage(tmp_path / "bad.onnx"))
    with pytest.raises(ModelError) as caught:
        engine.graph("structure", path=path)
    assert caught.value.code == "E_PARSE"


def test_a_local_engine_closes_its_sessions(engines: object, tmp_path: Path) -> None:
    engine = engines("local", ORT)  # type: ignore[operator]
    session = engine.load(saved(tmp_path), LoadOptions())
    engine.close()
    with pytest.raises(ModelError):
        session.run({"image": np.ones((1, 3, 8, 8), np.float32)})


class FullDevice:
    """A worker whose accelerator has no memory left."""

    limits = Limits()
    label = "ort-cuda"

    def __init__(self, code: str) -> None:
        self.code, self.alive = code, True

    def call(self, *_: object, **__: object) -> dict[str, object]:
        raise ModelError("memory ran out at batch 64", code=self.code)

    def close(self) -> None:
        self.alive = False


@pytest.mark.parametrize(
    ("facts", "code", "stays"),
    [({"provider_options": {}}, "E_MEMORY", False), ({"provider_options": {}}, "E_RUN", True), ({}, "E_MEMORY", True)],
)
def test_a_worker_whose_accelerator_is_full_is_replaced(facts: dict[str, object], code: str, stays: bool) -> None:
    loaded = {"session": 1, "inputs": [], "outputs": [], "warnings": [], "notes": [], "facts": facts}
    session = WorkerSession(FullDevice(code), loaded)  # type: ignore[arg-type]
    with pytest.raises(ModelError):
        session.run({})
    assert session.alive is stays
