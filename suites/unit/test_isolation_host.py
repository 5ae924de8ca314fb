"""A worker may crash, hang, lie or vanish: the host says which, and nothing of it is left."""

from __future__ import annotations

import os
import platform
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import pytest

from fixtures import graphs, hazards
from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.errors import (
    BackendCrashed,
    BackendTimedOut,
    BackendUnavailable,
    ModelError,
    OnnxAccelError,
    OutOfMemory,
)
from pytest_onnxaccel.isolation.host import WorkerProcess
from pytest_onnxaccel.isolation.launch import own_command
from pytest_onnxaccel.isolation.limits import Limits
from pytest_onnxaccel.isolation.sentinel import Sentinel
from suites.unit.processes import children, eventually, needs_proc, open_files, running

pytestmark = needs_proc

ROOT = Path(__file__).parents[2]
OBEDIENT = "suites.unit.misbehaving:Obedient"
ORT = "pytest_onnxaccel.backends.ort_cpu:OrtCpu"
Start = Callable[..., WorkerProcess]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts workers; afterwards no child, file or descriptor of theirs is left."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    temporary, staging = tmp_path / "tmp", tmp_path / "staging"
    temporary.mkdir()
    staging.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    before, files = set(children()), open_files()
    sentinel = Sentinel(str(staging))
    made: list[WorkerProcess] = []

    def start(limits: Limits | None = None, preload: tuple[str, ...] = (), command: Any = None) -> WorkerProcess:
        worker = WorkerProcess("ort-cpu", command or own_command(), preload, str(staging), sentinel, limits or Limits())
        made.append(worker)
        return worker

    yield start
    for worker in made:
        worker.close()
        assert not running(worker.pid)
    sentinel.close()
    assert set(children()) <= before, "a child, or its zombie, is left"
    assert open_files() == files
    assert list(temporary.iterdir()) == []
    assert not [name for name in os.listdir("/dev/shm") if "onnxaccel" in name]


def load(worker: WorkerProcess, path: str, backend: str = OBEDIENT) -> int:
    request = {"op": "load", "backend": backend, "path": path, "options": LoadOptions(threads=1).to_json()}
    return int(worker.call("load", request)["session"])


def run(worker: WorkerProcess, session: int, **feeds: Any) -> dict[str, Any]:
    return dict(worker.call("run", {"op": "run", "session": session}, feeds)["arrays"])


def saved(model: onnx.ModelProto, folder: Path) -> str:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return str(path)


def line_of(error: OnnxAccelError) -> str:
    line = str(error)
    assert len(line) <= 300
    assert line.isprintable()
    return line


# -- when all is well -------------------------------------------------------------------------------------------


def test_arrays_go_there_and_back(start: Start) -> None:
    worker = start()
    session = load(worker, "echo")
    feeds = {
        "x": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.ones(2, ml_dtypes.bfloat16), "s": np.array(1.5),
        "t": np.array(["ä", ""], object), "e": np.zeros((0, 2), np.int8), "f": np.asfortranarray(np.eye(3)),
    }  # fmt: skip
    for _ in range(3):
        found = run(worker, session, **feeds)
        assert list(found) == list(feeds)
        for name, array in feeds.items():
            assert np.array_equal(found[name], array)
            assert found[name].dtype == array.dtype
    assert worker.alive


def test_tens_of_megabytes_go_there_and_back(start: Start) -> None:
    worker = start()
    session = load(worker, "echo")
    for size in (1 << 20, 8 << 20):
        array = np.random.default_rng(0).random(size, dtype=np.float32)
        assert np.array_equal(run(worker, session, x=array)["x"], array)


def test_several_sessions_live_beside_each_other(start: Start, tmp_path: Path) -> None:
    worker = start()
    first, second = load(worker, "echo"), load(worker, "environment")
    assert first != second
    assert "x" in run(worker, first, x=np.ones(1))
    assert "names" in run(worker, second)
    worker.call("close", {"op": "close", "session": second})
    worker.call("close", {"op": "close", "session": second})
    assert "x" in run(worker, first, x=np.ones(1))
    assert "closed" in worker.log_tail()


def test_a_real_model_and_its_warnings(start: Start, tmp_path: Path) -> None:
    worker = start(preload=("numpy", "onnxruntime"))
    request = {
        "op": "load", "backend": ORT, "options": LoadOptions(threads=1).to_json(),
        "path": saved(graphs.initializers_as_inputs(), tmp_path),
    }  # fmt: skip
    answer = worker.call("load", request)
    assert [spec["name"] for spec in answer["inputs"]] == ["x"]
    assert answer["facts"]["load_ms"] > 0
    assert len(answer["warnings"]) == 4
    for warning in answer["warnings"]:
        assert warning.startswith("Initializer ")
        assert "onnxruntime:" not in warning
    outputs = run(worker, answer["session"], x=np.ones((2, 4), np.float32))
    assert outputs["y"].shape == (2, 3)


def test_a_worker_that_has_died_of_old_age_is_not_needed(start: Start) -> None:
    worker = start()
    worker.close()
    worker.close()
    worker.kill()
    assert not worker.alive
    with pytest.raises(BackendCrashed, match="its worker is gone"):
        load(worker, "echo")


# -- what a worker sees -----------------------------------------------------------------------------------------


def test_secrets_do_not_reach_a_worker(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    monkeypatch.setenv("NVIDIA_API_KEY", "secret")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    worker = start()
    seen = run(worker, load(worker, "environment"))
    names = set(seen["names"].tolist())
    assert not {"GITHUB_TOKEN", "NVIDIA_API_KEY", "PYTEST_CURRENT_TEST"} & names
    assert {"OMP_NUM_THREADS", "PATH"} <= names


def test_folders_named_like_packages_shadow_nothing(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in (tmp_path, tmp_path / "staging"):
        for name in ("onnx", "numpy", "json", "pytest_onnxaccel"):
            (folder / name).mkdir()
            (folder / name / "__init__.py").write_text("raise SystemExit('shadowed')")
    monkeypatch.chdir(tmp_path)
    worker = start(preload=("numpy", "onnx"))
    path = saved(graphs.mlp(), tmp_path)
    answer = worker.call("inspect", {"op": "graph", "function": "inspect", "args": {"path": path}})
    assert answer["value"]["inputs"][0]["name"] == "x"


# -- errors that a worker answers -------------------------------------------------------------------------------


def failing(start: Start, name: str, **feeds: Any) -> tuple[WorkerProcess, OnnxAccelError]:
    worker = start()
    session = load(worker, name)
    with pytest.raises(OnnxAccelError) as caught:
        run(worker, session, **feeds)
    line_of(caught.value)
    return worker, caught.value


def test_errors_of_ours_come_whole(start: Start) -> None:
    worker, error = failing(start, "raise_ours")
    assert type(error) is BackendUnavailable
    assert (error.cause, error.remedy, error.subject, error.where) == ("no GPU", "buy one", "s", "w")
    assert worker.alive


def test_any_other_exception_is_one_line_and_the_worker_goes_on(start: Start) -> None:
    worker, error = failing(start, "raise_odd")
    assert error.code == "E_ERROR"
    assert error.cause.startswith("RuntimeError: ::set-output y")
    assert error.where == "run, ort-cpu"
    assert "Traceback" in worker.log_tail()
    assert "x" in run(worker, load(worker, "echo"), x=np.ones(1))


def test_memory_that_runs_out_in_python(start: Start) -> None:
    worker, error = failing(start, "run_out_of_memory")
    assert error.code == "E_MEMORY"
    assert worker.alive


def test_outputs_that_cannot_travel(start: Start) -> None:
    worker, error = failing(start, "return_objects")
    assert (error.code, error.cause) == ("E_INPUT", "'y' holds neither numbers nor text but object")
    worker, error = failing(start, "long_text")
    assert error.code == "E_ERROR"
    assert "over the limit" in error.cause
    assert worker.alive


def test_inputs_that_cannot_travel_leave_the_worker_alone(start: Start) -> None:
    worker, error = failing(start, "echo", x=np.array([object()]))
    assert isinstance(error, ModelError)
    assert worker.alive
    assert "x" in run(worker, 1, x=np.ones(1))


def test_facts_that_are_no_json(start: Start) -> None:
    worker = start()
    with pytest.raises(ModelError, match=r"the answer cannot be sent: .*not JSON serializable"):
        load(worker, "echo", "suites.unit.misbehaving:Unserializable")
    assert worker.alive


def test_unknown_requests_and_modules(start: Start) -> None:
    worker = start(preload=("no.such.module", "suites.unit.no_such_module"))
    with pytest.raises(ModelError, match="KeyError: 'dance'"):
        worker.call("dance", {"op": "dance"})
    with pytest.raises(ModelError, match="KeyError: 99"):
        run(worker, 99)
    with pytest.raises(ModelError, match="ModuleNotFoundError"):
        load(worker, "echo", "no.such:Backend")
    with pytest.raises(ModelError, match=r"ImportError: libcudart\.so\.13"):
        load(worker, "echo", "suites.unit.misbehaving:broken")
    assert "preload of no.such.module" in worker.log_tail()


# -- death ------------------------------------------------------------------------------------------------------


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
        ("garbage", "a frame held no JSON"), ("too_long", "over the limit"), ("no_answer", "a frame was no answer"),
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
        "raise --onnx-timeout if the model is only slow"
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
