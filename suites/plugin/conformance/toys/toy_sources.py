"""Source backends that break one promise each; the right one is the built-in ``torch``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.backends.pytorch.backend import TorchBackend


class Runtime(TorchBackend):
    name, role = "runtime", "runtime"


class Kindless(TorchBackend):
    name = "kindless"
    kinds = ("exported", "flax")


class Changed:
    """*session*, whose outputs are *changed*."""

    def __init__(self, session: Any, changed: Any) -> None:
        self._session, self._changed = session, changed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def run(self, feeds: Any) -> Any:
        return self._changed(self._session.run(feeds))


class OwnNames(TorchBackend):
    name = "own-names"

    def load(self, path: str, options: LoadOptions) -> Any:
        return Changed(super().load(path, options), lambda outputs: {"output": outputs["y"]})


class Drifting(TorchBackend):
    """With seven threads it computes something else."""

    name = "drifting"

    def variants(self, options: LoadOptions) -> Any:
        return [("1 thread", replace(options, threads=1)), ("7 threads", replace(options, threads=7))]

    def load(self, path: str, options: LoadOptions) -> Any:
        session = super().load(path, options)
        return Changed(session, lambda o: {"y": o["y"] + 1}) if options.threads == 7 else session


class Careless(TorchBackend):
    name = "careless"

    def load(self, path: str, options: LoadOptions) -> Any:
        import torch

        torch.export.load(path)
        return super().load(path, options)
