"""The device that PyTorch exports on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_onnxaccel.core.errors import ConfigError, printable

if TYPE_CHECKING:
    import torch


def device_called(name: str) -> torch.device:
    """Return the device *name*: ``cpu``, ``cuda``, ``cuda:1``, ``mps``, ``xpu``; the CPU when it is empty.

    Raises:
        ConfigError: PyTorch knows no such device, or has none here.
    """
    import torch

    here = ["cpu"]
    here += [f"cuda:{index}" for index in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    here += ["mps"] if torch.backends.mps.is_available() else []
    here += [f"xpu:{index}" for index in range(torch.xpu.device_count())] if torch.xpu.is_available() else []
    kinds = {one.partition(":")[0] for one in here}
    if (name or "cpu") not in {*here, *kinds}:
        remedy = f"PyTorch has here: {', '.join(here)}; leave --device out for the CPU"
        raise ConfigError(f"PyTorch has no device {printable(name, 40)!r} here", remedy=remedy)
    return torch.device(name or "cpu")
