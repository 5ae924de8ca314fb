"""A worker does what it is asked, sees what it may, and says what goes wrong inside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from fixtures import graphs
from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.core.errors import (
    BackendCrashed,
    BackendUnavailable,
    ModelError,
    OnnxAccelError,
)
from pytest_onnxaccel.isolation.supervisor import WorkerProcess
from suites.unit.isolation.hosting import ORT, Start, line_of, load, run, saved
from suites.unit.processes import needs_proc

pytestmark = needs_proc


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
