"""The parent's side of a worker: requests with limits on time and memory, and a death turned into an error."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.core import progress
from pytest_onnxaccel.core.errors import (
    BackendCrashed,
    BackendTimedOut,
    OnnxAccelError,
    OutOfMemory,
    error_from_json,
)
from pytest_onnxaccel.isolation.death import death_of
from pytest_onnxaccel.isolation.launch import Launch, spawn
from pytest_onnxaccel.isolation.limits import Limits, free_memory, resident, size_text
from pytest_onnxaccel.isolation.log import Log
from pytest_onnxaccel.isolation.waiting import ended_within
from pytest_onnxaccel.isolation.warm.forking import Forked, ForkServer
from pytest_onnxaccel.isolation.wire import (
    Closed,
    Garbled,
    Inbox,
    Outbox,
    anonymous_file,
    channel,
    receive_frame,
    send_frame,
)

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array
    from pytest_onnxaccel.isolation.confinement.confine import Wall
    from pytest_onnxaccel.isolation.orphan_reaper import OrphanReaper

#: How often a busy worker's memory is looked at, in seconds.
_POLL = 0.02


class WorkerProcess:
    """One supervised child.

    Args:
        label: what it serves, for messages (``ort-cpu``).
        launch: how it is started.
        sentinel: notified of the child, so that nothing outlives this process.
        limits: of each request.
        server: what it is forked of; a fresh interpreter is started without one.
    """

    def __init__(
        self, label: str, launch: Launch, sentinel: OrphanReaper, limits: Limits, server: ForkServer | None = None
    ) -> None:
        self.label = label
        self.wall = launch.wall
        self.limits = limits
        self._sentinel = sentinel
        self._channel, theirs = channel()
        to_worker, from_worker, log = anonymous_file(), anonymous_file(), anonymous_file(shrinks=True)
        self._log = Log(log)
        self._log_handle = log
        self._outbox, self._inbox = Outbox(to_worker), Inbox(from_worker)
        descriptors = (theirs.fileno(), to_worker, from_worker)
        try:
            start = spawn if server is None else server.spawn
            self._process: subprocess.Popen[bytes] | Forked = start(launch, descriptors, log)
        except OSError as error:
            self._release()
            raise BackendCrashed(f"the worker could not be started: {error}", where=f"start, {label}") from error
        finally:
            theirs.close()
        self._closed = False
        self._ahead: deque[Mapping[str, Any]] = deque()
        self._answers: list[tuple[Mapping[str, Any], dict[str, Any]]] = []
        if not isinstance(self._process, Forked):  # which tells it itself
            sentinel.started(self._process.pid)

    @property
    def alive(self) -> bool:
        """It has not been ended and, as far as we know, has not died."""
        return not self._closed

    @property
    def _started(self) -> bool:
        return not isinstance(self._process, Forked) or self._process.started

    @property
    def pid(self) -> int:
        """Process id, and process-group id, of the child."""
        return self._process.pid

    def fits(self, wall: Wall | None) -> bool:
        """Return whether it can be confined to *wall*, or need not be and is not."""
        return self.wall is None if wall is None else self.wall is not None and self.wall.holds(wall)

    def narrow(self, wall: Wall) -> None:
        """Have it confine itself to *wall*, within the one that it has, before it does anything else."""
        self.wall = wall
        self.prefetch([{"op": "confine", "wall": wall.to_json()}])

    def prefetch(self, requests: Sequence[Mapping[str, Any]]) -> None:
        """Send *requests* whose answers :meth:`call` will want in this order, while this process does something else.

        They carry no arrays, and do no harm when nobody comes for their answers.
        """
        for request in requests:
            with contextlib.suppress(OSError):  # whoever comes for the answer finds the worker dead
                send_frame(self._channel, request)
                self._ahead.append(request)

    def forget_prefetched(self) -> None:
        """Drop the answers to requests made in advance; sessions that it opened stay until the worker ends."""
        self.reach({})
        self._answers.clear()

    def reach(self, request: Mapping[str, Any]) -> bool:
        """Read the answers to requests made before *request*; False when something of that ended the worker."""
        while self._ahead and self._ahead[0] != request:
            earlier = self._ahead.popleft()
            try:
                answer = self._receive(earlier["op"], time.monotonic() + self.limits.seconds)
            except (Closed, TimeoutError, MemoryError, OutOfMemory):
                self.kill()
                return False
            self._answers.append((earlier, answer))
        return True

    def call(
        self,
        stage: str,
        request: Mapping[str, Any],
        arrays: Mapping[str, Array] | None = None,
        seconds: float | None = None,
        label: str = "",
    ) -> dict[str, Any]:
        """Send *request* and wait for its answer.

        Args:
            stage: ``load``, ``run``, ``time`` or the graph function, for messages.
            request: in JSON.
            arrays: feeds that go with it.
            seconds: time limit instead of the worker's own.
            label: whom it serves in this, instead of its own.

        Raises:
            BackendCrashed: the worker died; its signal and last words are reported. It is gone afterwards.
            BackendTimedOut, OutOfMemory: a limit was passed; the worker was killed.
            OnnxAccelError: what the worker answered.
        """
        where = f"{stage}, {label or self.label}"
        progress.enter(f"{stage.rpartition(':')[2].replace('_', ' ')}, {label or self.label}")
        if self._closed:
            raise BackendCrashed("its worker is gone", where=where, remedy="load the model again")
        limit = self.limits.seconds if seconds is None else seconds
        message = dict(request)
        if not self.reach(message):
            raise BackendCrashed("its worker ended during a request made in advance", where=where, remedy="run again")
        if arrays is not None:
            message["arrays"] = self._outbox.put(arrays)
        try:
            answer = self._exchange(message, where, limit)
        except Closed as closed:
            raise self._death(where, closed) from None
        except MemoryError as short:
            self.kill()
            raise OutOfMemory(
                f"its answer does not fit into the memory of the pytest process: {short}",
                where=where,
                remedy="smaller outputs, or a smaller batch",
            ) from None
        except TimeoutError:
            self.kill()
            raise BackendTimedOut(
                f"no answer within {limit:g} s, the worker was ended",
                where=f"{where}, limit {limit:g} s",
                remedy="raise the time limit (--onnx-timeout, or --timeout of a command) if the model is only slow",
            ) from None
        except BaseException:
            # An exchange that was broken off, by Ctrl-C for instance, would leave its answer to the next one
            self.kill()
            raise
        if not answer["ok"]:
            error = error_from_json(answer["error"])
            if not error.where:
                error.where = where
            raise error
        return answer

    def _exchange(self, message: Mapping[str, Any], where: str, limit: float) -> dict[str, Any]:
        """Send *message*, unless it was sent ahead, and take the answer in.

        Raises:
            Closed: the worker is gone, or answers nonsense.
            TimeoutError: there is no whole answer within *limit* seconds.
        """
        for position, (request, early) in enumerate(self._answers):
            if request == message:
                del self._answers[position]
                return early
        deadline = time.monotonic() + limit
        self._channel.settimeout(limit)
        if self._ahead and self._ahead[0] == message:
            self._ahead.popleft()
        else:
            send_frame(self._channel, message)
        return self._receive(where, deadline)

    def _receive(self, where: str, deadline: float) -> dict[str, Any]:
        """Return the next answer; raise as :meth:`_exchange`, and OutOfMemory when the worker took too much."""
        ready = select.poll()
        ready.register(self._channel, select.POLLIN)
        while not ready.poll(_POLL * 1000):
            if time.monotonic() > deadline:
                raise TimeoutError
            if self._process.poll() is not None and not ready.poll(0):
                # What it had started may still hold the channel open
                raise Closed("the worker ended")
            self._log.cut()
            size = resident(self._process.pid) if self.limits.memory and self._started else 0
            if size > self.limits.memory:
                self.kill()
                raise OutOfMemory(
                    f"took {size_text(size)}, the worker was ended",
                    where=f"{where}, limit {size_text(self.limits.memory)}",
                    remedy="raise --onnx-memory if the model needs that much",
                )
        self._log.cut()
        answer = receive_frame(self._channel, deadline)
        if not isinstance(answer.get("ok"), bool) or not (answer["ok"] or isinstance(answer.get("error"), dict)):
            raise Garbled("a frame was not an answer")
        if "arrays" in answer:
            answer["arrays"] = self._inbox.get(answer["arrays"], free_memory)
        return answer

    def _death(self, where: str, closed: Closed) -> OnnxAccelError:
        """Collect the dead child and say how it died; *closed* is why no answer came."""
        ended = self._reap(grace=0 if isinstance(closed, Garbled) else 2.0)
        status = self._process.returncode
        last = self._log.last_line()
        self._dispose()
        failure = self._process.failure if isinstance(self._process, Forked) else ""
        return death_of(closed if not ended else None, status, last, failure, where)

    def log_tail(self) -> str:
        """Return the end of what the worker printed."""
        return self._log.since(0)

    def kill(self) -> None:
        """End the child and all it started, at once."""
        if self._closed:
            return
        self._kill_group()
        self._reap(grace=10.0)
        self._dispose()

    def close(self) -> None:
        """Let the child go. It holds nothing that is worth waiting for, so it is killed."""
        self.kill()

    def _reap(self, grace: float) -> bool:
        """Wait for the child and kill what is left of its group; whether it ended by itself within *grace* seconds."""
        ended = ended_within(self._process, grace)
        # The group may hold children of the child even when the child itself is gone
        self._kill_group()
        self._process.wait()
        if self._process.pid:
            self._sentinel.ended(self._process.pid)
        return ended

    def _kill_group(self) -> None:
        pid = self._process.pid
        if pid:  # there is none where it could not be forked
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
            if isinstance(self._process, Forked):  # it may not have come as far as to lead a group
                self._process.kill()

    def _dispose(self) -> None:
        self._closed = True
        self._release()

    def _release(self) -> None:
        for resource in (self._channel, self._inbox, self._outbox):
            with contextlib.suppress(OSError):
                resource.close()
        with contextlib.suppress(OSError):
            os.close(self._log_handle)
