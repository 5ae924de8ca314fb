"""What can be said of this machine without loading a driver or a runtime."""

from __future__ import annotations

import os
import platform
import re
import sys
from pathlib import Path

from pytest_onnxaccel.isolation.confinement.level import level
from pytest_onnxaccel.isolation.limits import machine_memory

#: Files that an NVIDIA driver brings, each relative to the root of the file system.
_DRIVER_FILES = (
    "proc/driver/nvidia/version",
    "dev/nvidiactl",
    "dev/nvidia0",
    "usr/lib/wsl/lib/libcuda.so.1",
    "usr/lib/aarch64-linux-gnu/tegra/libcuda.so",
    "usr/lib/aarch64-linux-gnu/nvidia/libcuda.so",
)


def cores() -> int:
    """Return the cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        return os.cpu_count() or 1


def nvidia_driver(root: Path = Path("/")) -> str:
    """Return the version of NVIDIA's driver, ``found`` when the version cannot be read, empty when there is none."""
    there = [root / name for name in _DRIVER_FILES if (root / name).exists()]
    if not there:
        return ""
    try:
        text = (root / _DRIVER_FILES[0]).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "found"
    version = re.search(r"Kernel Module.*?\s(\d+\.\d[\d.]*)", text)
    return version.group(1) if version else "found"


def python() -> dict[str, str]:
    """Describe this interpreter."""
    return {
        "version": platform.python_version(),
        "executable": sys.executable,
        "platform": f"{platform.system()} {platform.machine()}",
    }


def machine() -> dict[str, object]:
    """Return the cores, bytes of memory, the driver of a GPU, and how far workers are confined."""
    driver = nvidia_driver()
    return {"cores": cores(), "memory": machine_memory(), "nvidia_driver": driver, "sandbox": str(level())}
