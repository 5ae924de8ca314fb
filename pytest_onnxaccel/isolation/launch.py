"""How a worker is started: the command, a cleaned environment, inherited descriptors, its own process group."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

#: What a worker sees of the environment. Anything else (tokens, pytest's own variables) stays here.
_KEPT = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV")
_KEPT_PREFIXES = (
    "LC_", "LD_", "DYLD_", "CUDA", "NVIDIA_", "CUDNN_", "OMP_", "MKL_", "OPENBLAS_", "KMP_", "TF_", "ORT_", "XLA_",
    "ONNXACCEL_",
)  # fmt: skip
#: Credentials that the prefixes would let through (``NVIDIA_API_KEY``; Terraform shares ``TF_`` with TensorFlow).
_SECRET = ("TOKEN", "SECRET", "PASSWORD", "CREDENTIAL", "KEY", "TF_VAR_")


def worker_environment(legacy: bool = False) -> dict[str, str]:
    """The environment of a worker; *legacy* also drops what would show it this interpreter's packages."""
    kept = {
        k: v
        for k, v in os.environ.items()
        if (k in _KEPT or k.startswith(_KEPT_PREFIXES)) and not any(word in k.upper() for word in _SECRET)
    }
    if legacy:
        kept.pop("PYTHONPATH", None)
        kept.pop("VIRTUAL_ENV", None)
    kept["PYTHONDONTWRITEBYTECODE"] = "1" if legacy else os.environ.get("PYTHONDONTWRITEBYTECODE", "")
    # A runtime that asks its vendor for news from a merge gate is a leak
    kept["ORT_DISABLE_TELEMETRY"] = "1"
    kept["PYTHONUTF8"] = "1"
    return kept


def own_command() -> list[str]:
    """The worker in this interpreter. ``-P``: a folder of the repository called ``onnx`` must not shadow onnx."""
    return [sys.executable, "-P", "-c", "from pytest_onnxaccel.isolation.worker import main; main()"]


def spawn(
    command: Sequence[str], descriptors: Sequence[int], preload: Sequence[str], log: int, folder: str, legacy: bool
) -> subprocess.Popen[bytes]:
    """Start *command* with *descriptors* (channel, inbox, outbox) inherited and its output in *log*."""
    return subprocess.Popen(
        [*command, *map(str, descriptors), *preload],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        pass_fds=tuple(descriptors),
        start_new_session=True,
        cwd=folder,
        env=worker_environment(legacy),
    )
