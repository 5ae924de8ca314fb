"""What ``mypy --strict`` says of a user's file: the public names have types, wrong arguments are errors."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

RIGHT = '''
"""A service that gates a model."""

from __future__ import annotations

from pathlib import Path

import pytest_onnxaccel
from pytest_onnxaccel import (
    CheckFailure,
    CheckResult,
    ConfigError,
    LatencyBudget,
    ModelSpec,
    OnnxAccelError,
    RunOptions,
    Tolerance,
    Verdict,
    convert_source,
    validate,
)


def gate(path: Path) -> list[str]:
    spec = ModelSpec("net", str(path), path.name, tolerance=Tolerance(rtol=1e-4), budget=LatencyBudget(p95_ns=5e6))
    try:
        results: list[CheckResult] = validate(spec, ["ort-cpu"], checks=["parity"], options=RunOptions(seed=1))
    except ConfigError as error:
        return [error.code]
    failed = [result for result in results if result.verdict is Verdict.FAILED]
    return [*(f"{result.check}: {result.message}" for result in failed), pytest_onnxaccel.__version__]


def export(path: Path) -> str:
    try:
        return convert_source(path, path.with_suffix(".onnx"), batch="dynamic").path
    except (OnnxAccelError, CheckFailure) as error:
        return str(error)
'''

#: A line of a user's file, and what mypy must say of it; parts of separate messages.
WRONG = {
    "validate(1, bogus=2)": [
        'Unexpected keyword argument "bogus" for "validate"',
        'Argument 1 to "validate" has incompatible type "int"; expected "str | PathLike[str] | ModelSpec"',
    ],
    "Tolerance(rtoll=1e-3)": ['Unexpected keyword argument "rtoll" for "Tolerance"; did you mean "rtol"?'],
    "ModelSpec('net')": ['Missing positional arguments "path", "shown" in call to "ModelSpec"'],
    "ModelSpec('net', 'p', 'p', backends='ort-cpu')": [
        'Argument "backends" to "ModelSpec" has incompatible type "str"'
    ],
    "validate('net.onnx')[0].verdct": ['"CheckResult" has no attribute "verdct"'],
    "Tolerance().rtol = 1.0": ['Property "rtol" defined in "Tolerance" is read-only'],
    "pytest_onnxaccel.valdate": ['Module has no attribute "valdate"'],
    "import pytest_onnxaccel.backend_apy": [
        'Cannot find implementation or library stub for module named "pytest_onnxaccel'
    ],
    "from pytest_onnxaccel.strategies import imges": ['has no attribute "imges"'],
    "from pytest_onnxaccel.backend_api import Availabilty": ['has no attribute "Availabilty"; maybe "Availability"?'],
    "pytest_onnxaccel.backend_api.TensorSpec('x', 'float32')": ['Missing positional argument "shape"'],
}

BACKEND = '''
"""A backend, annotated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_onnxaccel.backend_api import (
    Array,
    Availability,
    Backend,
    LoadOptions,
    ModelError,
    Session,
    SessionInfo,
    TensorSpec,
    Timing,
    TimingPlan,
    measure,
)
from pytest_onnxaccel.testing import BackendConformance


class MySession:
    def __init__(self, model: Any) -> None:
        self.model = model
        self.info = SessionInfo((TensorSpec("x", "float32", ("N", 3)),), (TensorSpec("y", "float32", None),))

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        if "x" not in feeds:
            raise ModelError("x is missing", code="E_INPUT")
        return {"y": feeds["x"]}

    def time(self, feeds: Mapping[str, Array], plan: TimingPlan) -> Timing:
        return measure(lambda: self.run(feeds), plan)

    def close(self) -> None: ...


class MyBackend:
    name = "mine"
    role = "runtime"
    environment = ""
    keep_worker = False

    def availability(self) -> Availability:
        return Availability(True, devices=("cpu",))

    def prepare(self, operators: Mapping[str, int], opset: int) -> str:
        return ""

    def load(self, path: str, options: LoadOptions) -> Session:
        return MySession(path)


class TestMyBackend(BackendConformance):
    make = MyBackend
    known_failures = {"test_computes": "it copies"}


given: Backend = MyBackend()
'''


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Errors that mypy has, by file and line (``wrong.py:3``)."""
    folder = tmp_path_factory.mktemp("user")
    (folder / "right.py").write_text(RIGHT, encoding="utf-8")
    (folder / "backend.py").write_text(BACKEND, encoding="utf-8")
    head = "import pytest_onnxaccel.backend_api\nfrom pytest_onnxaccel import ModelSpec, Tolerance, validate\n"
    (folder / "wrong.py").write_text(head + "\n".join(WRONG) + "\n", encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--no-error-summary",
        "--cache-dir",
        str(folder / "cache"),
        ".",
    ]
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "NO_COLOR": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stdout + done.stderr
    found: dict[str, list[str]] = {}
    for place, message in re.findall(r"^(\w+\.py:\d+): error: (.*)$", done.stdout, re.MULTILINE):
        found.setdefault(place, []).append(message)
    assert found, done.stdout
    return found


def test_a_right_file_has_no_error(said: dict[str, list[str]]) -> None:
    assert not {place: told for place, told in said.items() if not place.startswith("wrong.py")}


@pytest.mark.parametrize(("place", "line"), list(enumerate(WRONG, start=3)), ids=list(WRONG))
def test_a_wrong_line_has_its_errors(said: dict[str, list[str]], place: int, line: str) -> None:
    told = said.get(f"wrong.py:{place}", [])
    assert len(told) == len(WRONG[line]), told
    for part in WRONG[line]:
        assert any(part in message for message in told), told
