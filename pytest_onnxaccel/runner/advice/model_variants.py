"""Variants of one model's file, each made once in a worker, and what each step on the way said."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.core.frozen import record


@record(frozen=True)
class Variant:
    """A file, or why there is none.

    Attributes:
        path: of the file; the source itself where no step changed anything.
        edited: what was done, a line each.
        reason: why the last step does not apply; empty when it does.
        refused: the last step failed on this model, with this error.
    """

    path: str
    edited: tuple[str, ...] = ()
    reason: str = ""
    refused: str = ""


class Variants:
    """Applies steps one after the other.

    Args:
        graph: calls a graph function in a worker.
        source: path of the model.
        name: what the files are called: a large model's data file is named after it.
        folder: where they go, a folder of its own for each.
    """

    def __init__(self, graph: Callable[..., Any], source: str, name: str, folder: str) -> None:
        self._graph = graph
        self._name = name
        self._folder = folder
        self._made: dict[tuple[str, ...], Variant] = {(): Variant(source)}

    def file(self, steps: tuple[str, ...]) -> Variant:
        """Return the model after *steps*; a step that finds nothing to do is left out, unless it is the last."""
        if steps not in self._made:
            self._made[steps] = self._step(self.file(steps[:-1]), steps)
        return self._made[steps]

    def _step(self, before: Variant, steps: tuple[str, ...]) -> Variant:
        target = os.path.join(self._folder, "-".join(steps), self._name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        try:
            told = self._graph(steps[-1], source=before.path, target=target)
        except OnnxAccelError as error:
            return Variant(before.path, before.edited, refused=error.cause)
        if not told["edited"]:
            return Variant(before.path, before.edited, reason=str(told["reason"]))
        return Variant(target, (*before.edited, *told["edited"]))
