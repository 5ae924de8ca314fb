"""The orchestrator on real files: every fault is one verdict, once, and nothing is left behind."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from fixtures import faults, graphs, hazards
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import InputSpec, ModelSpec, Tolerance
from pytest_onnxaccel.isolation.limits import Limits
from pytest_onnxaccel.isolation.warm.forking import available
from pytest_onnxaccel.runner.request import Request, RunOptions
from pytest_onnxaccel.runner.runner import Runner
from pytest_onnxaccel.runner.sessions.workers import engines
from suites.unit.processes import children, eventually, needs_proc, running

CPU, ONNX = "ort-cpu", "reference"
PASSED, FAILED, NOT_APPLICABLE = Verdict.PASSED, Verdict.FAILED, Verdict.NOT_APPLICABLE
#: Checks of the same run, as the plugin tells each request.
REPORTED = frozenset({("structure", ""), ("contract", CPU), ("contract", ONNX), ("batch", CPU)})

Make = Callable[..., Runner]


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where everything staged goes."""
    import tempfile

    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


@pytest.fixture
def runner(tmp_path: Path, temporary: Path) -> Iterator[Make]:
    """A runner on models (built, or paths); closed at the end, when nothing of it may be left."""
    before = set(children()) if Path("/proc").exists() else set()
    made: list[Runner] = []

    def make(
        *models: Any, backends: tuple[str, ...] = (CPU,), spec: dict[str, Any] | None = None, **options: Any
    ) -> Runner:
        specs = []
        for number, model in enumerate(models):
            path = model if isinstance(model, Path) else tmp_path / f"m{number}.onnx"
            if isinstance(model, onnx.ModelProto):
                path.write_bytes(model.SerializeToString())
            specs.append(ModelSpec(f"m{number}", str(path), f"given/{path.name}", **(spec or {})))
        options = {"in_process": True, "limits": Limits(seconds=60), **options}
        made.append(Runner(specs, {s.name: backends for s in specs}, RunOptions(**options)))
        return made[-1]

    yield make
    for one in made:
        one.close()
        one.close()
    assert list(temporary.glob("onnxaccel*")) == [], "something staged is left"
    if Path("/proc").exists():
        assert eventually(lambda: set(children()) <= before), "a process is left"


def ask(runner: Runner, check: str, backend: str = "", reference: str = "", **more: Any) -> CheckResult:
    return runner.check(Request(more.pop("model", "m0"), check, backend, reference, **more))


def outcome(result: CheckResult) -> tuple[Verdict, str]:
    return result.verdict, result.code


# -- a good model -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("in_process", [True, False], ids=["here", "workers"])
def test_every_check_of_a_good_model_passes(in_process: bool, runner: Make) -> None:
    run = runner(graphs.small_cnn(), backends=(CPU, ONNX), in_process=in_process)
    results = [
        ask(run, "structure"), ask(run, "hygiene"), ask(run, "contract", CPU), ask(run, "contract", ONNX),
        ask(run, "parity", CPU, ONNX), ask(run, "parity", CPU, "unoptimized"), ask(run, "batch", CPU),
        ask(run, "latency", CPU),
    ]  # fmt: skip
    assert [r.verdict for r in results] == [PASSED] * 8, [r.message for r in results]
    assert all(r.duration_s > 0 for r in results)
    assert all(r.model == "m0" for r in results)


def test_backends_are_fed_the_same(runner: Make) -> None:
    """The first backend settles the inputs, for all."""
    run = runner(graphs.free_dims("N"), backends=(CPU, ONNX))
    first, second = ask(run, "contract", CPU), ask(run, "contract", ONNX)
    assert first.figures["dims"] == second.figures["dims"]
    assert ask(run, "parity", ONNX, CPU).verdict is PASSED


# -- planted faults ---------------------------------------------------------------------------------------------


def test_planted_faults_fail_in_the_right_check(runner: Make, tmp_path: Path) -> None:
    good = tmp_path / "good.onnx"
    good.write_bytes(graphs.small_cnn().SerializeToString())
    wrong = runner(
        faults.move_bias(graphs.small_cnn()), faults.rename_output(graphs.small_cnn()),
        faults.nan_inside(graphs.small_cnn()), graphs.unstable(), graphs.dynamic_batch_baked_reshape(),
        graphs.mixes_samples("mean"),
    )  # fmt: skip
    assert outcome(ask(wrong, "parity", CPU, str(good), model="m0")) == (FAILED, "V_PARITY")
    assert outcome(ask(wrong, "parity", CPU, str(good), model="m1")) == (FAILED, "V_CONTRACT")
    assert outcome(ask(wrong, "contract", CPU, model="m2")) == (FAILED, "V_NONFINITE")
    assert outcome(ask(wrong, "contract", CPU, model="m3")) == (FAILED, "V_UNSTABLE")
    assert outcome(ask(wrong, "batch", CPU, model="m4")) == (FAILED, "V_BATCH")
    assert outcome(ask(wrong, "batch", CPU, model="m5")) == (FAILED, "V_BATCH")


def test_another_model_that_takes_other_inputs(runner: Make, tmp_path: Path) -> None:
    other = tmp_path / "other.onnx"
    other.write_bytes(graphs.mlp().SerializeToString())
    result = ask(runner(graphs.small_cnn()), "parity", CPU, str(other))
    assert outcome(result) == (FAILED, "V_CONTRACT")
    assert result.message == "m0 lacks input x float32[Nx4] of other.onnx"


def test_the_models_own_tolerances_hold_unless_the_request_has_one(runner: Make, tmp_path: Path) -> None:
    good = tmp_path / "good.onnx"
    good.write_bytes(graphs.small_cnn().SerializeToString())
    run = runner(faults.move_bias(graphs.small_cnn()), spec={"output_tolerances": {"logits": Tolerance(atol=1)}})
    assert ask(run, "parity", CPU, str(good)).verdict is PASSED
    assert ask(run, "parity", CPU, str(good), tolerance=Tolerance()).code == "V_PARITY"


# -- files that cannot be taken in ------------------------------------------------------------------------------


def test_a_bad_file_is_reported_once(runner: Make, tmp_path: Path) -> None:
    run = runner(hazards.lfs_pointer(tmp_path / "bad.onnx"))
    first = ask(run, "structure", reported=REPORTED)
    assert outcome(first) == (FAILED, "E_NOTMODEL")
    assert first.message.startswith("onnxaccel[E_NOTMODEL] given/bad.onnx: is a Git LFS pointer")
    for check, backend in (("hygiene", ""), ("contract", CPU), ("parity", CPU), ("batch", CPU), ("latency", CPU)):
        result = ask(run, check, backend, "unoptimized" if check == "parity" else "", reported=REPORTED)
        assert outcome(result) == (NOT_APPLICABLE, "E_NOTMODEL"), check
        assert "(see structure)" in result.message


def test_a_bad_file_fails_whatever_was_selected(runner: Make, tmp_path: Path) -> None:
    run = runner(tmp_path / "absent.onnx")
    assert outcome(ask(run, "batch", CPU)) == (FAILED, "E_FILE")
    assert outcome(ask(run, "hygiene")) == (FAILED, "E_FILE")


def test_a_file_is_taken_in_once_and_what_becomes_of_it_does_not_matter(runner: Make, tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(graphs.small_cnn().SerializeToString())
    run = runner(path)
    assert ask(run, "structure").verdict is PASSED
    hazards.garbage(path)
    assert ask(run, "contract", CPU).verdict is PASSED
    path.unlink()
    assert ask(run, "parity", CPU, "unoptimized").verdict is PASSED


# -- models that kill -------------------------------------------------------------------------------------------


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Labels of the workers that were started."""
    labels: list[str] = []
    real = engines.WorkerProcess

    def counting(label: str, *arguments: Any, **more: Any) -> Any:
        labels.append(label)
        return real(label, *arguments, **more)

    monkeypatch.setattr(engines, "WorkerProcess", counting)
    return labels


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="traps on x86-64 only")
def test_a_crash_is_remembered_and_reported_once(runner: Make, started: list[str]) -> None:
    run = runner(hazards.div_crash(), graphs.small_cnn(), in_process=False)
    assert ask(run, "structure", reported=REPORTED).verdict is PASSED
    first = ask(run, "contract", CPU, reported=REPORTED)
    assert outcome(first) == (FAILED, "E_CRASH")
    assert "the runtime died of SIGFPE" in first.message
    killed = len(started)
    again = ask(run, "contract", CPU, reported=REPORTED)
    assert (again.message, len(started)) == (first.message, killed), "the model killed a second worker"
    for check in ("batch", "latency"):
        result = ask(run, check, CPU, reported=REPORTED)
        assert outcome(result) == (NOT_APPLICABLE, "E_CRASH")
        assert f"(see contract[{CPU}])" in result.message
    # Alone, it fails
    assert outcome(ask(run, "batch", CPU)) == (FAILED, "E_CRASH")
    # A crash in a runtime leaves the graph functions and the next model alone
    assert ask(run, "structure").verdict is PASSED
    assert ask(run, "contract", CPU, model="m1").verdict is PASSED


def test_an_endless_model_times_out_once(runner: Make, started: list[str]) -> None:
    run = runner(hazards.endless_loop(), in_process=False, limits=Limits(seconds=5))
    result = ask(run, "contract", CPU, reported=REPORTED)
    assert outcome(result) == (FAILED, "E_TIMEOUT")
    count = len(started)
    assert outcome(ask(run, "latency", CPU, reported=REPORTED)) == (NOT_APPLICABLE, "E_TIMEOUT")
    assert len(started) == count


# -- backends that are not here, or not whole -------------------------------------------------------------------


def test_a_backend_that_is_not_here_does_not_apply_unless_it_is_required(
    runner: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pytest_onnxaccel.backends.onnxruntime.providers import backend as family

    monkeypatch.setattr(family, "onnxruntime_distributions", lambda: {"onnxruntime": "1"})
    optional = ask(runner(graphs.mlp(), backends=(CPU, "ort-cuda")), "contract", "ort-cuda")
    assert outcome(optional) == (NOT_APPLICABLE, "E_BACKEND")
    assert "onnxruntime-gpu is not installed" in optional.message
    strict = runner(graphs.mlp(), backends=(CPU, "ort-cuda"), required=frozenset({"ort-cuda"}))
    assert outcome(ask(strict, "contract", "ort-cuda")) == (FAILED, "E_BACKEND")
    assert outcome(ask(strict, "parity", CPU, "ort-cuda")) == (FAILED, "E_BACKEND")
    assert ask(strict, "contract", CPU).verdict is PASSED


def test_an_operator_that_a_partial_backend_lacks_is_named_and_no_failure(runner: Make) -> None:
    run = runner(graphs.ms_op(), backends=(CPU, ONNX))
    assert ask(run, "contract", CPU).verdict is PASSED
    for result in (ask(run, "contract", ONNX), ask(run, "parity", CPU, ONNX)):
        assert outcome(result) == (NOT_APPLICABLE, "E_SCHEMA")
        assert "Gelu" in result.message
        assert "compare with another backend" in result.message


def test_an_operator_that_a_whole_backend_lacks_is_a_failure(runner: Make) -> None:
    result = ask(runner(graphs.custom_op()), "contract", CPU)
    assert outcome(result) == (FAILED, "E_SCHEMA")
    assert "com.example:Mystery" in result.message


def test_inputs_that_cannot_be_made_up_do_not_apply_and_say_how_to_give_data(runner: Make) -> None:
    result = ask(runner(graphs.impossible_dims()), "contract", CPU)
    assert outcome(result) == (NOT_APPLICABLE, "E_INPUT")
    assert '[models."m0".inputs.NAME]' in result.message


def test_texts_are_drawn_from_those_that_the_graph_knows(runner: Make) -> None:
    assert ask(runner(graphs.string_input()), "contract", CPU).verdict is PASSED


def test_a_declaration_for_no_input_is_a_failure(runner: Make) -> None:
    run = runner(graphs.mlp(), spec={"inputs": (InputSpec("image", 0, 1),)})
    assert outcome(ask(run, "contract", CPU)) == (FAILED, "E_CONFIG")


# -- what is left -----------------------------------------------------------------------------------------------


def test_the_staging_folder_is_private_and_goes(runner: Make, temporary: Path) -> None:
    run = runner(graphs.small_cnn(), in_process=False)
    assert list(temporary.iterdir()) == [], "it is made only when something is staged"
    ask(run, "contract", CPU)
    (folder,) = temporary.iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700
    run.close()
    assert not folder.exists()


def test_external_data_runs_from_the_copy(runner: Make, tmp_path: Path) -> None:
    (tmp_path / "repo").mkdir()
    run = runner(graphs.external_data(tmp_path / "repo"))
    assert ask(run, "structure").verdict is PASSED
    (tmp_path / "repo" / "weights.bin").write_bytes(b"replaced")
    assert ask(run, "contract", CPU).verdict is PASSED


@needs_proc
def test_the_next_model_ends_the_workers_of_the_last(runner: Make) -> None:
    run = runner(graphs.small_cnn(), graphs.mlp(), in_process=False)
    before = set(children())
    ask(run, "contract", CPU, model="m0")
    made = set(children()) - before
    # Forked ones are children of what they are forked of
    first = {pid for parent in made for pid in children(parent)} if available() else {
        pid for pid in made if "worker" in Path(f"/proc/{pid}/cmdline").read_text()
    }  # fmt: skip
    assert len(first) == 1
    ask(run, "contract", CPU, model="m1")
    assert eventually(lambda: not any(running(pid) for pid in first))


def test_one_worker_serves_all_checks_of_a_model(runner: Make, started: list[str]) -> None:
    run = runner(graphs.small_cnn(), in_process=False)
    for check in ("structure", "hygiene", "contract", "parity", "batch"):
        backend = "" if check in ("structure", "hygiene") else CPU
        assert ask(run, check, backend, "unoptimized" if check == "parity" else "").verdict is PASSED
    assert started == [CPU]


def test_frozen_files_are_proven_and_named(runner: Make) -> None:
    run = runner(graphs.small_cnn())
    frozen = run.model_sessions.frozen("m0", 4)
    assert os.path.basename(frozen.path) == "m0-batch-4.onnx"
    assert frozen.batch_size == 4
    assert frozen.info.inputs[0].shape == (4, 3, 8, 8)
    assert frozen.inputs.feeds(0, 4)["image"].shape == (4, 3, 8, 8)
    assert run.model_sessions.frozen("m0", 4) is frozen
    as_is = run.model_sessions.frozen("m0", 1)
    assert as_is.method == "as is"


def test_inputs_are_those_that_were_settled(runner: Make) -> None:
    feeds = runner(graphs.int_tokens()).model_sessions.inputs("m0").feeds()
    assert feeds["ids"].shape == (1, 8)
    assert len(np.unique(feeds["ids"])) > 2  # rows of the table, its last one among them
