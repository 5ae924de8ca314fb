"""Files that are derived of a model: what they declare, what was prepared of them, and that they go."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from typing import Any

from pytest_onnxaccel.core.specs import ModelInfo


class DerivedFiles:
    """Keeps what is known of the files in a model's private folder.

    Args:
        folder: that folder, where workers may write.
        graph: calls a graph function in a worker.
    """

    def __init__(self, folder: str, graph: Callable[..., Any]) -> None:
        self._folder = folder
        self._graph = graph
        self._declared: dict[str, ModelInfo] = {}
        self._prepared: dict[str, dict[str, Any]] = {}

    def declared(self, path: str) -> ModelInfo:
        """Return what the derived file at *path* declares."""
        return self._declared.get(path) or ModelInfo.from_json(self._graph("inspect", path=path))

    def declares(self, path: str, info: ModelInfo) -> None:
        """Note that the derived file at *path* declares *info*, so that it need not be inspected."""
        self._declared[path] = info

    def prepared(self, path: str, preparation: str) -> tuple[str, dict[str, Any]]:
        """Return the file that the graph function *preparation* makes of the one at *path*, and what it tells."""
        target = f"{self._stem_of(path)}-{preparation}.onnx"
        if target not in self._prepared:
            self._prepared[target] = self._graph(preparation, source=path, target=target)
        return target, self._prepared[target]

    def remove(self, path: str) -> None:
        """Remove the derived file at *path*, and what was prepared of it."""
        made = [target for target in self._prepared if target.startswith(self._stem_of(path) + "-")]
        for file in (path, *made):
            self._prepared.pop(file, None)
            with contextlib.suppress(OSError):
                os.unlink(file)

    def _stem_of(self, path: str) -> str:
        """Return the prefix of files derived from *path*: in the model's own folder, where workers may write."""
        stem = os.path.splitext(path)[0]
        if path.startswith(self._folder + os.sep):
            return stem
        return os.path.join(self._folder, f"{os.path.basename(stem)}-{hashlib.sha256(path.encode()).hexdigest()[:12]}")
