"""ONNX Runtime on the CPU."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_onnxaccel.backends.distributions import onnxruntime_distributions, onnxruntime_remains
from pytest_onnxaccel.backends.onnxruntime.session import OrtSession, make_session
from pytest_onnxaccel.backends.protocol import Availability, LoadOptions, Session


class OrtCpu:
    """``ort-cpu``: the CPU execution provider of onnxruntime or onnxruntime-gpu."""

    name = "ort-cpu"
    role = "runtime"
    environment = ""
    keep_worker = False
    overrides = True
    optimizes = True
    script = "onnxruntime"
    tunes = ("level", "threads", "spin", "arena", "binding")
    preload = ("numpy", "onnxruntime", "onnx")

    def availability(self) -> Availability:
        found = onnxruntime_distributions()
        remains = onnxruntime_remains()
        if remains:
            name, version = next(iter(remains.items()))
            return Availability(
                False,
                f"{name} {version} is listed as installed, but its module is gone",
                f"python -m pip install --force-reinstall --no-deps {name}=={version}",
            )
        if not found:
            return Availability(False, "onnxruntime is not installed", 'python -m pip install "pytest-onnxaccel[cpu]"')
        return Availability(True, versions=found, devices=("cpu",))

    def prepare(self, operators: Mapping[str, int], opset: int) -> str:
        return ""

    def load(self, path: str, options: LoadOptions) -> Session:
        return OrtSession(make_session(path, options, ["CPUExecutionProvider"]), options, {})
