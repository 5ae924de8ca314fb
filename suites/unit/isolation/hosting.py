"""What is asked of a worker that the fixture ``start`` has started."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx

from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.isolation.supervisor import WorkerProcess

OBEDIENT = "suites.unit.misbehaving:Obedient"
ORT = "pytest_onnxaccel.backends.onnxruntime.cpu:OrtCpu"
Start = Callable[..., WorkerProcess]


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
