"""The environment of ``ort-openvino``: built where it is asked for, used where it is there."""

from __future__ import annotations

import os

import pytest

from pytest_onnxaccel.environments import build, locate


@pytest.fixture(scope="session", autouse=True)
def openvino() -> None:
    """Skip where nobody asked for another ONNX Runtime: its wheel has 70 MB."""
    if locate.interpreter("ort-openvino") is None:
        if not os.environ.get("ONNXACCEL_REQUIRE_ORT_OPENVINO"):
            pytest.skip("the environment ort-openvino is not built: python -m pytest_onnxaccel env ort-openvino")
        build.build("ort-openvino")
