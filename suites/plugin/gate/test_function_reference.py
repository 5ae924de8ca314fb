"""A function as the reference, from a user's side: named in each place, right, wrong, and misused with one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fixtures.functions import BIAS, DEEP, REFS, WEIGHT, classifier, damaged, deep, zipped
from pytest_onnxaccel import ModelSpec, validate
from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.results import Verdict
from pytest_onnxaccel.isolation.confinement.level import level

HERE = level()
ROOT = Path(__file__).parents[3]
QUICK = ("--onnx-backend=ort-cpu", "-k", "parity or structure")
NAMED = "--onnx-reference=refs:predict"


@pytest.fixture(autouse=True)
def repository(tmp_path: Path, save: Callable[..., Path]) -> Path:
    (tmp_path / "refs.py").write_text(REFS)
    np.savez(tmp_path / "weights.npz", weight=WEIGHT, bias=BIAS)
    save(classifier(), "model.onnx")
    save(classifier(damaged()), "wrong.onnx")
    return tmp_path


def row_of(run: Any, model: str = "") -> dict[str, Any]:
    found: dict[str, Any] = run.row("parity", model=model)
    assert found["reference"] == "refs:predict", run.out
    return found


def test_the_option(gate: Callable, repository: Path) -> None:
    run = gate("--onnx-model=model.onnx", "--onnx-model=wrong.onnx", NAMED, *QUICK)
    assert run.failed() == [("parity", "V_PARITY")]
    assert row_of(run, "model.onnx")["verdict"] == "passed"
    wrong = row_of(run, "wrong.onnx")
    assert "output 'p'" in wrong["message"]
    assert wrong["details"][-1] == "not localised: a function has no graph to look into"
    (case,) = [line.split()[1] for line in wrong["details"] if line.startswith("case: ")]
    again = subprocess.run(
        [sys.executable, "repro.py"], cwd=repository / case, capture_output=True, text=True, check=False
    )
    assert (again.returncode, again.stderr) == (1, "")
    assert "reference: refs:predict, no file (as recorded" in again.stdout
    # How much of the weights the inputs reach is measured in the model's own file
    assert row_of(run, "model.onnx")["figures"]["reach"]["share"] == 1
    assert "asked: reference refs:predict was judged by 2 checks" in run.out
    assert "Traceback" not in run.out


@pytest.mark.parametrize("batch", [1, 5])
def test_every_batch_is_the_one_that_it_is_given(gate: Callable, repository: Path, batch: int) -> None:
    (repository / "refs.py").write_text(REFS.replace("    return", f"    assert len(logits) == {batch}\n    return"))
    run = gate("--onnx-model=model.onnx", NAMED, f"--onnx-batch={batch}", *QUICK)
    assert run.status == 0, run.out
    assert row_of(run)["batch"] == batch


def test_the_manifest_for_one_and_for_all(gate: Callable, repository: Path) -> None:
    models = "".join(f'[models.{name}]\npath = "{name}.onnx"\n' for name in ("model", "wrong"))
    (repository / "onnxaccel.toml").write_text(f'[defaults]\nreference = "refs:predict"\n{models}')
    run = gate(*QUICK)
    assert run.failed() == [("parity", "V_PARITY")]
    assert row_of(run, "model")["verdict"] == "passed"
    assert row_of(run, "wrong")["verdict"] == "failed"


def test_the_marker(gate: Callable, repository: Path) -> None:
    (repository / "test_it.py").write_text(
        "import pytest\n\n@pytest.mark.conversion_parity(reference='refs:predict')\n"
        "def test_source(onnx_model, backend): ...\n"
    )
    run = gate(
        "--onnx-model=model.onnx",
        "--onnx-model=wrong.onnx",
        "--onnx-backend=ort-cpu",
        "test_it.py",
        "-k",
        "test_source",
    )
    assert run.failed() == [("parity", "V_PARITY")]
    assert row_of(run, "model.onnx")["verdict"] == "passed"


def test_maps_are_judged_as_a_list_of_dicts(gate: Callable, save: Callable, repository: Path) -> None:
    save(zipped(), "model.onnx")
    save(zipped(damaged()), "wrong.onnx")
    made = '[dict(zip(("cat", "dog", "eel"), row)) for row in scores / scores.sum(1, keepdims=True)]'
    code = REFS.replace("scores / scores.sum(1, keepdims=True)", made)
    (repository / "refs.py").write_text(code)
    run = gate("--onnx-model=model.onnx", "--onnx-model=wrong.onnx", NAMED, *QUICK)
    assert run.failed() == [("parity", "V_PARITY")]
    assert row_of(run, "model.onnx")["verdict"] == "passed"
    assert "p[cat, dog, eel]" in row_of(run, "wrong.onnx")["message"]
    case = next(repository.glob("onnxaccel-failures/**/repro.py"))
    again = subprocess.run([sys.executable, str(case)], capture_output=True, text=True, check=False)
    assert (again.returncode, again.stderr) == (1, "")
    assert "'p[cat, dog, eel]': max abs difference" in again.stdout
    (repository / "refs.py").write_text(code.replace('"eel"', '"fox"'))
    run = gate("--onnx-model=model.onnx", NAMED, *QUICK)
    assert run.failed() == [("parity", "V_CONTRACT")]
    assert "p[cat, dog, fox]" in row_of(run)["message"]


def test_noise_past_the_floor_is_measured_in_the_candidate(gate: Callable, save: Callable, repository: Path) -> None:
    """The function has no variants; one that sums in another order is right all the same."""
    weights = [array.astype(np.float32) for array in np.random.default_rng(2).standard_normal((9, 128, 128)) / 11]
    np.savez(repository / "weights.npz", *weights)
    (repository / "refs.py").write_text(DEEP)
    save(deep(weights), "model.onnx")
    weights[3][5] *= np.float32(1.002)
    save(deep(weights), "wrong.onnx")
    run = gate("--onnx-model=model.onnx", "--onnx-model=wrong.onnx", "--onnx-batch=4", NAMED, *QUICK)
    assert run.failed() == [("parity", "V_PARITY")]
    right = row_of(run, "model.onnx")
    assert right["verdict"] == "passed"
    assert "measured drift" in right["notes"][0]
    assert "of ort-cpu over" in right["notes"][0]


def test_it_takes_part_as_a_backend_by_name_only(gate: Callable) -> None:
    named = gate("--onnx-model=model.onnx", "--onnx-backend=ort-cpu,function", NAMED, "-k", "latency or parity")
    assert named.status == 0, named.out
    assert named.row("latency", "ort-cpu")["figures"]["p50_ms"] > 0
    assert {row["backend"] for row in named.rows if row["check"] == "parity"} == {"ort-cpu"}
    plain = gate("--onnx-model=model.onnx", "-k", "structure or contract")
    assert "function" not in {row["backend"] for row in plain.rows}


#: Another ``refs.py``, the code of the failure, and what its line says.
WRONG = {
    "raises": ("def predict(inputs):\n    raise ValueError('no')\n", "E_RUN", "raises ValueError at refs.py:2: no"),
    "fails when imported": ("1 / 0\n", "E_CONFIG", "importing refs raises ZeroDivisionError"),
    "needs what is absent": ("import not_here\n", "E_CONFIG", "no module named 'not_here', which refs imports"),
    "no such name": ("def predicts(inputs): ...\n", "E_CONFIG", "has no 'predict' (load, function) - did you mean"),
    "not callable": ("predict = 3\n", "E_CONFIG", "is a int, which cannot be called"),
    "more arguments": ("def predict(a, b): ...\n", "E_CONFIG", "takes (a, b), and is called with one argument"),
    "other names": (REFS.replace('"p":', '"q":'), "V_CONTRACT", "gives the outputs ['label', 'q'], the model"),
    "another count": ("def predict(inputs):\n    return inputs['x']\n", "V_CONTRACT", "gives one array, the model"),
    "another dtype": (REFS.replace("True)}", 'True, dtype="f8")}'), "V_CONTRACT", "gives float64 for output 'p'"),
    "another shape": (REFS.replace("argmax(1)", "argmax(1)[:, None]"), "V_CONTRACT", "output 'label' has shape"),
    "ends the process": ("import os\ndef predict(inputs):\n    os._exit(3)\n", "E_CRASH", "refs:predict: the worker"),
    "is not steady": (
        REFS.replace('["x"] @', '["x"] * np.float32(np.random.rand()) @'),
        "V_UNSTABLE",
        "of refs:predict differs between two equal runs",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_each_misuse_fails_with_one_line(gate: Callable, repository: Path, what: str) -> None:
    code, expected, says = WRONG[what]
    (repository / "refs.py").write_text(code)
    run = gate("--onnx-model=model.onnx", NAMED, *QUICK)
    assert run.status == 1, run.out
    assert run.failed() == [("parity", expected)], run.out
    assert says in row_of(run)["message"]
    assert "Traceback" not in run.out


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ("refs.py:predict", "'refs.py:predict' is a file and something after it"),
        ("lib/refs.py::predict", "did you mean 'lib.refs:predict'?"),
        ("refs:1predict", "'refs:1predict' names no function - write \"package.module:function\""),
    ],
)
def test_what_is_no_name_of_a_function_ends_the_run(gate: Callable, named: str, says: str) -> None:
    run = gate("--onnx-model=model.onnx", f"--onnx-reference={named}", *QUICK)
    assert run.status == 4, run.out
    assert says in run.out
    assert "Traceback" not in run.out


def test_a_module_that_is_absent_names_the_nearest(gate: Callable) -> None:
    run = gate("--onnx-model=model.onnx", "--onnx-reference=ref:predict", *QUICK)
    assert run.failed() == [("parity", "E_CONFIG")]
    assert "ref:predict: no module named 'ref' (load, function) - did you mean 'refs'?" in run.row("parity")["message"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("source='refs:predict'", 'is a function, not a file - write reference="refs:predict"'),
        ("reference='refs:predict', loader='refs:predict'", "a loader does not apply to a function"),
        ("reference='refs::predict'", "names no function"),
    ],
)
def test_a_marker_that_misuses_it(gate: Callable, repository: Path, arguments: str, says: str) -> None:
    (repository / "test_it.py").write_text(
        f"import pytest\n\n@pytest.mark.conversion_parity({arguments})\ndef test_it(onnx_model, backend): ...\n"
    )
    run = gate("--onnx-model=model.onnx", "--onnx-backend=ort-cpu", "test_it.py")
    assert run.status == 4, run.out
    assert says in run.out


def record(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest_onnxaccel", "record", *arguments]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=600)


def test_recorded_and_then_gated_without_it(gate: Callable, repository: Path) -> None:
    done = record(repository, "model.onnx", "--reference", "refs:predict", "-o", "model.golden")
    assert done.returncode == 0, done.stderr
    assert "3 samples of refs:predict" in done.stdout
    told = json.loads((repository / "model.golden" / "golden.json").read_text())
    assert (told["source"]["name"], told["by"]["backend"]) == ("refs:predict", "function")

    gates = ("--onnx-model=model.onnx", "--onnx-reference=golden", *QUICK)
    run = gate(*gates)
    assert (run.status, run.row("parity")["warnings"]) == (0, []), run.out
    (repository / "refs.py").write_text(REFS + "\n")
    (warning,) = gate(*gates).row("parity")["warnings"]
    assert warning == "the golden data was recorded from other code of refs:predict: record it again"
    (repository / "refs.py").unlink()
    run = gate(*gates)
    assert (run.status, run.row("parity")["warnings"]) == (0, []), run.out
    (repository / "wrong.onnx").replace(repository / "model.onnx")
    assert gate(*gates).failed() == [("parity", "V_PARITY")]


def test_what_cannot_be_recorded_is_one_line(repository: Path) -> None:
    cases = [
        (
            ("model.onnx", "--reference", "ref:predict"),
            2,
            "no module named 'ref' (load, function) - did you mean 'refs'?",
        ),
        (("wrong.onnx", "--reference", "refs:predict"), 1, "onnxaccel[V_PARITY] wrong.onnx"),
        (("model.onnx", "--reference", "refs:predict", "--loader", "refs:predict"), 2, "does not apply to a function"),
        (("model.onnx", "--reference", "onnx_tf"), 2, "no backend is named 'onnx_tf' - did you mean 'onnx-tf'?"),
    ]
    for arguments, status, said in cases:
        done = record(repository, *arguments, "-o", "made.golden")
        assert (done.returncode, done.stderr.count("\n")) == (status, 1), done.stderr
        assert said in done.stderr
        assert not (repository / "made.golden").exists()


def test_the_api(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository)
    (good,) = validate("model.onnx", ["ort-cpu"], ["parity"], reference="refs:predict")
    assert (good.verdict, good.reference) == (Verdict.PASSED, "refs:predict")
    (wrong,) = validate("wrong.onnx", ["ort-cpu"], ["parity"], reference="refs:predict")
    assert (wrong.verdict, wrong.code) == (Verdict.FAILED, "V_PARITY")
    spec = ModelSpec("m", str(repository / "model.onnx"), "model.onnx", backends=("ort-cpu",), reference="refs:absent")
    (absent,) = validate(spec, checks=["parity"])
    assert (absent.verdict, absent.code) == (Verdict.FAILED, "E_CONFIG")
    assert "refs has no 'absent'" in absent.message
    # Nothing is left that could be compared with it: asked for, and not judged
    for checks in ((), ("parity",)):
        left = validate("model.onnx", ["function"], checks, reference="refs:predict")
        assert [(r.verdict, r.code) for r in left if r.check == "parity"] == [(Verdict.FAILED, "V_NOTJUDGED")]
    with pytest.raises(ConfigError, match="no backend is named 'ort_cpu'"):
        validate("model.onnx", checks=["parity"], reference="ort_cpu")


#: Tries what a function has no business to do, and tells what became of it.
ESCAPING = """
import os, socket
from pathlib import Path

def tried(what):
    try:
        what()
    except OSError as error:
        return type(error).__name__
    return "done"

def predict(inputs):
    import tempfile

    Path(tempfile.gettempdir(), "made").write_text("in its own folder")
    ways = {
        "reads": lambda: Path("weights.npz").read_bytes(),
        "writes": lambda: Path("made.txt").write_text("x"),
        "overwrites": lambda: Path("model.onnx").write_bytes(b""),
        "peeks": lambda: Path(SECRET).read_text(),
        "calls": lambda: socket.create_connection(("127.0.0.1", 9), 1),
    }
    raise RuntimeError(" ".join(f"{name}={tried(way)}" for name, way in ways.items()))
"""


@pytest.mark.skipif(not HERE.whole, reason=f"NOTHING, OR NOT ALL, IS CONFINED HERE: {HERE}")
def test_it_reads_the_repository_and_reaches_nothing_else(
    gate: Callable, repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    secret = tmp_path_factory.mktemp("elsewhere") / "secret"
    secret.write_text("secret")
    (repository / "refs.py").write_text(f"SECRET = {str(secret)!r}\n{ESCAPING}")
    whole = (repository / "model.onnx").read_bytes()
    run = gate("--onnx-model=model.onnx", NAMED, *QUICK)
    assert run.failed() == [("parity", "E_RUN")], run.out
    no = "PermissionError"
    assert f"reads=done writes={no} overwrites={no} peeks={no} calls={no}" in row_of(run)["message"]
    assert (repository / "model.onnx").read_bytes() == whole
    assert not (repository / "made.txt").exists()
    opened = gate("--onnx-model=model.onnx", NAMED, f"--onnx-readable={secret}", *QUICK)
    assert "peeks=done" in row_of(opened)["message"]


def test_one_that_hangs_is_ended(gate: Callable, repository: Path) -> None:
    (repository / "refs.py").write_text("def predict(inputs):\n    while True: ...\n")
    run = gate("--onnx-model=model.onnx", NAMED, "--onnx-timeout=10", *QUICK)
    assert run.failed() == [("parity", "E_TIMEOUT")], run.out
    assert "onnxaccel[E_TIMEOUT] refs:predict: " in row_of(run)["message"]


def test_written_golden_data_and_a_lock_are_the_functions(gate: Callable, repository: Path) -> None:
    run = gate("--onnx-model=model.onnx", NAMED, "--onnx-golden=write", "--onnx-lock=write", *QUICK)
    assert run.status == 0, run.out
    assert "golden: " in run.out
    assert "3 samples of refs:predict" in run.out
    assert '"ort-cpu~refs:predict"' in (repository / "onnxaccel.lock.toml").read_text()
    run = gate("--onnx-model=model.onnx", "--onnx-model=wrong.onnx", NAMED, *QUICK, "-n", "2")
    assert {(row["model"], row["reference"], row["verdict"]) for row in run.rows if row["check"] == "parity"} == {
        ("model.onnx", "refs:predict", "passed"),
        ("model.onnx", "golden", "passed"),
        ("wrong.onnx", "refs:predict", "failed"),
    }
