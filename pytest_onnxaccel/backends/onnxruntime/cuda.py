"""ONNX Runtime on an NVIDIA GPU. The wheel falls back to the CPU in silence; this backend does not believe it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from pytest_onnxaccel.backends.distributions import onnxruntime_distributions
from pytest_onnxaccel.backends.onnxruntime.session import OrtSession, make_session
from pytest_onnxaccel.backends.protocol import Availability, LoadOptions, Session
from pytest_onnxaccel.core.errors import BackendUnavailable

_PROVIDER = "CUDAExecutionProvider"
_INSTALL = 'python -m pip uninstall -y onnxruntime && python -m pip install "pytest-onnxaccel[gpu]"'
_LIBRARIES = 'python -m pip install "onnxruntime-gpu[cuda,cudnn]"'


class OrtCuda:
    """``ort-cuda``: the CUDA execution provider of onnxruntime-gpu."""

    name = "ort-cuda"
    role = "runtime"
    environment = ""
    keep_worker = False
    overrides = True
    optimizes = True
    tunes = ("level", "binding")
    preload = ("numpy", "onnxruntime")

    def availability(self) -> Availability:
        found = onnxruntime_distributions()
        if "onnxruntime-gpu" not in found:
            reason = "onnxruntime-gpu is not installed"
            return Availability(False, reason, _INSTALL, versions=found)
        if len(found) > 1:
            other = next(name for name in found if name != "onnxruntime-gpu")
            return Availability(
                False,
                f"onnxruntime-gpu and {other} are installed over each other",
                f"python -m pip uninstall -y {' '.join(found)} && {_LIBRARIES}",
                versions=found,
            )
        return Availability(True, versions=found, devices=("cuda:0",))

    def prepare(self, operators: Mapping[str, int], opset: int) -> str:
        return ""

    def load(self, path: str, options: LoadOptions) -> Session:
        import onnxruntime as ort

        if _PROVIDER not in ort.get_available_providers():
            raise BackendUnavailable("this onnxruntime was built without CUDA", remedy=_INSTALL)
        if hasattr(ort, "preload_dlls"):
            ort.preload_dlls()  # finds the CUDA libraries that pip installed; prints and goes on when it cannot

        def record(made: Any) -> None:
            made.add_session_config_entry("session.record_ep_graph_assignment_info", "1")

        session = make_session(path, options, [_PROVIDER, "CPUExecutionProvider"], record)
        if _PROVIDER not in session.get_providers():
            raise BackendUnavailable(
                "the CUDA execution provider did not start and ONNX Runtime fell back to the CPU: "
                "there is no NVIDIA GPU, or its CUDA 13 and cuDNN 9 libraries are missing",
                remedy=_LIBRARIES,
            )
        placed = _placement(session)
        if placed is not None and not placed.get(_PROVIDER):
            raise BackendUnavailable("no node of the model runs on the GPU: all were placed on the CPU")
        notes = []
        if placed is not None and len(placed) > 1:
            others = sum(count for name, count in placed.items() if name != _PROVIDER)
            notes.append(f"{others} of {sum(placed.values())} nodes run on the CPU")
        return OrtSession(session, options, {"placement": dict(placed) if placed else None}, notes)


def _placement(session: Any) -> Counter[str] | None:
    """Return the nodes by provider, as the session recorded them; None where this version cannot tell."""
    ask = getattr(session, "get_provider_graph_assignment_info", None)
    if ask is None:
        return None
    placed: Counter[str] = Counter()
    for subgraph in ask():
        placed[subgraph.ep_name] += len(subgraph.get_nodes())
    return placed
