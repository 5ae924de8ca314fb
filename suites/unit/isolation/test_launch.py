"""What a worker sees of the world: little, and nothing of the repository's folders."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_onnxaccel.isolation.launch import KEPT, Launch, own_command, spawn, worker_environment
from pytest_onnxaccel.isolation.wire import anonymous_file

SECRETS = [
    "GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "HF_TOKEN", "PYPI_PASSWORD", "PYTEST_CURRENT_TEST", "PYTEST_ADDOPTS",
    "COV_CORE_SOURCE", "SSH_AUTH_SOCK", "TF_TOKEN_app_terraform_io", "TF_VAR_db_password", "NVIDIA_API_KEY",
    "CUDA_SECRET", "ONNXACCEL_API_TOKEN", "LD_SIGNING_KEY", "TF_API_PAT", "ORT_AUTH", "LD_PRELOAD", "LD_AUDIT",
    "ONNXACCEL_WALL", "OMP_", "LC_PASS", "MKL_LICENSE", "XLA_PAT", "CUDA_HOME_PAT",
]  # fmt: skip
USUAL = [
    "LD_LIBRARY_PATH",
    "CUDA_VISIBLE_DEVICES",
    "OMP_NUM_THREADS",
    "TF_CPP_MIN_LOG_LEVEL",
    "OPENBLAS_CORETYPE",
    "XLA_FLAGS",
    "LC_ALL",
    "TMPDIR",
]


def test_the_environment_is_cleaned(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*SECRETS, *USUAL):
        monkeypatch.setenv(name, "value")
    seen = worker_environment()
    assert [name for name in SECRETS if name in seen] == []
    assert [name for name in USUAL if name not in seen] == []
    assert seen["ORT_DISABLE_TELEMETRY"] == "1"


def test_a_legacy_worker_does_not_see_this_interpreters_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.setenv("VIRTUAL_ENV", "/elsewhere")
    assert "PYTHONPATH" in worker_environment()
    assert not {"PYTHONPATH", "VIRTUAL_ENV"} & set(worker_environment(legacy=True))


def test_the_command_runs_this_interpreter_without_the_working_folder() -> None:
    assert own_command()[:2] == [sys.executable, "-P"]


SHOW = """
import json, os, sys
print(json.dumps({
    "environment": dict(os.environ), "cwd": os.getcwd(), "arguments": sys.argv[1:], "stdin": sys.stdin.read(),
    "leader": os.getpgid(0) == os.getpid() == os.getsid(0),
    "descriptors": sorted(int(n) for n in os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else [],
}), flush=True)
"""


def test_a_child_starts_alone_with_its_descriptors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    reader, writer = os.pipe()
    leaked, log = os.open(os.devnull, os.O_RDONLY), anonymous_file()
    child = spawn(Launch([sys.executable, "-c", SHOW], str(tmp_path), ["numpy"]), [writer], log)
    assert child.wait(60) == 0
    seen: dict[str, Any] = json.loads(os.pread(log, 1 << 20, 0))
    for handle in (reader, writer, leaked, log):
        os.close(handle)
    assert seen["arguments"] == [str(writer), "numpy"]
    assert (seen["cwd"], seen["stdin"], seen["leader"]) == (str(tmp_path.resolve()), "", True)
    assert "GITHUB_TOKEN" not in seen["environment"]
    if seen["descriptors"]:
        # 0, 1, 2, the pipe, and the folder that is being listed
        assert len(seen["descriptors"]) == 5
        assert writer in seen["descriptors"]


def test_the_owner_adds_a_variable_by_its_exact_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ORT_LOG_LEVEL", "ORT_LOG_LEVEL_TOKEN"):
        monkeypatch.setenv(name, "value")
    assert "ORT_LOG_LEVEL" not in worker_environment()
    assert {"ORT_LOG_LEVEL", "PATH"} <= set(worker_environment(more=["ORT_LOG_LEVEL"]))
    assert "ORT_LOG_LEVEL_TOKEN" not in worker_environment(more=["ORT_LOG_LEVEL"])


def test_no_name_of_the_list_is_a_pattern() -> None:
    assert all(name.isascii() and name.isidentifier() for name in KEPT)
