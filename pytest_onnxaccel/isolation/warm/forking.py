"""The parent's side of a template of workers: it asks for forks, and holds each of them as a process."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pytest_onnxaccel.isolation.launch import Launch, worker_environment
from pytest_onnxaccel.isolation.log import Log
from pytest_onnxaccel.isolation.orphan_reaper import OrphanReaper
from pytest_onnxaccel.isolation.warm.modules import WARM
from pytest_onnxaccel.isolation.wire import anonymous_file, channel

#: How long the template may take to import what it forks with, and to answer, seconds.
_PATIENCE = 60.0
_LONGEST_ANSWER = 1 << 16


def available() -> bool:
    """Return whether workers are forked here: on Linux, where a process can be waited for that is not a child."""
    return sys.platform == "linux" and hasattr(os, "pidfd_open") and hasattr(socket, "send_fds")


class ForkServer:
    """One template and the workers that were forked of it.

    Args:
        sentinel: told of the template and of each worker, so that nothing outlives this process.
        folder: its working folder.
        variables: names of variables of the environment that it, and so every worker of it, sees as well.
    """

    def __init__(self, sentinel: OrphanReaper, folder: str, variables: Iterable[str] = ()) -> None:
        self.variables = frozenset(variables)
        self._sentinel = sentinel
        self._channel, theirs = channel(socket.SOCK_SEQPACKET)
        self._log_handle = anonymous_file(shrinks=True)
        self._log = Log(self._log_handle)
        self._waiting: deque[Callable[[dict[str, Any]], None]] = deque()
        self._closed = False
        try:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-P",
                    "-c",
                    "from pytest_onnxaccel.isolation.warm.template import main; main()",
                    str(theirs.fileno()),
                ],
                stdin=subprocess.DEVNULL,
                stdout=self._log_handle,
                stderr=self._log_handle,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
                cwd=folder,
                env=worker_environment(more=self.variables),
            )
        except OSError:
            self._release()
            raise
        finally:
            theirs.close()
        sentinel.started(self._process.pid)

    @staticmethod
    def serves(launch: Launch) -> bool:
        """Return whether a worker that imports what *launch* says may be forked of a template."""
        return available() and not launch.legacy and WARM.issuperset(launch.preload)

    @property
    def alive(self) -> bool:
        """It can fork: it has not ended."""
        return not self._closed and self._process.poll() is None

    @property
    def returncode(self) -> int | None:
        """How it ended; None while it has not."""
        return self._process.poll()

    @property
    def pid(self) -> int:
        """Process id of the template."""
        return self._process.pid

    def last_line(self) -> str:
        """Return the last line that the template itself printed."""
        return "" if self._closed else self._log.last_line()

    def spawn(self, launch: Launch, descriptors: Sequence[int], log: int) -> Forked:
        """Ask for a worker as :func:`~pytest_onnxaccel.isolation.launch.spawn` starts one; nothing is waited for.

        Raises:
            OSError: the template is gone.
        """
        forked = Forked(self, self._sentinel)
        request = {
            "op": "fork", "folder": launch.folder, "preload": list(launch.preload),
            "wall": None if launch.wall is None else launch.wall.to_json(),
        }  # fmt: skip
        self.ask(request, forked.begun, (*descriptors, log))
        return forked

    def ask(
        self, request: dict[str, Any], answered: Callable[[dict[str, Any]], None], handles: Sequence[int] = ()
    ) -> None:
        """Send *request*; *answered* is called with its answer, in some later :meth:`listen`."""
        if self._closed:
            raise BrokenPipeError("the template of workers was closed")
        body = [json.dumps(request).encode()]
        socket.send_fds(self._channel, body, list(handles))  # type: ignore[arg-type]  # it calls sendmsg alone
        self._waiting.append(answered)

    def listen(self, seconds: float = 0.0) -> bool:
        """Take in the next answer if it comes within *seconds*; whether there was one."""
        if self._closed or not self._waiting:
            return False
        ready = select.poll()
        ready.register(self._channel, select.POLLIN)
        if not ready.poll(seconds * 1000):
            return False
        try:
            body = self._channel.recv(_LONGEST_ANSWER)
        except OSError:
            body = b""
        if not body:
            self._lost()
            return False
        self._waiting.popleft()(json.loads(body))
        return True

    def _lost(self) -> None:
        """Tell everybody who waits for an answer how the template ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        while self._waiting:
            self._waiting.popleft()({"lost": self._process.returncode})

    def close(self) -> None:
        """End the template, and with it every worker that is left of it."""
        if self._closed:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._lost()
        self._sentinel.ended(self._process.pid)
        self._release()

    def _release(self) -> None:
        self._closed = True
        self._channel.close()
        with contextlib.suppress(OSError):
            os.close(self._log_handle)


class Forked:
    """A worker that was asked of a template: a process that is not this one's child, with what ``Popen`` has."""

    def __init__(self, server: ForkServer, sentinel: OrphanReaper) -> None:
        self.returncode: int | None = None
        #: Why there is no such process.
        self.failure = ""
        self._server = server
        self._sentinel = sentinel
        self._pid = 0
        self._handle = -1
        self._asked = False

    def begun(self, answer: dict[str, Any]) -> None:
        """Take the answer to the request for it."""
        if "pid" not in answer:
            self.failure = answer.get("failed", "") or f"their template ended: {self._server.last_line()}"
            self.returncode = answer.get("lost") or 0
            return
        self._pid = int(answer["pid"])
        self._sentinel.started(self._pid)
        try:
            self._handle = os.pidfd_open(self._pid)
        except OSError:  # only where this process has no descriptor left: then its end is asked of the template
            self._handle = -1

    @property
    def started(self) -> bool:
        """Its process id is known."""
        return bool(self._pid)

    @property
    def pid(self) -> int:
        """Process id, waited for; 0 where there is no such process."""
        end = time.monotonic() + _PATIENCE
        while not self._pid and self.returncode is None and time.monotonic() < end:
            if not self._server.listen(0.5) and not self._server.alive:
                self._server.listen()
        return self._pid

    def poll(self) -> int | None:
        """Return how it ended; None while it has not, as far as is known without waiting."""
        while self.returncode is None and not self._pid and self._server.listen():
            pass
        if self.returncode is None and self._pid and self._has_ended():
            return self.wait()
        return self.returncode

    def _has_ended(self, seconds: float = 0.0) -> bool:
        if self._handle < 0:
            return not _running(self._pid)
        ready = select.poll()
        ready.register(self._handle, select.POLLIN)
        return bool(ready.poll(None if seconds < 0 else seconds * 1000))

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end, and return it.

        Raises:
            subprocess.TimeoutExpired: it did not end within *timeout* seconds.
        """
        if self.returncode is None and self.pid:
            if not self._has_ended(-1 if timeout is None else timeout):
                raise subprocess.TimeoutExpired("worker", timeout or 0)
            self._collect()
        return self.returncode or 0

    def kill(self) -> None:
        """End it, though not what it started."""
        if self._handle >= 0:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)

    def _collect(self) -> None:
        """Have the template take it off the system's list of processes, and learn how it ended."""
        try:
            if not self._asked:
                self._server.ask({"op": "reap", "pid": self._pid}, self._ended)
                self._asked = True
            end = time.monotonic() + _PATIENCE
            while self.returncode is None and time.monotonic() < end:
                self._server.listen(0.5)
        except OSError:
            pass
        self._ended({})

    def _ended(self, answer: dict[str, Any]) -> None:
        if self.returncode is None:
            # A template that is gone takes its workers with it
            self.returncode = int(answer.get("status", -signal.SIGKILL))
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def last_line(self) -> str:
        """Return what the template said last, where that is why there is no worker."""
        return self.failure


def _running(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
