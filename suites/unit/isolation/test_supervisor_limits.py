"""A worker may hang, hunger or be interrupted: it is ended, and nothing of it is left."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fixtures import hazards
from pytest_onnxaccel.core.errors import BackendTimedOut, OutOfMemory
from pytest_onnxaccel.isolation import supervisor as host
from pytest_onnxaccel.isolation.limits import Limits
from pytest_onnxaccel.isolation.log import ROOM
from pytest_onnxaccel.isolation.supervisor import WorkerProcess
from suites.unit.isolation.hosting import ORT, Start, line_of, load, run, saved
from suites.unit.processes import needs_proc, running

pytestmark = needs_proc


# -- limits -----------------------------------------------------------------------------------------------------


def timed_out(worker: WorkerProcess, call: Callable[[], Any]) -> BackendTimedOut:
    worker.limits = Limits(seconds=0.5)
    begun = time.monotonic()
    with pytest.raises(BackendTimedOut) as caught:
        call()
    assert 0.4 < time.monotonic() - begun < 60
    assert not worker.alive
    assert not running(worker.pid)
    line_of(caught.value)
    return caught.value


def test_an_endless_model_is_ended(start: Start, tmp_path: Path) -> None:
    worker = start()
    session = load(worker, saved(hazards.endless_loop(), tmp_path), ORT)
    error = timed_out(worker, lambda: run(worker, session, x=np.ones(1, np.float32)))
    assert str(error) == (
        "onnxaccel[E_TIMEOUT] no answer within 0.5 s, the worker was ended (run, ort-cpu, limit 0.5 s) - "
        "raise the time limit (--onnx-timeout, or --timeout of a command) if the model is only slow"
    )


@pytest.mark.parametrize("name", ["sleep", "half_a_frame"])
def test_a_worker_that_does_not_answer_in_full_is_ended(name: str, start: Start) -> None:
    worker = start()
    session = load(worker, name)
    timed_out(worker, lambda: run(worker, session))


def test_a_stopped_worker_that_takes_no_message_is_ended(start: Start) -> None:
    """Longer than the socket's buffer, so that sending alone would wait for ever."""
    worker = start()
    session = load(worker, "echo")
    os.kill(worker.pid, signal.SIGSTOP)
    text = np.array(["x" * (4 << 20)], object)
    timed_out(worker, lambda: run(worker, session, t=text))


def test_a_call_may_have_its_own_limit(start: Start) -> None:
    worker = start(Limits(seconds=600))
    session = load(worker, "sleep")
    with pytest.raises(BackendTimedOut, match=r"within 0\.2 s"):
        worker.call("time", {"op": "run", "session": session}, {}, seconds=0.2)


def test_a_hungry_model_is_ended(start: Start, tmp_path: Path) -> None:
    worker = start(Limits(seconds=120, memory=500_000_000), preload=("numpy", "onnxruntime"))
    with pytest.raises(OutOfMemory) as caught:
        load(worker, saved(hazards.huge_constant(1 << 30), tmp_path), ORT)
    line = line_of(caught.value)
    assert line.startswith("onnxaccel[E_MEMORY] took ")
    assert "(load, ort-cpu, limit 500 MB) - raise --onnx-memory" in line
    assert not running(worker.pid)


def test_without_a_limit_memory_is_not_looked_at(start: Start, tmp_path: Path) -> None:
    worker = start(Limits(memory=0))
    assert load(worker, saved(hazards.huge_constant(1 << 20), tmp_path), ORT) == 1


# -- interrupts -------------------------------------------------------------------------------------------------


def test_an_interrupted_exchange_leaves_no_answer_behind(start: Start) -> None:
    """Otherwise the next call would take the answer to this one for its own."""
    worker = start()
    session = load(worker, "sleep")

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(KeyboardInterrupt):
            run(worker, session)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert not worker.alive
    assert not running(worker.pid)


def test_descriptors_beyond_a_thousand(start: Start) -> None:
    import resource

    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limits[1] != resource.RLIM_INFINITY and limits[1] < 1400:
        pytest.skip("no more descriptors are allowed here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(limits[0], 1400), limits[1]))
    held = [os.dup(0) for _ in range(1100)]
    try:
        worker = start()
        assert "x" in run(worker, load(worker, "echo"), x=np.ones(1))
        worker.close()
    finally:
        for handle in held:
            os.close(handle)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


# -- floods -----------------------------------------------------------------------------------------------------


def test_300_mb_of_log_take_a_few(start: Start) -> None:
    """It lies in memory, or on a disk that is full one day."""
    worker = start()
    run(worker, load(worker, "flood"))
    assert os.fstat(worker._log_handle).st_size > 300 << 20
    assert os.fstat(worker._log_handle).st_blocks * 512 <= ROOM
    assert worker.log_tail().endswith("x\nthe end\n")


def test_an_answer_that_there_is_no_memory_for(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the system would promise and not have would end pytest while it copies."""
    worker = start()
    session = load(worker, "echo")
    monkeypatch.setattr(host, "free_memory", lambda: 80 << 20)
    assert run(worker, session, x=np.zeros(70 << 20, np.uint8))["x"].nbytes == 70 << 20
    with pytest.raises(OutOfMemory) as caught:
        run(worker, session, x=np.zeros(90 << 20, np.uint8))
    assert "its answer does not fit into the memory of the pytest process" in line_of(caught.value)
    assert not worker.alive
    monkeypatch.setattr(host, "free_memory", lambda: 0)  # where the system does not tell
    worker = start()
    assert run(worker, load(worker, "echo"), x=np.zeros(90 << 20, np.uint8))["x"].nbytes == 90 << 20
