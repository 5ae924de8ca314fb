"""Puts the perturbing double into a process: every session that a backend of the project loads rounds otherwise.

Only the standard library is imported here, and a backend's module is changed when it is imported: a process that
loads no model pays nothing, and the tests of the import budget see what they always see.
"""

from __future__ import annotations

import functools
import hashlib
import os
import sys
from collections.abc import Callable, Mapping
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

#: The classes whose sessions are changed; the isolated onnx-tf has an interpreter of its own, out of reach.
BACKENDS = {
    "pytest_onnxaccel.backends.onnxruntime.cpu": "OrtCpu",
    "pytest_onnxaccel.backends.onnxruntime.providers.backend": "OrtProvider",
    "pytest_onnxaccel.backends.reference": "ReferenceBackend",
    "pytest_onnxaccel.backends.pytorch.backend": "TorchBackend",
    "pytest_onnxaccel.backends.tensorflow.backend": "TensorflowBackend",
}
#: What of the options chooses kernels; the others change when memory is had and given back.
_CHOICES = ("optimize", "level", "threads", "kernels")


def install(seed: str) -> None:
    """From now on in this process; *seed* stands for one processor. Installing twice changes nothing."""
    if any(isinstance(finder, _Finder) for finder in sys.meta_path):
        return
    sys.meta_path.insert(0, _Finder(seed))
    for name in BACKENDS:
        if name in sys.modules:
            _change(sys.modules[name], seed)


class _Finder(MetaPathFinder):
    """Finds the backends' modules as ever, and changes them once they have run."""

    def __init__(self, seed: str) -> None:
        self._seed = seed

    def find_spec(self, name: str, path: Any, target: ModuleType | None = None) -> ModuleSpec | None:
        if name not in BACKENDS:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def executed(module: ModuleType) -> None:
            execute(module)
            _change(module, self._seed)

        spec.loader.exec_module = executed  # type: ignore[method-assign]
        return spec


def _change(module: ModuleType, seed: str) -> None:
    backend: Any = getattr(module, BACKENDS[module.__name__])
    load = backend.load

    @functools.wraps(load)
    def loading(self: Any, path: str, options: Any) -> Any:
        session = load(self, path, options)
        if not os.path.exists(path):
            return session  # a test stands in for the runtime: what it gives is written down
        choices = [getattr(options, name) for name in _CHOICES]
        key = f"{seed} {module.__name__} {choices}".encode() + _content(path)
        session.run = _running(session.run, key)
        return session

    backend.load = loading


def _running(run: Callable[[Mapping[str, Any]], dict[str, Any]], key: bytes) -> Callable[..., dict[str, Any]]:
    from other_processor.perturb import perturbed

    @functools.wraps(run)
    def running(feeds: Mapping[str, Any]) -> dict[str, Any]:
        return perturbed(run(feeds), feeds, key)

    return running


def _content(path: str) -> bytes:
    """A digest of the file, or of all files of a folder, by name."""
    files = [path]
    if os.path.isdir(path):
        files = sorted(os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names)
    digest = hashlib.blake2b()
    for name in files:
        digest.update(os.path.relpath(name, path).encode())
        with open(name, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.digest()
