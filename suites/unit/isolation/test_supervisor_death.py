"""A worker may crash, end or lie: the host says which, and nothing of it is left."""

from __future__ import annotations

import os
import platform
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fixtures import hazards
from pytest_onnxaccel.core.errors import BackendCrashed
from pytest_onnxaccel.isolation.limits import Limits
from suites.unit.isolation.hosting import ORT, Start, line_of, load, run, saved
from suites.unit.processes import eventually, needs_proc, running

pytestmark = needs_proc


def dying(start: Start, name: str, **limits: Any) -> BackendCrashed:
    worker = start(Limits(**limits))
    session = load(worker, name)
    with pytest.raises(BackendCrashed) as caught:
        run(worker, session)
    assert not worker.alive
    assert not running(worker.pid)
    line_of(caught.value)
    assert caught.value.where == "run, ort-cpu"
    return caught.value


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="traps on x86-64 only")
def test_a_model_that_kills_the_runtime_while_it_is_loaded(start: Start, tmp_path: Path) -> None:
    worker = start()
    with pytest.raises(BackendCrashed) as caught:
        load(worker, saved(hazards.div_crash(), tmp_path), ORT)
    assert line_of(caught.value).startswith("onnxaccel[E_CRASH] the runtime died of SIGFPE")
    assert "(load, ort-cpu)" in str(caught.value)
    assert not worker.alive


def test_a_signal_is_told_by_its_name_and_stage(start: Start) -> None:
    worker = start()
    with pytest.raises(BackendCrashed, match=r"died of SIGILL \(load, ort-cpu\)"):
        load(worker, "crash at load")
    assert "died of SIGABRT" in dying(start, "abort").cause


def test_a_worker_that_ends_by_itself(start: Start) -> None:
    assert dying(start, "exit_silently").cause == "the worker ended by itself with status 0"
    error = dying(start, "exit_with_words")
    assert error.cause.startswith("the worker ended by itself with status 7: ")
    assert "##" not in str(error)
    # Not an Exception, so nothing in the worker keeps it from ending
    assert "status 9" in dying(start, "raise_exit").cause


def test_a_worker_that_is_killed_from_outside(start: Start) -> None:
    worker = start()
    session = load(worker, "echo")
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(BackendCrashed, match="died of SIGKILL"):
        run(worker, session, x=np.ones(1))
    with pytest.raises(BackendCrashed, match="its worker is gone"):
        run(worker, session, x=np.ones(1))


def test_a_crash_is_seen_at_once_even_if_a_child_of_the_worker_lives_on(start: Start) -> None:
    worker = start(Limits(seconds=600))
    session = load(worker, "leave_a_child")
    begun = time.monotonic()
    with pytest.raises(BackendCrashed, match="died of SIGSEGV: child ") as caught:
        run(worker, session)
    assert time.monotonic() - begun < 60
    child = int(caught.value.cause.split()[-1])
    assert eventually(lambda: not running(child))


def test_children_of_a_worker_end_with_it(start: Start) -> None:
    worker = start()
    child = int(run(worker, load(worker, "have_a_child"))["pid"])
    assert running(child)
    worker.close()
    assert eventually(lambda: not running(child))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("garbage", "a frame held no JSON"), ("too_long", "over the limit"), ("no_answer", "a frame was not an answer"),
        ("lie_about_arrays", "a frame described no arrays"), ("close_the_channel", "closed the channel"),
    ],
)  # fmt: skip
def test_a_worker_that_talks_nonsense_is_ended(name: str, says: str, start: Start) -> None:
    error = dying(start, name, seconds=60)
    assert error.cause.startswith("the worker no longer answers as it should (")
    assert says in error.cause


def test_a_command_that_does_not_exist(start: Start) -> None:
    with pytest.raises(BackendCrashed, match="the worker could not be started") as caught:
        start(command=["/nonexistent/python"])
    assert caught.value.where == "start, ort-cpu"


def test_an_interpreter_that_cannot_run_the_worker(start: Start) -> None:
    worker = start(command=[sys.executable, "-c", "raise SystemExit('wrong interpreter')"])
    with pytest.raises(BackendCrashed, match="ended by itself with status 1: wrong interpreter"):
        load(worker, "echo")
