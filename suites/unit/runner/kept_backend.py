"""A source backend that is kept, as slow starters are, and starts fast."""

from __future__ import annotations

from typing import Any

from pytest_onnxaccel.backends.protocol import Availability


class Kept:
    name = "kept"
    role = "source"
    kinds = ("kept",)
    environment = ""
    keep_worker = True
    preload = ("numpy",)

    def availability(self) -> Availability:
        return Availability(True, devices=("cpu",))

    def prepare(self, operators: Any, opset: int) -> str:
        return ""

    def load(self, path: str, options: Any) -> Any:
        raise NotImplementedError
