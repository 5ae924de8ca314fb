"""Files of one model at other batch sizes: made in a worker, cheapest method first, each still to be proven."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.specs import ModelInfo

#: Cheapest candidate that applies, instead of one method by name.
AUTO = "auto"
#: The same without a survey of the graph, by its declarations and Reshape targets; what it claims a proof can tell.
QUICK_SURVEY = "quick_survey"
#: The model converted from its source once more.
RE_EXPORT = "re-export"
#: Method of a model that has the batch already.
AS_IS = "as is"


@record(frozen=True)
class Candidate:
    """One file.

    Attributes:
        edited: what was changed, a line each.
        info: what the file declares, where that is known.
    """

    method: str
    path: str
    edited: tuple[str, ...] = ()
    info: ModelInfo | None = None


class Candidates:
    """Makes candidates of one model, each once.

    Args:
        graph: calls a graph function in a worker.
        source: path of the model.
        stem: of the files' names.
        folder: where the files go.
        axes: of the batch by input; None for axis 0 of every input.
    """

    def __init__(
        self,
        graph: Callable[..., Any],
        source: str,
        stem: str,
        folder: str,
        axes: Mapping[str, int] | None = None,
    ) -> None:
        self._graph = graph
        self._axes = None if axes is None else dict(axes)
        self._source = source
        self._stem = stem
        self._folder = folder
        self._made: dict[tuple[int, str], Candidate | OnnxAccelError] = {}
        self._joins: Mapping[str, Any] | None = None

    def files(self, size: int, method: str = AUTO, quick_survey: bool = False) -> Iterator[Candidate | OnnxAccelError]:
        """Yield candidates for batch *size*, cheapest first, made one by one; an error where a method cannot apply.

        With *glance*, the first is what a look suggests: quick to have, and refuted where they mislead.
        """
        glanced = self._one(size, QUICK_SURVEY) if quick_survey else None
        if isinstance(glanced, Candidate):
            yield glanced
        first = self._one(size, method)
        yield first
        if method != AUTO:
            return
        if not isinstance(first, Candidate):
            return  # no method applies, for the reason that it names
        # Asked for only now, because the cheapest one usually holds
        for other in self._graph("rebatch_methods", source=self._source, axes=self._axes):
            if other != first.method:
                yield self._one(size, other)

    def _one(self, size: int, method: str) -> Candidate | OnnxAccelError:
        key = (size, method)
        if key not in self._made:
            target = os.path.join(self._folder, f"{method}-{size}", f"{self._stem}-batch-{size}.onnx")
            os.makedirs(os.path.dirname(target), exist_ok=True)
            try:
                made = self._graph(
                    "rebatch", source=self._source, target=target, batch=size, method=method, axes=self._axes
                )
                self._made[key] = Candidate(
                    str(made["method"]), target, tuple(made["edited"]), ModelInfo.from_json(made["declares"])
                )
                self._joins = made["outputs"]
            except OnnxAccelError as error:
                self._made[key] = error
        return self._made[key]

    def joins(self) -> Mapping[str, Any]:
        """Return, by output, how the model's own runs combine; empty where that is unknown."""
        if self._joins is None:
            try:
                self._joins = dict(self._graph("rebatch_joins", source=self._source, axes=self._axes))
            except OnnxAccelError:
                self._joins = {}
        return self._joins

    def treats_as_batch(self) -> bool:
        """Return whether a layer of the model takes the batch axis for one; where that is unknown it does."""
        try:
            return bool(self._graph("treats_as_batch", source=self._source, axes=self._axes))
        except OnnxAccelError:
            return True

    def holders(self, most: int = 3) -> str:
        """Return at most *most* nodes that hold the batch in a constant, or mix its samples, for a message."""
        try:
            found = self._graph("rebatch_diagnose", source=self._source, axes=self._axes)
        except OnnxAccelError:
            return ""
        named = ", ".join(f"{item['op']} {item['node']!r} ({item['why']})" for item in found[:most])
        return named + (f" and {len(found) - most} more" if len(found) > most else "")
