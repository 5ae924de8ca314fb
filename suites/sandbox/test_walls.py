"""Which wall a system has, what lies behind it, and what is said where there is none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_onnxaccel.backends.protocol import Availability
from pytest_onnxaccel.isolation.confinement import places
from pytest_onnxaccel.isolation.confinement.confine import Wall
from pytest_onnxaccel.isolation.confinement.landlock import DEVICE, LOOK, OWN, USE
from pytest_onnxaccel.isolation.confinement.level import Level, level
from pytest_onnxaccel.runner.request import RunOptions
from pytest_onnxaccel.runner.sessions.workers.engines import Engines
from suites.sandbox.conftest import Escape, Outside

HERE = level()
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("landlock", "sockets", "stops", "whole"),
    [
        (0, False, (), False),
        (0, True, ("sockets",), False),
        (1, True, ("files of models", "sockets"), False),
        (2, False, ("files",), False),
        (3, False, ("files", "truncating"), False),
        (3, True, ("files", "truncating", "sockets"), True),
        (4, False, ("files", "truncating", "TCP"), True),
        (7, True, ("files", "truncating", "TCP", "devices", "signals", "sockets"), True),
    ],
)
def test_what_each_kernel_stops(landlock: int, sockets: bool, stops: tuple[str, ...], whole: bool) -> None:
    found = Level(landlock, sockets)
    assert (found.stops, found.whole) == (stops, whole)
    assert found.to_json()["stops"] == list(stops)
    assert ("reason" in found.to_json()) == (landlock == 0)
    assert all(word in str(found) for word in stops)
    assert str(found).startswith("Landlock" if landlock else "none (this system has no Landlock")


def test_a_run_may_choose_none() -> None:
    assert str(level("off")) == "none (switched off)"
    assert str(level("auto", in_process=True)) == "none (backends run in the pytest process)"
    assert not level("require", in_process=True).whole


def allowed(path: str) -> int:
    """Rights of *path* by the rules of this machine."""
    beneath = [rights for place, rights in places.rules() if f"{path}/".startswith(place.rstrip("/") + "/")]
    return max(beneath, default=0, key=lambda rights: bin(rights).count("1"))


def test_cudas_paths_are_in_the_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cards = ("nvidia0", "nvidia7", "nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset", "nvidia-caps")
    others = ("dri", "dxg", "kfd", "nvmap", "nvhost-gpu", "sda", "mem", "kmsg", "tty", "console")
    for name in (*cards, *others):
        (tmp_path / name).touch()
    found = {os.path.basename(path) for path in places.devices(str(tmp_path))}
    assert found == {*cards, *others[:5], "null", "zero", "full", "random", "urandom", "shm"}
    monkeypatch.setenv("LD_LIBRARY_PATH", "/data/cudnn/lib::relative:/")
    monkeypatch.setenv("CUDA_HOME", "/data/cuda")
    for path in ("/usr/local/cuda-13.0/lib64", "/usr/lib/x86_64-linux-gnu", "/usr/lib/wsl/lib", "/data/cudnn/lib"):
        assert allowed(path) == USE, path
    assert allowed("/data/cuda/bin/ptxas") == USE
    assert allowed("/proc/driver/nvidia/params") == LOOK
    assert allowed("/sys/bus/pci/devices") == LOOK
    assert allowed("/dev/null") == DEVICE


def test_nothing_private_is_in_the_list() -> None:
    for path in ("/", "/etc", "/etc/shadow", "/etc/ssl/private", "/home", "/root", "/tmp", "/var", "/dev", "/dev/sda"):
        assert allowed(path) == 0, path
    assert {path for path, rights in places.rules() if rights == OWN} == set()


def test_packages_that_are_edited_in_place_are_in_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    class Finder:
        """As setuptools makes one, in a module with the table MAPPING."""

    module: Any = type(sys)("__editable___thing_finder")
    module.MAPPING = {"thing": "/data/thing/src/thing"}
    Finder.__module__ = module.__name__
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder])
    assert allowed("/data/thing/src/thing/core.py") == USE


def test_a_wall_travels_and_tells_what_it_holds() -> None:
    run = Wall("/run")
    model = Wall("/run/model", ("/run/made",), ("/run/shared",), require=True)
    assert Wall.from_json(json.loads(json.dumps(model.to_json()))) == model
    assert run.holds(model)
    assert not run.holds(Wall("/running"))
    assert not run.holds(Wall("/run/model", reads=("/work",)))
    assert not run.holds(Wall("/run/model", ("/made",)))
    assert not model.holds(run)
    assert Wall("/run", local=True).holds(Wall("/run/model", local=True))
    assert not run.holds(Wall("/run/model", local=True))


WORKER = """
import json, sys
from pytest_onnxaccel.isolation.confinement import confine, landlock
{patch}
refusal = confine.confine(confine.Wall.from_json(json.loads(sys.argv[1])))
print(refusal)
{after}
"""


def confined(patch: str, wall: Wall, after: str = "") -> str:
    """What a process that has been tampered with by *patch* says when it confines itself, and does *after*."""
    done = subprocess.run(
        [sys.executable, "-c", WORKER.format(patch=patch, after=after), json.dumps(wall.to_json())],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    return done.stdout.strip()


NO_LANDLOCK = "landlock.version = lambda: 0"


def test_a_worker_that_must_be_confined_and_cannot_be_says_so(tmp_path: Path) -> None:
    own = str(tmp_path)
    assert confined(NO_LANDLOCK, Wall(own)) == "None"
    assert confined(NO_LANDLOCK, Wall(own, require=True)).startswith(
        "onnxaccel[E_ERROR] the sandbox is incomplete here: this system has no Landlock - Linux 6.7 or later has it"
    )
    refused = "def no(*_): raise PermissionError(1, 'Operation not permitted')\nlandlock.restrict = no\n"
    said = confined(refused + "landlock.version = lambda: 7", Wall(own))
    assert said.startswith("onnxaccel[E_ERROR] the worker cannot confine itself: Operation not permitted - ")
    assert len(said) <= 300


SOCKETS = """
import socket
for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX, socket.AF_NETLINK):
    try:
        socket.socket(family, socket.SOCK_DGRAM).close()
        print(family.name, "open")
    except OSError as error:
        print(family.name, error.strerror)
"""


@pytest.mark.skipif(not HERE.sockets, reason=f"SOCKETS ARE NOT STOPPED HERE: {HERE}")
@pytest.mark.parametrize("local", [False, True])
def test_a_driver_has_sockets_of_its_machine_alone(local: bool, tmp_path: Path) -> None:
    said = confined("", Wall(str(tmp_path), local=local), SOCKETS).splitlines()
    mine = "open" if local else "Permission denied"
    denied = ["AF_INET Permission denied", "AF_INET6 Permission denied"]
    assert said == ["None", *denied, f"AF_UNIX {mine}", "AF_NETLINK open"]


def test_what_computes_elsewhere_than_on_the_cpu_has_a_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    engines = Engines(RunOptions())
    found = {}
    for devices in (("cpu",), ("CPU",), ("cuda:0",), ("cpu", "cuda:0"), ()):
        monkeypatch.setattr(engines, "_available", {"ort-cpu": Availability(True, devices=devices)})
        wall = engines._wall(None, "ort-cpu")
        assert wall is not None
        found[devices] = wall.local
    engines.close()
    assert found == {("cpu",): False, ("CPU",): False, ("cuda:0",): True, ("cpu", "cuda:0"): True, (): True}


def test_a_worker_that_is_not_confined_does_nothing(tmp_path: Path) -> None:
    from pytest_onnxaccel.core.errors import OnnxAccelError
    from pytest_onnxaccel.isolation.worker import Worker

    nothing: Any = None
    worker = Worker(nothing, nothing, nothing, nothing, OnnxAccelError("not confined"))
    for request in ({"op": "graph", "function": "inspect", "args": {}}, {"op": "load"}, {"op": "close"}):
        answer = worker._answer(request)
        assert (answer["ok"], answer["error"]["cause"]) == (False, "not confined")


@pytest.mark.skipif(not HERE.landlock, reason=f"NOTHING IS CONFINED HERE: {HERE}")
def test_the_owner_opens_what_a_loader_needs(escape: Escape, outside: Outside) -> None:
    tried = escape("reference", readable=(str(outside.secret),), env=("ONNXACCEL_CANARY",))
    assert (tried["read:secret"], tried["variable:secret"]) == ("", "")
    assert all(tried[way] for way in ("listing:outside", "write:valued", "linked:secret"))


Gate = Callable[..., tuple[int, str, dict[str, Any]]]


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """``gate(*arguments)``: status, output and JSON report of a run on one model."""
    from fixtures import graphs

    (tmp_path / "cnn.onnx").write_bytes(graphs.small_cnn().SerializeToString())

    def run(*arguments: str, conftest: str = "") -> tuple[int, str, dict[str, Any]]:
        (tmp_path / "conftest.py").write_text(conftest)
        command = [
            sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--onnx-model=cnn.onnx", "--onnx-report=r.json",
            "--onnx-backend=ort-cpu", "-k", "structure or contract", *arguments,
        ]  # fmt: skip
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        report = tmp_path / "r.json"
        return done.returncode, done.stdout + done.stderr, json.loads(report.read_text()) if report.exists() else {}

    return run


def test_the_level_stands_in_the_header_and_in_the_report(gate: Gate) -> None:
    status, out, report = gate()
    assert status == 0, out
    assert f"onnxaccel sandbox: {HERE}\n" in out
    assert report["run"]["sandbox"] == {"mode": "auto", **HERE.to_json()}
    status, out, report = gate("--onnx-sandbox=off")
    assert status == 0, out
    assert "onnxaccel sandbox: none (switched off) (--onnx-sandbox)\n" in out
    assert (report["run"]["sandbox"]["mode"], report["run"]["sandbox"]["level"]) == ("off", "none")


@pytest.mark.skipif(not HERE.whole, reason=f"NOTHING, OR NOT ALL, IS CONFINED HERE: {HERE}")
def test_a_whole_wall_can_be_required(gate: Gate) -> None:
    status, out, _ = gate("--onnx-sandbox=require")
    assert status == 0, out
    assert f"onnxaccel sandbox: {HERE} (--onnx-sandbox)\n" in out


def test_where_there_is_none_it_is_said_and_what_requires_it_ends(gate: Gate) -> None:
    lacking = f"from pytest_onnxaccel.isolation.confinement import landlock\n{NO_LANDLOCK}\n"
    status, out, report = gate(conftest=lacking)
    assert status == 0, out
    assert "onnxaccel sandbox: none (this system has no Landlock" in out
    assert report["run"]["sandbox"]["reason"] == "this system has no Landlock"
    status, out, _ = gate("--onnx-sandbox=require", conftest=lacking)
    assert status == 4
    assert "the sandbox is not available: this system has no Landlock - Linux 6.7 or later has it" in out
