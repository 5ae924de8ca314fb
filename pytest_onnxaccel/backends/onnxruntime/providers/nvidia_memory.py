"""Memory of this process on an NVIDIA GPU, as the driver's own library (NVML) tells it."""

from __future__ import annotations

import ctypes
import os
from typing import Any

from pytest_onnxaccel.backends.onnxruntime.providers.nvidia import devices

#: What NVML gives for memory that it does not know, as in containers and under Windows.
_UNKNOWN = 2**64 - 1
#: Processes that are asked for at most.
_ROOM = 512


class _Process(ctypes.Structure):
    """NVML's ``nvmlProcessInfo_t``, version 2."""

    _fields_ = (
        ("pid", ctypes.c_uint),
        ("used", ctypes.c_ulonglong),
        ("gpu_instance", ctypes.c_uint),
        ("compute_instance", ctypes.c_uint),
    )


def used(device: str, library: Any = None) -> float | None:
    """Return the megabytes that this process has on *device*; None where the driver does not tell.

    Args:
        device: number of the device as CUDA numbers it.
        library: NVML, by default that of the driver.
    """
    name = devices().get(device)
    if name is None or name.startswith("MIG-"):
        return None
    try:
        nvml = library or ctypes.CDLL("libnvidia-ml.so.1")
        if nvml.nvmlInit_v2():
            return None
    except (OSError, AttributeError):
        return None
    try:
        return _of_process(nvml, name)
    finally:
        nvml.nvmlShutdown()


def _of_process(nvml: Any, name: str) -> float | None:
    handle, count, found = ctypes.c_void_p(), ctypes.c_uint(_ROOM), (_Process * _ROOM)()
    number = name.removeprefix("gpu")
    if number.isdecimal():
        failed = nvml.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(int(number)), ctypes.byref(handle))
    else:
        failed = nvml.nvmlDeviceGetHandleByUUID(name.encode(), ctypes.byref(handle))
    if failed or nvml.nvmlDeviceGetComputeRunningProcesses_v3(handle, ctypes.byref(count), found):
        return None
    own = [found[i].used for i in range(min(count.value, _ROOM)) if found[i].pid == os.getpid()]
    return own[0] / 2**20 if own and own[0] != _UNKNOWN else None
