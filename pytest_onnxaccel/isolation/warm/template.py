"""The template of workers, a process of its own: it imports the runtimes once and forks a worker when it is asked to.

It is a fresh interpreter with a cleaned environment, as each worker was. It opens no session, reads no model and hears
from nobody but the process that started it: what a worker gets of it is imported modules. A worker begins with a
session and a process group of its own, with no descriptor but its own, and confines itself as any other does, before
anything else. It has one thread then, so that the wall holds for all of it.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import random
import select
import signal
import socket
import sys
from collections.abc import Sequence
from functools import cache
from typing import Any, NoReturn

from pytest_onnxaccel.isolation.child.functions import resolve
from pytest_onnxaccel.isolation.confinement.level import level
from pytest_onnxaccel.isolation.confinement.syscalls import libc
from pytest_onnxaccel.isolation.warm.blas import alone, find_blas
from pytest_onnxaccel.isolation.warm.modules import EVALUATOR, FIRST, REHEARSALS, USUAL, WARM, WARM_UP
from pytest_onnxaccel.isolation.worker import import_modules, serve

#: Longest request, bytes; descriptors that come with one.
LONGEST, DESCRIPTORS = 1 << 17, 4
_DIE_WITH_PARENT = 1
#: How a process ends that could not become a worker, and one whose template is gone.
_NO_WORKER, _NO_TEMPLATE = 70, 71


class Template:
    """Answers requests on *channel*: ``fork`` and ``reap``, one answer each, in their order."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._forks = 0

    def serve(self) -> None:
        """Answer until the other side closes the channel."""
        while True:
            self._import_while_idle()
            body, handles, _, _ = socket.recv_fds(self._channel, LONGEST, DESCRIPTORS)
            if not body:
                return
            request = json.loads(body)
            try:
                answer = self._fork(request, handles) if request["op"] == "fork" else _reap(request["pid"])
            except OSError as error:
                answer = {"failed": error.strerror or str(error)}
            finally:
                for handle in handles:
                    os.close(handle)
            self._channel.sendall(json.dumps(answer).encode())

    def _import_while_idle(self) -> None:
        """Import what is usual, as long as nobody wants the first worker: it then finds more of it there."""
        ready = select.poll()
        ready.register(self._channel, select.POLLIN)
        for module in USUAL if not self._forks else ():
            if ready.poll(0):
                return
            import_once([module])

    def _fork(self, request: dict[str, Any], handles: list[int]) -> dict[str, Any]:
        self._forks += 1
        import_once(request["preload"])
        if self._forks == 2:  # there are several models: the next ones find everything that is usual imported
            import_once(USUAL)
            _rehearse()
        if "onnx.reference" in request["preload"]:
            import_once(EVALUATOR)
            _warm_up()
        _draw_anew()
        parent = os.getpid()
        pid = os.fork()
        if pid:
            return {"pid": pid}
        status = _NO_WORKER
        try:
            _become_worker(request, handles, parent)
        except SystemExit as asked:  # as an interpreter of its own would end
            status = asked.code if isinstance(asked.code, int) else int(asked.code is not None)
        except BaseException as error:
            with contextlib.suppress(OSError):
                os.write(2, f"{type(error).__name__}: {error}\n".encode(errors="replace"))
        finally:
            os._exit(status)


def _reap(pid: int) -> dict[str, Any]:
    """Return how process *pid*, which has ended, ended."""
    return {"status": os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}


def import_once(modules: Sequence[str]) -> None:
    """Import those of *modules* that are usual and not there yet, and move all objects out of the collector's way."""
    left = [module for module in modules if module in WARM and module not in sys.modules]
    if left:
        import_modules(left)


def _draw_anew() -> None:
    """Begin other random numbers for the next worker; here, where the pages that hold them are this process's own."""
    random.seed()
    if "numpy.random" in sys.modules:
        sys.modules["numpy"].random.seed()


def _rehearse() -> None:
    """Do once what each worker would do at first; where that fails, a worker does it and says why."""
    for reference in REHEARSALS:
        with contextlib.suppress(Exception):
            resolve(reference)()


@cache
def _warm_up() -> None:
    """Let the evaluator build its tables of operators; where it cannot, each worker tries again and says why."""
    with contextlib.suppress(Exception):
        resolve(WARM_UP)()


def _become_worker(request: dict[str, Any], handles: list[int], parent: int) -> NoReturn:
    """Turn this process, just forked, into a worker of its own that never returns."""
    os.setsid()
    libc().prctl(_DIE_WITH_PARENT, ctypes.c_ulong(signal.SIGKILL))
    if os.getppid() != parent:
        os._exit(_NO_TEMPLATE)
    *own, log = handles
    os.dup2(log, 1)
    os.dup2(log, 2)
    _close_others([*own, log])
    os.chdir(request["folder"])
    os.close(log)
    gc.freeze()  # what the template holds stays in pages that are shared
    blas = find_blas()
    if blas is not None and "onnx.reference" in request["preload"] and "onnxruntime" not in request["preload"]:
        blas.use(blas.threads)  # a large model has a process of its own for the evaluator
    sys.argv[1:] = map(str, (*own, *request["preload"]))
    serve(own, request["preload"], request["wall"])


def _close_others(own: list[int]) -> None:
    """Close every descriptor but the standard ones and *own*."""
    start = 3
    for handle in sorted(own):
        os.closerange(start, handle)
        start = handle + 1
    os.closerange(start, max(start, _highest() + 1))


def _highest() -> int:
    return max(map(int, os.listdir("/proc/self/fd")))


def main() -> None:
    """``template CHANNEL``: import what nearly every worker needs, and serve."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    level()  # asks the kernel once for all of them
    with alone():
        import_once(FIRST)
    if (blas := find_blas()) is not None:
        blas.use(1)  # most workers run small models; before a fork, for this starts no threads
    (channel,) = sys.argv[1:]
    Template(socket.socket(fileno=int(channel))).serve()
    os._exit(0)
