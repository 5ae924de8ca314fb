"""A backend that does what the model's graph is called: runtimes die, hang and lie in all these ways.

A graph ``well`` copies its input to its output. The suite puts this folder on ``PYTHONPATH``.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import struct
import sys
import tempfile
import time
from typing import Any

from pytest_onnxaccel.backends.protocol import Availability, SessionInfo
from pytest_onnxaccel.core.specs import TensorSpec
from pytest_onnxaccel.numerics.timing.loop import measure


class Panic(BaseException):
    """As extension modules raise, past every ``except Exception``."""


class _Pickled:
    """Writes a file where it is unpickled."""

    def __reduce__(self) -> Any:
        return (os.mkdir, ("unpickled",))


def began() -> None:
    """Tell whoever waits outside, by the only folder that is ours, that the fault comes now."""
    # A confined worker writes in its own folder alone, where its temporary files go
    with open(os.path.join(tempfile.gettempdir(), "began"), "x"):
        pass


def _send(body: bytes, length: int | None = None) -> None:
    """Bytes on the channel to the host, whose descriptor is the first argument of a worker."""
    os.write(int(sys.argv[1]), struct.pack("!I", len(body) if length is None else length) + body)


def _deeper() -> None:
    _deeper()


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def stop() -> None:
    began()
    os.kill(os.getpid(), signal.SIGSTOP)


def hang() -> None:
    began()
    while True:
        pass


def leave() -> None:
    os._exit(0)


def abort() -> None:
    os.abort()


def garbage() -> None:
    _send(b"garbage")
    time.sleep(1000)


def oversized() -> None:
    _send(b"", 0xFFFFFFFF)
    time.sleep(1000)


def pickled() -> None:
    _send(pickle.dumps(_Pickled()))
    time.sleep(1000)


def lying() -> None:
    _send(b'{"ok":true,"arrays":[{"name":"y","dtype":"<f4","shape":[1,-4],"offset":0,"file":4096}]}')
    time.sleep(1000)


def immense() -> None:
    """A file without a page in it, told as more than any machine holds."""
    with contextlib.suppress(OSError):  # a limit on the size of files keeps it from the file, not from the claim
        os.ftruncate(int(sys.argv[3]), 1 << 40)
    _send(b'{"ok":true,"arrays":[{"name":"y","dtype":"<f4","shape":[274877906944],"offset":0,"file":1099511627776}]}')
    time.sleep(1000)


def flood() -> None:
    line = b"::error::" + b"x" * 1014 + b"\n"
    for _ in range(300):
        os.write(1, line * 1024)


def odd_type() -> None:
    raise TypeError("'str' object is not\nsubscriptable")


def odd_exit() -> None:
    raise SystemExit(3)


def odd_panic() -> None:
    raise Panic("index out of bounds")


def odd_recursion() -> None:
    _deeper()


def odd_memory() -> None:
    raise MemoryError("Unable to allocate 9 TiB")


class FaultySession:
    def __init__(self, fault: str) -> None:
        self.fault = fault
        spec = TensorSpec
        self.info = SessionInfo((spec("x", "float32", (1, 4)),), (spec("y", "float32", (1, 4)),))

    def run(self, feeds: Any) -> Any:
        name, _, stage = self.fault.partition(" in ")
        if stage == "run":
            globals()[name]()
        if name == "giant":  # more than the process that asks is allowed to hold
            import numpy as np

            return {"y": np.zeros(100_000_000, np.float32)}
        return {"y": feeds["x"].copy()}

    def time(self, feeds: Any, plan: Any) -> Any:
        return measure(lambda: self.run(feeds), plan)

    def close(self) -> None:
        self.fault = "well"


class Faulty:
    name = "faulty"
    role = "runtime"
    environment = ""
    keep_worker = False
    preload = ("numpy", "onnx")

    def availability(self) -> Any:
        return Availability(True, versions={"faulty": "1.0"}, devices=("cpu",))

    def prepare(self, operators: Any, opset: int) -> str:
        return ""

    def load(self, path: str, options: Any) -> Any:
        import onnx

        fault = onnx.load(path).graph.name
        name, _, stage = fault.partition(" in ")
        if name == "giant":
            import resource

            hard = resource.getrlimit(resource.RLIMIT_AS)[1]
            resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
        if stage == "load":
            globals()[name]()
        return FaultySession(fault)
