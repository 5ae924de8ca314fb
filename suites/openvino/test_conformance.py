"""OpenVINO keeps the protocol of backends, but for what it is known not to do."""

from __future__ import annotations

from typing import ClassVar

from pytest_onnxaccel.backends.onnxruntime.providers.backend import OrtProvider
from pytest_onnxaccel.backends.onnxruntime.providers.table import OPENVINO
from pytest_onnxaccel.testing import BackendConformance


class OrtOpenvino(OrtProvider):
    """The row as a class, which the kit makes without arguments."""

    def __init__(self) -> None:
        super().__init__(OPENVINO)


class TestOrtOpenvino(BackendConformance):
    make = OrtOpenvino
    must_run = True
    known_failures: ClassVar = {"test_computes[gather_int64]": "it computes int64 in int32"}
