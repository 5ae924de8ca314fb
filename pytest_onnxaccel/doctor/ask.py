"""Asks a backend in a fresh interpreter whether it runs here: an import that crashes or hangs ends there."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

from pytest_onnxaccel.core.errors import printable
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.isolation.launch import worker_environment

_MARK = "onnxaccel-answer:"

_SCRIPT = """
import importlib, json, sys
from functools import reduce
reference, watched, mark = sys.argv[1], sys.argv[2].split(","), sys.argv[3]
module, _, name = reference.partition(":")
answer = {}
try:
    made = reduce(getattr, name.split("."), importlib.import_module(module))
    if not callable(made) and hasattr(made, "provider"):
        from pytest_onnxaccel.backends.onnxruntime.providers.backend import OrtProvider
        made = OrtProvider(made)
    else:
        made = made()
    found = made.availability()
    answer["role"] = str(made.role)
    answer["environment"] = str(made.environment)
    answer["availability"] = {
        "ok": found.ok, "reason": found.reason, "remedy": found.remedy,
        "versions": dict(found.versions), "devices": list(found.devices),
    }
except BaseException as error:
    answer["error"] = type(error).__name__ + ": " + str(error)
answer["loaded"] = sorted(name for name in watched if name in sys.modules)
print(mark + json.dumps(answer, default=str), flush=True)
"""

#: Frameworks that a backend must not load to say whether it runs.
FRAMEWORKS = ("jax", "onnx", "onnx_tf", "onnxruntime", "openvino", "tensorflow", "tensorrt", "torch", "tvm")


@record(frozen=True)
class Answer:
    """What the backend said.

    Attributes:
        error: why it said nothing, in one line; empty when it did.
        loaded: frameworks that it had imported by then.
        availability: the fields of :class:`~pytest_onnxaccel.backends.protocol.Availability`.
    """

    error: str = ""
    role: str = ""
    environment: str = ""
    availability: Mapping[str, Any] = field(default_factory=dict)
    loaded: tuple[str, ...] = ()


def ask(reference: str, frameworks: Sequence[str] = FRAMEWORKS, seconds: float = 30.0) -> Answer:
    """Import *reference* (``module:name``), make the backend and ask for its availability.

    Args:
        reference: ``module:name`` of the backend.
        frameworks: modules to look for afterwards.
        seconds: it is ended after that.
    """
    # -P as in a worker: a folder of the repository must not shadow a package
    command = [sys.executable, "-P", "-c", _SCRIPT, reference, ",".join(frameworks), _MARK]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=worker_environment(),
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Answer(f"its import did not end within {seconds:g} s")
    except OSError as error:
        return Answer(f"no interpreter could be started: {error}")
    said = done.stdout.decode("utf-8", "replace").splitlines()
    line = next((line for line in reversed(said) if line.startswith(_MARK)), "")
    if not line:
        return Answer(f"its import ended the interpreter ({_ending(done.returncode)})")
    data = json.loads(line[len(_MARK) :])
    return Answer(
        printable(data.get("error", ""), 200),
        data.get("role", ""),
        data.get("environment", ""),
        data.get("availability", {}),
        tuple(data["loaded"]),
    )


def _ending(status: int) -> str:
    import signal

    if status >= 0:
        return f"exit status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
