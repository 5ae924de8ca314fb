"""A backend that runs code before it loads a model, as a hostile file would: it tries whatever a canary would show.

A worker asks this module for the attribute ``module:name`` and gets the backend of that name, which escapes first and
then works as ever. What it tries is written beside the model, in ``escape.json``; what became of it is a fact of the
session: the error, or empty for what was done.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable
from typing import Any

PLAN = "escape.json"


def reference(backend: str) -> str:
    """Under this reference a worker finds *backend* (``module:name``), escaping."""
    return f"{__name__}:{backend}"


def __getattr__(name: str) -> Callable[..., Any]:
    if ":" not in name:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pytest_onnxaccel.isolation.child.functions import make_backend

    return lambda *given: Escaping(make_backend(" ".join((name, *given))))


class Escaping:
    """*backend*, which tries to get out before each load."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    @property
    def reference(self) -> str:
        """What a worker makes it from, where the backend says that itself."""
        found = getattr(self._backend, "reference", "")
        return reference(found) if found else ""

    def load(self, path: str, options: Any) -> Any:
        with open(os.path.join(os.path.dirname(path), PLAN), encoding="utf-8") as file:
            plan = json.load(file)
        tried = {name: attempt(name, *arguments) for name, *arguments in plan}
        session = self._backend.load(path, options)
        session.info.facts["tried"] = tried
        return session


def attempt(name: str, *arguments: Any) -> str:
    """Try one of :data:`WAYS`; the error that it ended in, empty for none."""
    try:
        WAYS[name.partition(":")[0]](*arguments)
    except (OSError, subprocess.CalledProcessError, KeyError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def write(path: str) -> None:
    with open(path, "a", encoding="utf-8") as file:
        file.write("canary")


def read(path: str) -> None:
    with open(path, "rb") as file:
        file.read(1)


def truncate(path: str) -> None:
    os.truncate(path, 0)


def remove(path: str) -> None:
    os.unlink(path)


def listing(path: str) -> None:
    os.listdir(path)


def folder(path: str) -> None:
    os.mkdir(path)


def renamed(source: str, target: str) -> None:
    os.rename(source, target)


def linked(source: str, target: str) -> None:
    os.link(source, target)


def pointed(source: str, target: str) -> None:
    os.symlink(source, target)


def pipe(path: str) -> None:
    os.mkfifo(path)


def shell(path: str) -> None:
    subprocess.run(["/bin/sh", "-c", f"echo canary >>{path!r}"], check=True, capture_output=True)


def program(path: str) -> None:
    """A program of one's own."""
    with open(path, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\n")
    os.chmod(path, 0o700)
    subprocess.run([path], check=True, capture_output=True)


def threaded(path: str) -> None:
    """Write from another thread."""
    failed: list[OSError] = []

    def work() -> None:
        try:
            write(path)
        except OSError as error:
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]


def tcp(port: int) -> None:
    socket.create_connection(("127.0.0.1", port), 5).close()


def listen() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))


def udp(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"canary", ("127.0.0.1", port))


def local(name: str) -> None:
    """A socket in the file system, or an abstract one where the name begins with ``@``."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect("\0" + name[1:] if name.startswith("@") else name)


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGCONT)


def peek(pid: int) -> None:
    """The environment of another process."""
    read(f"/proc/{pid}/environ")


def variable(name: str) -> None:
    if not os.environ[name]:
        raise KeyError(name)


def own(path: str) -> None:
    """What must still work: files and folders of one's own, temporary ones, and a child with a pair of sockets."""
    import tempfile

    os.makedirs(os.path.join(path, "a", "b"))
    write(os.path.join(path, "a", "b", "c"))
    os.rename(os.path.join(path, "a", "b", "c"), os.path.join(path, "d"))
    os.unlink(os.path.join(path, "d"))
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"x")
    left, right = socket.socketpair()
    left.close()
    right.close()
    subprocess.run(["/bin/sh", "-c", "exit 0"], check=True)


def sealed() -> None:
    """Every thread of this process has given up new privileges, as each must for itself or inherit; limits hold."""
    import resource

    if not 0 < resource.getrlimit(resource.RLIMIT_FSIZE)[1] <= 32 << 30:
        raise OSError("a file may grow without limit")
    for task in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{task}/status", encoding="ascii") as file:
            if "NoNewPrivs:\t1" not in file.read():
                raise OSError(f"thread {task} is not confined")


WAYS: dict[str, Callable[..., None]] = {
    way.__name__: way
    for way in (
        write, read, truncate, remove, listing, folder, renamed, linked, pointed, pipe, shell, program, threaded, tcp,
        listen, udp, local, kill, peek, variable, own, sealed,
    )
}  # fmt: skip
