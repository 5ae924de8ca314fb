"""Settings of onnx-tf's device, with stand-ins for TensorFlow: what is asked for is set, or refused."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pytest_onnxaccel.backends.onnx_tf.backend import OnnxTf, from_text
from pytest_onnxaccel.backends.onnx_tf.device import Device
from pytest_onnxaccel.core.errors import BackendUnavailable, ConfigError


def config() -> Any:
    return SimpleNamespace(device_count={}, gpu_options=SimpleNamespace(), allow_soft_placement=None)


def tensorflow(gpus: int) -> Any:
    return SimpleNamespace(config=SimpleNamespace(list_physical_devices=lambda kind: ["gpu"] * gpus))


def test_the_cpu_by_default() -> None:
    made = config()
    Device.parse(()).configure(made)
    assert made.device_count == {"GPU": 0}
    assert str(Device()) == "CPU"
    Device().insist(tensorflow(0))


def test_a_gpu_with_a_share_of_its_memory() -> None:
    device = Device.parse((("device", "CUDA:1"), ("memory_fraction", "0.7"), ("soft_placement", "True")))
    assert device == Device(1, 0.7, True)
    assert (str(device), device.scope) == ("CUDA:1", "/GPU:1")
    made = config()
    device.configure(made)
    assert made.device_count == {}
    assert made.gpu_options.per_process_gpu_memory_fraction == 0.7
    assert made.allow_soft_placement is True


def test_a_gpu_that_is_not_seen_is_refused() -> None:
    Device(0).insist(tensorflow(1))
    with pytest.raises(BackendUnavailable, match="TensorFlow sees 1 GPUs, and CUDA:1 was asked for"):
        Device(1).insist(tensorflow(1))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"device": "TPU:0"}, "not a device"),
        ({"device": "CUDA:0", "memory_fraction": "1.5"}, "not above 0 and at most 1"),
        ({"memory_fraction": "0.5"}, "of a GPU"),
        ({"fraction": "0.5"}, "no setting 'fraction'"),
    ],
)
def test_what_cannot_be(options: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Device.parse(tuple(options.items()))


def test_a_worker_makes_the_same() -> None:
    assert OnnxTf().reference == ""
    made = OnnxTf().with_options((("device", "CUDA:0"),))
    module, _, given = made.reference.partition(" ")
    assert module == "pytest_onnxaccel.backends.onnx_tf.backend:from_text"
    assert from_text(given)._device == Device(0)
