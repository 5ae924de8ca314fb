"""Workers for tests, and that nothing of them is left."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_onnxaccel.isolation.launch import Launch, own_command
from pytest_onnxaccel.isolation.limits import Limits
from pytest_onnxaccel.isolation.orphan_reaper import OrphanReaper
from pytest_onnxaccel.isolation.supervisor import WorkerProcess
from pytest_onnxaccel.isolation.warm.forking import ForkServer, available
from suites.unit.isolation.hosting import Start
from suites.unit.processes import children, open_files, running

ROOT = Path(__file__).parents[3]


@pytest.fixture(params=["fresh", "forked"])
def start(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts workers, fresh ones or forked ones; afterwards no child, file or descriptor of theirs is left."""
    if request.param == "forked" and not available():
        pytest.skip("workers are not forked on this system")
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
    temporary, staging = tmp_path / "tmp", tmp_path / "staging"
    temporary.mkdir()
    staging.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    before, files = set(children()), open_files()
    sentinel = OrphanReaper(str(staging))
    made: list[WorkerProcess] = []
    servers: list[ForkServer] = []

    def start(limits: Limits | None = None, preload: tuple[str, ...] = (), command: Any = None) -> WorkerProcess:
        launch = Launch(command or own_command(), str(staging), preload)
        if request.param == "forked" and command is None and not servers:
            servers.append(ForkServer(sentinel, str(staging)))
        server = servers[0] if servers and command is None else None
        worker = WorkerProcess("ort-cpu", launch, sentinel, limits or Limits(), server)
        made.append(worker)
        return worker

    yield start
    for worker in made:
        worker.close()
        assert not running(worker.pid)
    for server in servers:
        assert server.alive, "a worker ended what it was forked of"
        server.close()
    sentinel.close()
    assert set(children()) <= before, "a child, or its zombie, is left"
    assert open_files() == files
    assert list(temporary.iterdir()) == []
    assert not [name for name in os.listdir("/dev/shm") if "onnxaccel" in name]
