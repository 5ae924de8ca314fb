"""PyTorch as a runtime: runs what a model was exported from.

Importing this needs no PyTorch: the pytest process asks for the availability, and a worker loads the source.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pytest_onnxaccel.backends.distributions import versions_of
from pytest_onnxaccel.backends.protocol import Availability, LoadOptions, Session
from pytest_onnxaccel.backends.pytorch.kernels import NO_ONEDNN


class TorchBackend:
    """The backend ``torch``: a state dict with its builder, a TorchScript archive or an exported program."""

    name = "torch"
    role = "source"
    environment = ""
    keep_worker = True
    complete = False
    preload = ("torch",)
    kinds = ("torch", "torchscript", "exported")

    def availability(self) -> Availability:
        found = versions_of("torch", "torchvision")
        if "torch" not in found:
            remedy = 'python -m pip install "pytest-onnxaccel[torch]"'
            return Availability(False, "torch is not installed", remedy)
        return Availability(True, versions=found, devices=("cpu",))

    def prepare(self, operators: Mapping[str, int], opset: int) -> str:
        return ""

    def variants(self, options: LoadOptions) -> list[tuple[str, LoadOptions]]:
        """Return the same source, legally computed otherwise: on one thread, and with other convolutions."""
        return [
            ("1 thread", replace(options, threads=1)),
            ("without oneDNN", replace(options, kernels=NO_ONEDNN)),
        ]

    def load(self, path: str, options: LoadOptions) -> Session:
        """Load the staged source at *path*; called in the worker.

        Raises:
            ModelError: it cannot be loaded, or must not (``E_UNSAFE``).
            ConfigError: the loader cannot be used.
        """
        from pytest_onnxaccel.backends.pytorch.session import open_session

        return open_session(path, options)
