"""Memory on a GPU as NVML tells it, with a double of that library."""

from __future__ import annotations

import ctypes
import os
from typing import Any

import pytest

from pytest_onnxaccel.backends.onnxruntime.providers.nvidia_memory import used


class Nvml:
    """Knows device 1, on which two processes run."""

    def __init__(self, mine: int = 3 << 20, starts: bool = True) -> None:
        self.mine, self.starts = mine, starts
        self.asked: list[Any] = []

    def nvmlInit_v2(self) -> int:
        return 0 if self.starts else 9

    def nvmlShutdown(self) -> int:
        self.asked.append("closed")
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, number: Any, handle: Any) -> int:
        self.asked.append(number.value)
        return 0

    def nvmlDeviceGetHandleByUUID(self, name: bytes, handle: Any) -> int:
        self.asked.append(name)
        return 0

    def nvmlDeviceGetComputeRunningProcesses_v3(self, handle: Any, count: Any, found: Any) -> int:
        count._obj.value = 2
        assert ctypes.sizeof(found[0]) == 24, "as NVML has it"
        found[0].pid, found[0].used = 1, 7 << 20
        found[1].pid, found[1].used = os.getpid(), self.mine
        return 0


@pytest.mark.parametrize(("visible", "asked"), [("0,1", 1), ("GPU-1,GPU-2", b"GPU-2")])
def test_what_this_process_has(monkeypatch: pytest.MonkeyPatch, visible: str, asked: object) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    nvml = Nvml()
    assert used("1", nvml) == 3
    assert nvml.asked == [asked, "closed"]


@pytest.mark.parametrize("nvml", [Nvml(mine=2**64 - 1), Nvml(starts=False)])
def test_what_is_not_told(monkeypatch: pytest.MonkeyPatch, nvml: Nvml) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert used("1", nvml) is None
    assert used("2", nvml) is None, "no such device"


def test_without_a_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")

    def missing(name: str) -> None:
        raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", missing)
    assert used("0") is None
