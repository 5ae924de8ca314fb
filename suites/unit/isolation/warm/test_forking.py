"""Forked workers: each begins as a fresh one does, and none of them can do anything to the next one."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_onnxaccel.core.errors import BackendCrashed, OutOfMemory
from pytest_onnxaccel.isolation.confinement.confine import Wall
from pytest_onnxaccel.isolation.launch import Launch, own_command
from pytest_onnxaccel.isolation.limits import Limits
from pytest_onnxaccel.isolation.orphan_reaper import OrphanReaper
from pytest_onnxaccel.isolation.staging.run_folder import Staging
from pytest_onnxaccel.isolation.supervisor import WorkerProcess
from pytest_onnxaccel.isolation.warm.forking import ForkServer, available
from pytest_onnxaccel.isolation.warm.modules import FIRST
from suites.unit.processes import eventually, running

pytestmark = pytest.mark.skipif(not available(), reason="workers are not forked on this system")
ROOT = Path(__file__).parents[4]
ABOUT = "suites.unit.isolation.warm.about"


class Forge:
    """A template, and workers of it that answer questions about themselves."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sentinel = OrphanReaper(str(folder))
        self.server = ForkServer(self.sentinel, str(folder))
        self.made: list[WorkerProcess] = []

    def worker(self, wall: Wall | None = None, fresh: bool = False, folder: str = "", **limits: Any) -> WorkerProcess:
        launch = Launch(own_command(), folder or str(self.folder), ("numpy",), wall=wall)
        server = None if fresh else self.server
        self.made.append(WorkerProcess("ort-cpu", launch, self.sentinel, Limits(**limits), server))
        return self.made[-1]

    def close(self) -> None:
        for worker in self.made:
            worker.close()
        self.server.close()
        self.sentinel.close()


def ask(worker: WorkerProcess, function: str, **arguments: Any) -> Any:
    return worker.call(function, {"op": "graph", "function": f"{ABOUT}:{function}", "args": arguments})["value"]


@pytest.fixture
def forge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Forge]:
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
    monkeypatch.setenv("MY_API_TOKEN", "secret")
    staging = tmp_path / "staging"
    staging.mkdir()
    made = Forge(staging)
    yield made
    made.close()


def test_what_a_worker_begins_with(forge: Forge) -> None:
    """Its modules are there, in a process of its own; environment and descriptors are those of a fresh one."""
    forked, fresh = (ask(forge.worker(fresh=kind), "about") for kind in (False, True))
    assert forked["parent"] == forge.server.pid
    assert forked["group"] == forked["session"] == forked["pid"]
    assert set(FIRST) <= set(forked["modules"])
    assert forked["environment"] == fresh["environment"]
    assert "secret" not in str(forked["environment"])
    assert forked["files"] == fresh["files"], "a descriptor of the template is open in its worker"
    assert forked["limits"] == fresh["limits"]
    assert forked["folder"] == str(forge.folder)
    assert forked["threads"] == 1


def test_a_template_sees_nothing_of_this_process(forge: Forge, tmp_path: Path) -> None:
    ask(forge.worker(), "about")
    with open(tmp_path / "open", "w") as file:
        os.set_inheritable(file.fileno(), True)
        server = ForkServer(forge.sentinel, str(forge.folder))
        try:
            environment = Path(f"/proc/{server.pid}/environ").read_bytes()
            files = {os.readlink(entry) for entry in Path(f"/proc/{server.pid}/fd").iterdir()}
        finally:
            server.close()
    assert b"secret" not in environment
    assert str(tmp_path / "open") not in files


def test_no_two_workers_draw_the_same(forge: Forge) -> None:
    first, second = (ask(forge.worker(), "drawn") for _ in range(2))
    assert not set(first) & set(second)


def test_a_wall_holds_for_each_worker_alone(forge: Forge, tmp_path: Path) -> None:
    """Each reads its own folder and not that of the one before, nor reaches it or the template."""
    folders = [tmp_path / "staging" / name for name in ("a", "b")]
    for folder in folders:
        folder.mkdir()
        (folder / "model").write_text(folder.name)
    one, two = (forge.worker(Wall(str(folder)), folder=str(folder)) for folder in folders)
    assert ask(one, "read", path=str(folders[0] / "model")) == "a"
    assert ask(two, "read", path=str(folders[1] / "model")) == "b"
    from pytest_onnxaccel.isolation.confinement.level import level

    if level().landlock:
        for path in (folders[0] / "model", Path(f"/proc/{forge.server.pid}/environ")):
            assert ask(two, "read", path=str(path)) == "PermissionError"
    if "signals" in level().stops:
        for pid in (one.pid, forge.server.pid, os.getpid()):
            assert ask(two, "signalled", pid=pid) == "PermissionError"
        assert ask(two, "signalled", pid=two.pid) == ""  # the passing twin
    if level().sockets:
        assert ask(two, "socket") == "PermissionError"


def test_a_worker_that_dies_takes_nobody_along(forge: Forge) -> None:
    doomed, other = forge.worker(), forge.worker()
    assert ask(other, "about")["pid"] == other.pid
    os.kill(doomed.pid, signal.SIGKILL)
    with pytest.raises(BackendCrashed, match="died of SIGKILL"):
        ask(doomed, "about")
    greedy = forge.worker(memory=200 << 20)
    with pytest.raises(OutOfMemory):
        ask(greedy, "take", size=400 << 20)
    assert ask(other, "about")["parent"] == forge.server.pid
    assert ask(forge.worker(), "about")["parent"] == forge.server.pid


def test_a_template_that_dies_takes_its_workers_along(forge: Forge) -> None:
    """It is not left running without anybody who waits for it; who asks for one more gets one of a new template."""
    worker = forge.worker()
    pid = ask(worker, "about")["pid"]
    os.kill(forge.server.pid, signal.SIGKILL)
    assert eventually(lambda: not running(pid))
    with pytest.raises(BackendCrashed, match="died of SIGKILL"):
        ask(worker, "about")
    assert not forge.server.alive
    with pytest.raises(BackendCrashed, match="could not be started"):
        forge.worker()


def test_a_dead_template_is_replaced(tmp_path: Path) -> None:
    staging = Staging()
    try:
        first = staging.fork_server()
        assert first is not None
        assert staging.fork_server() is first
        os.kill(first.pid, signal.SIGKILL)
        assert eventually(lambda: not first.alive)
        second = staging.fork_server()
        assert second is not None
        assert second is not first
        third = staging.fork_server(["MY_VARIABLE"])  # whose workers see it as well
        assert third is not None
        assert third is not second
        assert not running(second.pid)
    finally:
        staging.close()


def test_a_worker_that_cannot_begin_is_told(forge: Forge, tmp_path: Path) -> None:
    worker = forge.worker(folder=str(tmp_path / "gone"))
    with pytest.raises(BackendCrashed, match=r"status 70: FileNotFoundError: .*gone"):
        ask(worker, "about")
    assert ask(forge.worker(), "about")["folder"] == str(forge.folder)


def test_a_worker_that_is_not_wanted_after_all_is_ended(forge: Forge) -> None:
    """At once, while its template still imports: there is no process group yet that could be ended."""
    workers = [forge.worker() for _ in range(5)]
    for worker in workers:
        worker.close()
    assert not any(running(worker.pid) for worker in workers)
    assert ask(forge.worker(), "about")["parent"] == forge.server.pid


def test_who_is_forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not what imports something that the template does not, nor other interpreters, nor on other systems."""
    assert ForkServer.serves(Launch([], "", ("numpy", "onnxruntime")))
    assert not ForkServer.serves(Launch([], "", ("torch",)))
    assert not ForkServer.serves(Launch([], "", ("numpy",), legacy=True))
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not ForkServer.serves(Launch([], "", ("numpy", "onnxruntime")))
