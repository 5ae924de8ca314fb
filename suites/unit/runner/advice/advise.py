"""Advice on a model in this process, with timings that the test makes up."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import onnx

from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.checks.advice.recommend import Advice
from pytest_onnxaccel.checks.advice.speedup import Gain
from pytest_onnxaccel.core.printing import identifier
from pytest_onnxaccel.core.specs import ModelSpec
from pytest_onnxaccel.runner.advice.advise import Advising
from pytest_onnxaccel.runner.latency.timing_sessions import TimedModel
from pytest_onnxaccel.runner.sessions.model_session import ModelSession
from pytest_onnxaccel.runner.sessions.workers.engines import Engines

CPU = "ort-cpu"
FAST, SAME = Gain(2.0, 1.9, 2.1), Gain(1.0, 0.99, 1.01)
Opened = tuple[str, str, LoadOptions]


class Advise:
    """Advises on a model; what is faster than what, the test says.

    Attributes:
        duels: every pair that was timed, each side as (backend, path, options).
        name: of the model's file.
    """

    name = "given.onnx"

    def __init__(self, engines: Engines, folder: Path) -> None:
        self.duels: list[tuple[Opened, Opened]] = []
        self._engines = engines
        self._folder = folder
        self._score: Callable[[Opened], int] = lambda side: 0

    def faster_when(self, *conditions: Callable[[Opened], bool]) -> None:
        """A side that meets more of *conditions* than the other is twice as fast."""
        self._score = lambda side: sum(condition(side) for condition in conditions)

    def paired_timing(self, first: Any, second: Any, looks: Any = ()) -> Gain:
        sides = []
        for opens, feeds in (first, second):
            assert isinstance(opens, partial)
            backend, path, options = opens.args
            sides.append((backend, str(path), options))
            opens().run(feeds)  # it opens and runs
        self.duels.append((sides[0], sides[1]))
        return FAST if self._score(sides[1]) > self._score(sides[0]) else SAME

    def __call__(
        self, model: onnx.ModelProto, target: str = "", threads: int | None = None, backend: str = CPU, **spec: Any
    ) -> Advice:
        path = self._folder / self.name
        path.write_bytes(model.SerializeToString())
        given = ModelSpec(identifier(self.name), str(path), self.name, **spec)
        made = ModelSession(given, self._engines, 0, (backend,), 0)
        return Advising(TimedModel(made, self._engines, backend, made.ready(backend)), threads).advise(target)
