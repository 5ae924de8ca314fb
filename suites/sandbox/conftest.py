"""Runs backends that try to get out, behind the wall and without it."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from fixtures import graphs
from pytest_onnxaccel.backends import lookup
from pytest_onnxaccel.backends.protocol import GROUP
from pytest_onnxaccel.core.lookup import registry
from pytest_onnxaccel.core.specs import ModelSpec
from pytest_onnxaccel.isolation.limits import Limits
from pytest_onnxaccel.isolation.staging.run_folder import Staging
from pytest_onnxaccel.runner.request import RunOptions
from pytest_onnxaccel.runner.sessions.model_session import ModelSession
from pytest_onnxaccel.runner.sessions.workers.engines import Engines
from suites.sandbox import escaping

ROOT = Path(__file__).parents[2]


class Escapist(EntryPoint):
    """An entry point whose reference only this suite's backends understand."""

    def load(self) -> Any:
        return getattr(escaping, self.value.partition(":")[2])


@dataclass
class Outside:
    """What lies outside a worker's walls, and whether something got there.

    Attributes:
        secret: a file to be read.
        valued: a file that is not to be changed.
        victim: another model's staged copy.
        port: of TCP and of UDP, both listening.
        local: path of a socket that listens, and the name of an abstract one.
    """

    folder: Path
    secret: Path
    valued: Path
    victim: str
    port: int
    udp: int
    local: tuple[str, str]
    sockets: list[socket.socket] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)

    def ways(self, own: str) -> list[list[Any]]:
        """What a backend with the folder *own* tries to do to it."""
        out, name = self.folder, f"canary-{os.getpid()}"
        self.folders = [str(out), str(Path.home()), str(out.parent / "repository"), "/tmp", "/var/tmp"]
        self.folders.append(os.path.dirname(own))
        writes = [[f"write:{place}", os.path.join(place, name)] for place in self.folders]
        return [
            *writes,
            ["write:victim", self.victim], ["truncate:victim", self.victim], ["read:victim", self.victim],
            ["read:secret", str(self.secret)], ["truncate:valued", str(self.valued)],
            ["write:valued", str(self.valued)], ["listing:outside", str(out)], ["folder:outside", str(out / "made")],
            ["linked:secret", str(self.secret), os.path.join(own, "link")],
            ["pointed:secret", str(self.secret), os.path.join(own, "pointer")], ["pipe:own", os.path.join(own, "pipe")],
            ["shell:outside", str(out / f"shell-{name}")], ["program:own", os.path.join(own, "program")],
            ["threaded:outside", str(out / f"threaded-{name}")],
            ["renamed:out", os.path.join(own, "moved"), str(out / f"moved-{name}")],
            ["tcp:connect", self.port], ["listen:any"], ["udp:send", self.udp], ["local:path", self.local[0]],
            ["local:abstract", self.local[1]], ["kill:parent", os.getpid()], ["peek:parent", os.getpid()],
            ["variable:secret", "ONNXACCEL_CANARY"], ["remove:valued", str(self.valued)],
        ]  # fmt: skip

    def reached(self) -> list[str]:
        """Canaries that are there."""
        found = [str(path) for place in self.folders for path in Path(place).glob(f"*canary-{os.getpid()}")]
        found += [str(path) for path in self.folder.glob("made")]
        return found + ([] if self.valued.exists() and self.valued.read_text() == "valued" else [str(self.valued)])

    def clean(self) -> None:
        for place in self.folders:
            for path in Path(place).glob(f"*canary-{os.getpid()}"):
                path.unlink()


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outside]:
    """Files, another model's copy and listeners that no worker may reach."""
    out = tmp_path / "outside"
    for folder in (out, tmp_path / "home", tmp_path / "repository"):
        folder.mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(tmp_path / "repository")]))
    for name in ("secret", "valued"):
        (out / name).write_text(name)
    tcp, udp = socket.create_server(("127.0.0.1", 0)), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))
    local = (str(out / "socket"), f"@canary-{os.getpid()}")
    sockets = [tcp, udp]
    for name in (local[0], "\0" + local[1][1:]):
        sockets.append(socket.socket(socket.AF_UNIX))
        sockets[-1].bind(name)
        sockets[-1].listen()
    port, udp_port = tcp.getsockname()[1], udp.getsockname()[1]
    made = Outside(out, out / "secret", out / "valued", "", port, udp_port, local, sockets)
    yield made
    for one in sockets:
        one.close()
    made.clean()


Escape = Callable[..., dict[str, str]]


@pytest.fixture
def escape(outside: Outside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Escape]:
    """``escape("ort-cpu", sandbox=...)``: what became of all that the backend tried, by way; it then ran a model."""
    from suites.sandbox import loads

    monkeypatch.setenv("ONNXACCEL_CANARY", "secret")
    replaced: list[tuple[str, EntryPoint | None]] = []
    open_: list[Engines] = []

    def escape(backend: str, ahead: bool = False, **options: Any) -> dict[str, str]:
        made = escaping.reference(lookup.reference(backend, lookup.backend(backend)))
        replaced.append((backend, registry.replace(GROUP, backend, Escapist(backend, made, GROUP))))
        staging = Staging()
        if ahead:
            staging.prestart(options.get("sandbox") != "off")
        engines = Engines(RunOptions(limits=Limits(240), cache="", **options), staging)
        open_.append(engines)
        path = tmp_path / "cnn.onnx"
        path.write_bytes(graphs.small_cnn().SerializeToString())
        victim = ModelSession(ModelSpec("victim", str(path), "victim"), engines, 1, (), 0)
        outside.victim = victim.path
        model_session = ModelSession(ModelSpec("cnn", str(path), "cnn"), engines, 0, (), 0)

        server = staging.fork_server()

        def plan(staged: str, own: str) -> None:
            ways = [*outside.ways(own), ["own", own], ["sealed"]]
            if server is not None:  # what this worker may be forked of, and what the next one is
                ways += [["kill:template", server.pid], ["peek:template", server.pid]]
            Path(os.path.dirname(staged), escaping.PLAN).write_text(json.dumps(ways))
            Path(own, "moved").write_text("moved")

        session = loads.loaded(backend, engines, model_session, tmp_path, plan)
        tried: dict[str, str] = session.info.facts["tried"]
        return tried

    yield escape
    for one in open_:
        one.close()
    for name, before in reversed(replaced):
        registry.replace(GROUP, name, before)
