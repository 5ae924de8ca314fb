"""What a confined worker may still open: its interpreter, libraries, what the system tells of itself, and devices."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

from pytest_onnxaccel.isolation.confinement.landlock import DEVICE, LOOK, USE

_PACKAGE = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))

#: Programs and libraries of the system, its package managers, and of processors' vendors.
SYSTEM = (
    "/usr", "/lib", "/lib32", "/lib64", "/libx32", "/bin", "/sbin", "/nix/store", "/gnu/store",
    "/home/linuxbrew/.linuxbrew", "/opt/cuda", "/opt/intel", "/opt/nvidia", "/opt/rocm", "/run/nvidia",
    "/run/opengl-driver",
)  # fmt: skip

#: Settings of the system that libraries look for; none of them is secret.
SETTINGS = (
    "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "ld.so.preload", "alternatives", "locale.alias", "locale.conf",
    "localtime", "timezone", "mime.types", "os-release", "lsb-release", "debian_version", "passwd", "group",
    "nsswitch.conf", "hosts", "host.conf", "ssl/openssl.cnf", "ssl/certs", "pki/tls/openssl.cnf", "pki/tls/certs",
    "crypto-policies", "OpenCL", "nvidia", "nv_tegra_release", "vulkan", "glvnd",
)  # fmt: skip

#: What the kernel tells. What it tells of another process, such as its environment, Landlock refuses by itself.
KERNEL = ("/proc", "/sys")

#: Devices by name, and accelerators by what their names begin with: there is one for each card.
DEVICES = ("null", "zero", "full", "random", "urandom", "shm")
ACCELERATORS = ("nvidia", "nvhost", "nvmap", "nvgpu", "dri", "dxg", "kfd", "accel")

#: Variables that hold folders of libraries, separated by colons.
_LIBRARIES = ("LD_LIBRARY_PATH", "CUDA_HOME", "CUDA_PATH", "CUDA_ROOT", "CUDNN_PATH")


def rules() -> Iterator[tuple[str, int]]:
    """Yield paths of this machine and this interpreter, and what may be done there; some do not exist."""
    for path in (*SYSTEM, *interpreter(), *libraries()):
        yield path, USE
    for path in (*KERNEL, *(f"/etc/{name}" for name in SETTINGS)):
        yield path, LOOK
    yield f"/proc/{os.getpid()}", DEVICE  # to name its threads, and to measure its own memory
    for path in devices():
        yield path, DEVICE


def devices(folder: str = "/dev") -> Iterator[str]:
    """Yield devices that are in *folder* and that models are computed with."""
    yield from (os.path.join(folder, name) for name in DEVICES)
    yield from (os.path.join(folder, name) for name in _names_in(folder) if name.startswith(ACCELERATORS))


def _names_in(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def interpreter() -> Iterator[str]:
    """Yield where this interpreter and the modules that it may import are."""
    yield from (sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix, _PACKAGE)
    yield os.path.realpath(sys.executable)
    yield from (path for path in sys.path if os.path.isabs(path) and path.strip("/"))
    for finder in sys.meta_path:  # packages that are installed to be edited: a finder knows their folders
        module = sys.modules.get(getattr(finder, "__module__", ""))
        mapping = getattr(module, "MAPPING", None)
        yield from mapping.values() if isinstance(mapping, dict) else ()


def libraries() -> Iterator[str]:
    """Yield folders that the linker searches: by the environment, and by the system's settings."""
    for name in _LIBRARIES:
        yield from (path for path in os.environ.get(name, "").split(":") if os.path.isabs(path) and path.strip("/"))
    more = "/etc/ld.so.conf.d"
    for file in ("/etc/ld.so.conf", *(os.path.join(more, name) for name in _names_in(more) if name.endswith(".conf"))):
        try:
            with open(file, encoding="utf-8", errors="replace") as lines:
                yield from (line.strip() for line in lines if line.startswith("/") and line.strip().strip("/"))
        except OSError:
            continue
