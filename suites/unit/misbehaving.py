"""Backends that do to a worker what models and runtimes do: named by reference, so that workers can load them."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pytest_onnxaccel.backends.protocol import LoadOptions, SessionInfo
from pytest_onnxaccel.core.errors import BackendUnavailable
from pytest_onnxaccel.core.specs import TensorSpec, Timing, TimingPlan

#: What :class:`Obedient` does at each run, by the ``path`` that it was loaded from.
ACTIONS: dict[str, Callable[[Mapping[str, Any]], Any]] = {}


def action(function: Callable[[Mapping[str, Any]], Any]) -> Callable[[Mapping[str, Any]], Any]:
    ACTIONS[function.__name__] = function
    return function


def _channel() -> int:
    return int(sys.argv[1])


@action
def echo(feeds: Mapping[str, Any]) -> Any:
    return feeds


@action
def exit_silently(feeds: Mapping[str, Any]) -> Any:
    os._exit(0)


@action
def exit_with_words(feeds: Mapping[str, Any]) -> Any:
    print("::error::last words\x1b[31m " + "x" * 100_000, flush=True)
    os._exit(7)


@action
def abort(feeds: Mapping[str, Any]) -> Any:
    os.abort()


@action
def sleep(feeds: Mapping[str, Any]) -> Any:
    time.sleep(1000)


@action
def raise_odd(feeds: Mapping[str, Any]) -> Any:
    raise RuntimeError("::set-output\n" + "y" * 10_000)


@action
def raise_exit(feeds: Mapping[str, Any]) -> Any:
    raise SystemExit(9)


@action
def run_out_of_memory(feeds: Mapping[str, Any]) -> Any:
    raise MemoryError


@action
def raise_ours(feeds: Mapping[str, Any]) -> Any:
    raise BackendUnavailable("no GPU", remedy="buy one", subject="s", where="w")


@action
def garbage(feeds: Mapping[str, Any]) -> Any:
    os.write(_channel(), struct.pack("!I", 7) + b"garbage")
    time.sleep(1000)


@action
def too_long(feeds: Mapping[str, Any]) -> Any:
    os.write(_channel(), b"\xff\xff\xff\xff")
    time.sleep(1000)


@action
def half_a_frame(feeds: Mapping[str, Any]) -> Any:
    os.write(_channel(), struct.pack("!I", 1000) + b'{"ok":')
    time.sleep(1000)


@action
def no_answer(feeds: Mapping[str, Any]) -> Any:
    body = b'{"something":"else"}'
    os.write(_channel(), struct.pack("!I", len(body)) + body)
    time.sleep(1000)


@action
def lie_about_arrays(feeds: Mapping[str, Any]) -> Any:
    body = b'{"ok":true,"arrays":[{"name":"x","dtype":"<f4","shape":[99999999],"offset":0,"file":99999999999}]}'
    os.write(_channel(), struct.pack("!I", len(body)) + body)
    time.sleep(1000)


@action
def flood(feeds: Mapping[str, Any]) -> Any:
    for _ in range(300):
        os.write(2, b"x" * (1 << 20))
    os.write(2, b"\nthe end\n")
    return feeds


@action
def close_the_channel(feeds: Mapping[str, Any]) -> Any:
    os.close(_channel())
    time.sleep(1000)


@action
def leave_a_child(feeds: Mapping[str, Any]) -> Any:
    """A child that holds the channel open, and then an end of its own."""
    child = subprocess.Popen(["sleep", "1000"], close_fds=False)
    print(f"child {child.pid}", flush=True)
    os.kill(os.getpid(), signal.SIGSEGV)


@action
def have_a_child(feeds: Mapping[str, Any]) -> Any:
    child = subprocess.Popen(["sleep", "1000"])
    return {"pid": np.array(child.pid)}


@action
def environment(feeds: Mapping[str, Any]) -> Any:
    return {"names": np.array(sorted(os.environ)), "cwd": np.array(os.getcwd())}


@action
def return_objects(feeds: Mapping[str, Any]) -> Any:
    return {"y": np.array([object()])}


@action
def long_text(feeds: Mapping[str, Any]) -> Any:
    return {"y": np.array(["x" * (70 << 20)], object)}


class Obedient:
    """Loads no model: the path names what its session does when it runs."""

    name = "obedient"
    role = "runtime"
    environment = ""
    keep_worker = False

    def load(self, path: str, options: LoadOptions) -> ObedientSession:
        if path == "crash at load":
            os.kill(os.getpid(), signal.SIGILL)
        return ObedientSession(path, options)


class ObedientSession:
    def __init__(self, path: str, options: LoadOptions) -> None:
        self._action = ACTIONS[path]
        facts: dict[str, Any] = {"threads": options.threads, "optimize": options.optimize, "pid": os.getpid()}
        spec = TensorSpec("x", "float32", ("N", None))
        self.info = SessionInfo((spec,), (spec,), ("a warning",), ("a note",), facts)

    def run(self, feeds: Mapping[str, Any]) -> dict[str, Any]:
        return dict(self._action(feeds))

    def time(self, feeds: Mapping[str, Any], plan: TimingPlan) -> Timing:
        self._action(feeds)
        return Timing((1, 2, 3), (4, 5, 6), plan.warmup, 7)

    def close(self) -> None:
        print("closed", flush=True)


class Unserializable(Obedient):
    """Its session has a fact that JSON cannot hold."""

    def load(self, path: str, options: LoadOptions) -> ObedientSession:
        session = super().load("echo", options)
        session.info = SessionInfo((), (), facts={"array": np.ones(3)})
        return session


def broken() -> None:
    raise ImportError("libcudart.so.13: cannot open shared object file")
