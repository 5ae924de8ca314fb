"""What is known of a model: by its graph, by its golden data, by what it was converted from."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cached_property
from typing import Any

from pytest_onnxaccel.convert.cache.loader_digest import loader_files
from pytest_onnxaccel.core.comparisons import OutputFacts
from pytest_onnxaccel.core.domains import InputFacts
from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.core.specs import GoldenSpec, ModelInfo, ModelSpec, SourceSpec, is_function
from pytest_onnxaccel.runner.golden_data import Golden, golden_of, take_in
from pytest_onnxaccel.runner.sessions.named_outputs import named_outputs
from pytest_onnxaccel.runner.sessions.workers.engines import Engines


class KnownModel:
    """Answers what is asked of a model, each once."""

    spec: ModelSpec
    _engines: Engines
    _folder: str

    @property
    def info(self) -> ModelInfo:
        """What the model declares."""
        raise NotImplementedError

    @property
    def path(self) -> str:
        """The staged copy."""
        raise NotImplementedError

    def graph(self, function: str, **arguments: Any) -> Any:
        """Call a graph function in a worker of this interpreter."""
        raise NotImplementedError

    @cached_property
    def facts(self) -> InputFacts:
        """What the graph says of its inputs, and the user of infinities."""
        found = InputFacts.from_json(self.graph("input_facts", path=self.path))
        return replace(found, infinite=tuple(dict.fromkeys((*found.infinite, *self.may("allow_inf")))))

    @cached_property
    def output_facts(self) -> OutputFacts:
        """What the graph says of its outputs; nobody looks where no operator is there that would matter."""
        if not OutputFacts.OPERATORS.intersection(self.info.operators):
            return OutputFacts()
        return OutputFacts.from_json(self.graph("pytest_onnxaccel.graph.outputs.facts:output_facts", path=self.path))

    def may(self, key: str) -> tuple[str, ...]:
        """Return outputs that *key*, ``allow_inf`` or ``allow_random``, is said of.

        Raises:
            ModelError: ``E_CONFIG``: one that is named is not there.
        """
        said: tuple[str, ...] = getattr(self.spec, key)
        if not said:
            return ()
        named_outputs(said, self.info, key)
        if "*" not in said:
            return said
        drawn = tuple(self.output_facts.random) if key == "allow_random" else ()
        return drawn or tuple(spec.name for spec in self.info.outputs)

    @cached_property
    def golden(self) -> Golden:
        """Its golden data, and what stands against that."""
        spec = golden_of(self.spec)
        if spec is None:
            return Golden(GoldenSpec("", ""))
        return take_in(spec, self.info, self._folder, self.graph, self._engines.options.limits.seconds)

    def source_hash(self, recorded: str = "") -> str | None:
        """Return the SHA-256 of what the model was converted from; None where nobody names it, or it is not here.

        Args:
            recorded: name of what golden data was recorded of; of a function, the code that it has now counts.
        """
        source = self.spec.source
        if is_function(recorded):
            found = loader_files(recorded.partition(":")[0], self._engines.options.import_paths)
            source = SourceSpec(recorded, recorded) if found else None
        elif source is None or not os.path.exists(source.path):
            return None
        if source is None:
            return None
        try:
            return self._engines.conversions.stage(source).sha256
        except OnnxAccelError:
            return None  # the check that runs it says so
