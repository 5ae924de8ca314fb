"""A lock for each device that is not the CPU, across all runs of a user on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

from pytest_onnxaccel.backends.protocol import Backend
from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.core.printing import file_name
from pytest_onnxaccel.environments.locate import cache_folder
from pytest_onnxaccel.runner.locks.machine_lock import MachineLock
from pytest_onnxaccel.runner.sessions.workers.engines import Engines


class DeviceLocks:
    """Locks of devices, in the user's cache: a timing has its devices alone, other checks share them.

    Args:
        engines: know which backend runs on which device.
    """

    def __init__(self, engines: Engines) -> None:
        self._engines = engines
        self._locks: dict[str, MachineLock] = {}

    @contextmanager
    def held(self, names: Iterable[str], exclusive: bool) -> Iterator[None]:
        """Hold the devices of the backends *names*, always in the same order: no two checks wait for each other.

        Args:
            names: of backends; others are passed over.
            exclusive: for a timing.
        """
        with ExitStack() as stack:
            for key in self.keys(names):
                lock = self._lock(key)
                if lock is not None:
                    stack.enter_context(lock.exclusive() if exclusive else lock.shared())
            yield

    def keys(self, names: Iterable[str]) -> list[str]:
        """Return the devices of the backends *names*, sorted; the CPU is none, nor is what is not a backend."""
        found = set()
        for name in filter(None, names):
            try:
                backend: Backend = self._engines.backend(name)
            except OnnxAccelError:  # the path of a model, or a function
                continue
            found.add(str(getattr(backend, "device_key", "")))
        return sorted(found - {""})

    def _lock(self, key: str) -> MachineLock | None:
        """Return the lock of device *key*; None where the cache cannot be written: then nothing is held."""
        if key not in self._locks:
            try:
                self._locks[key] = MachineLock(os.path.join(cache_folder(), "devices"), file_name(key))
            except OSError:
                return None
        return self._locks[key]
