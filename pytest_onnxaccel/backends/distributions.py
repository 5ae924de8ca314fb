"""Which distributions are installed, read from their metadata: nothing is imported."""

from __future__ import annotations

import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

#: Distributions that provide the module ``onnxruntime``; two of them at once overwrite each other.
_ONNXRUNTIMES = (
    "onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino", "onnxruntime-training",
    "onnxruntime-migraphx", "onnxruntime-webgpu",
)  # fmt: skip


def versions_of(*names: str) -> dict[str, str]:
    """Return the version by name of those of the distributions *names* that are installed."""
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def onnxruntime_distributions() -> dict[str, str]:
    """Return the installed distributions of ONNX Runtime with their versions; empty when its module cannot be found."""
    return dict(_found(tuple(sys.path))) if _has_module() else {}


@cache
def _found(path: tuple[str, ...]) -> dict[str, str]:
    """Look for them once: each of the execution providers asks."""
    return versions_of(*_ONNXRUNTIMES)


def onnxruntime_remains() -> dict[str, str]:
    """Return the distributions of ONNX Runtime that are listed as installed while the module is gone.

    Uninstalling one of two that lay over each other takes the other's files along.
    """
    return {} if _has_module() else versions_of(*_ONNXRUNTIMES)


def _has_module() -> bool:
    # What an uninstallation left in the folder makes it a package without a file of its own
    spec = find_spec("onnxruntime")
    return spec is not None and spec.origin is not None
