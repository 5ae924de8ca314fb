"""Sessions, specs and inputs made of plain Python: what a check sees, without a runtime behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_onnxaccel.backends.protocol import SessionInfo
from pytest_onnxaccel.core.specs import Dim, InputSpec, ModelInfo, TensorSpec, Timing, TimingPlan
from pytest_onnxaccel.numerics.sampling.input_sets import Inputs
from pytest_onnxaccel.numerics.sampling.model_inputs import model_inputs

Arrays = Mapping[str, NDArray[Any]]


def tensor(name: str, *shape: Dim, dtype: str = "float32") -> TensorSpec:
    return TensorSpec(name, dtype, shape)


def info_of(inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec], batch: Dim = None, **more: Any) -> ModelInfo:
    """What a model of these inputs and outputs declares."""
    return ModelInfo(10, {"ai.onnx": 17}, "tests", tuple(inputs), tuple(outputs), batch, 1, 0, **more)


def inputs_of(
    *specs: TensorSpec,
    batch: Dim = None,
    given: Sequence[InputSpec] = (),
    seed: int = 0,
    files: Mapping[str, Sequence[NDArray[Any]]] | None = None,
) -> Inputs:
    """Inputs of a model that declares *specs* and whose inputs share *batch*."""
    return model_inputs(info_of(specs, (), batch), given, seed, files or {})


def timing(wall_ms: Sequence[float], cpu_ms: Sequence[float] | None = None) -> Timing:
    """Samples in milliseconds; the CPU time is the wall time unless it is given."""
    wall = tuple(int(v * 1e6) for v in wall_ms)
    cpu = wall if cpu_ms is None else tuple(int(v * 1e6) for v in cpu_ms)
    return Timing(wall, cpu, 10, wall[0])


@dataclass
class FakeSession:
    """A session whose outputs *function* makes of the feeds.

    Attributes:
        calls: the feeds of every run.
        closed: how often it was closed.
    """

    function: Callable[[Arrays], Arrays]
    taken: Timing | None = None
    notes: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    calls: list[Arrays] = field(default_factory=list)
    plans: list[TimingPlan] = field(default_factory=list)
    closed: int = 0

    @property
    def info(self) -> SessionInfo:
        return SessionInfo(self.inputs, self.outputs, notes=self.notes, facts=self.facts)

    def run(self, feeds: Arrays) -> dict[str, NDArray[Any]]:
        self.calls.append(feeds)
        return dict(self.function(feeds))

    def time(self, feeds: Arrays, plan: TimingPlan) -> Timing:
        self.plans.append(plan)
        assert self.taken is not None
        return self.taken

    def close(self) -> None:
        self.closed += 1


def doubling(feeds: Arrays) -> Arrays:
    """``y`` is twice ``x``: as well-behaved as can be."""
    return {"y": np.asarray(feeds["x"] * 2)}
