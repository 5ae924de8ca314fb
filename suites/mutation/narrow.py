"""Faults in conversions to float16 and to whole numbers, and what of them no verdict can be asked to see."""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
from onnx import ModelProto, numpy_helper

from fixtures.mutations import FURTHER, VALUES, Fault, faults_of
from fixtures.mutations.quantised import QUANTISED
from fixtures.mutations.truth.feed_forward import Array, Arrays, Truth, change
from pytest_onnxaccel.core.comparisons import Comparison
from pytest_onnxaccel.core.results import CheckResult, Verdict
from suites.mutation.floor import worst
from suites.mutation.score import Outcome
from suites.precision.conversions import parity, quantised, to_float16
from suites.precision.nets import NETS

#: Seeds of the weights' roundings that the floor of float16 is taken over, and of its inputs.
ROUNDINGS, INPUTS = 6, 3
#: What a quantised model may lose more than the healthy one does, in dB.
SPARE_DB = 3.0
#: Kinds that are of the whole file, of float16 itself, or of a model with skip connections of its own.
LEFT_OUT = ("float16", "skip connection", "Add to Sub", "softmax axis", "flatten")


def originals(seed: int = 2) -> dict[str, ModelProto]:
    """The float32 models that are converted, by name."""
    return {name: make(seed) for name, make in NETS.items()}


class Half:
    """Faults in conversions of one model to float16: planted before it is converted."""

    def __init__(self, name: str, model: ModelProto, folder: Path) -> None:
        self.model, self.folder = model, folder
        families = {**VALUES, "attention": FURTHER["attention"]}
        planted = faults_of(model, f"float16 {name}", families)
        self.faults = [fault for fault in planted if not any(part in fault.kind.name for part in LEFT_OUT)]

    def verdict(self, fault: Fault | None, keep: bool = True) -> CheckResult:
        """The verdict on the converted model against the float32 original; without a fault on a healthy one."""
        mutated = self.model if fault is None else fault.mutated(self.model)
        return parity(to_float16(mutated, keep), self.model, self.folder)

    def outcome(self, fault: Fault) -> Outcome:
        result = self.verdict(fault, keep=len(fault.id) % 2 == 0)
        multiple = None if result.verdict is Verdict.FAILED else self.multiple(fault)
        return Outcome(fault, result, multiple)

    @functools.cached_property
    def _truths(self) -> list[tuple[Truth, Arrays]]:
        made = []
        for seed in range(INPUTS):
            truth = Truth(_feeds(self.model, seed))
            made.append((truth, truth.run(self.model)))
        return made

    @functools.cached_property
    def level(self) -> dict[str, float]:
        """By output: what legal conversions to float16 change, in parts of the output's largest value."""
        found = []
        for candidate in self._legal():
            session = onnxruntime.InferenceSession(candidate.SerializeToString(), providers=["CPUExecutionProvider"])
            for seed, (_, exact) in enumerate(self._truths):
                names = [output.name for output in session.get_outputs()]
                runs = dict(zip(names, session.run(names, _feeds(self.model, seed)), strict=True))
                found.append(change(exact, {name: np.asarray(run, np.float64) for name, run in runs.items()}))
        return worst(found)

    def _legal(self) -> Iterator[ModelProto]:
        yield to_float16(self.model, True)
        for seed in range(ROUNDINGS):
            yield to_float16(_rounded_otherwise(self.model, seed), True)

    def multiple(self, fault: Fault) -> float:
        """The true change of *fault* in units of that floor."""
        mutated = fault.mutated(self.model)
        found = worst([change(exact, truth.run(mutated)) for truth, exact in self._truths])
        return max(value / self.level[name] for name, value in found.items())


class Quantised:
    """Faults in conversions of one model to 8 bits: planted into what onnxruntime.quantization makes of it.

    Attributes:
        faults: kinds that change constants are to be found without a limit, the others within one that the healthy
            conversion passes.
    """

    def __init__(self, name: str, model: ModelProto, folder: Path, per_channel: bool) -> None:
        self.model, self.folder = model, folder
        self.converted = quantised(model, folder, "qdq", per_channel)
        way = "per channel" if per_channel else "per tensor"
        self.faults = faults_of(self.converted, f"int8 {name} {way}", {"quantised": QUANTISED})

    @functools.cached_property
    def healthy(self) -> float:
        """SQNR of the healthy conversion in dB, of its worst output."""
        found = parity(self.converted, self.model, self.folder).figures["quantised"]["sqnr_db"]
        return float(min(found.values()))

    def verdict(self, fault: Fault | None, limit: bool) -> CheckResult:
        """The verdict on the quantised model against its original, within a limit or without one."""
        mutated = self.converted if fault is None else fault.mutated(self.converted)
        given = Comparison("sqnr", self.healthy - SPARE_DB)
        names = [output.name for output in self.model.graph.output]
        more = {"comparisons": dict.fromkeys(names, given)} if limit else {}
        return parity(mutated, self.model, self.folder, **more)

    def outcome(self, fault: Fault) -> Outcome:
        return Outcome(fault, self.verdict(fault, limit=fault.kind.name.startswith("activation")))


def _feeds(model: ModelProto, seed: int) -> dict[str, Array]:
    random = np.random.default_rng(7000 + seed)
    feeds: dict[str, Array] = {}
    for value in model.graph.input:
        shape = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        whole = value.type.tensor_type.elem_type != 1
        feeds[value.name] = random.integers(0, 40, shape) if whole else random.uniform(-1, 1, shape).astype(np.float32)
    return feeds


def _rounded_otherwise(model: ModelProto, seed: int) -> ModelProto:
    """Every weight moved by up to half a step of float16, as another rounding of it would."""
    random, made = np.random.default_rng(seed), copy.deepcopy(model)
    for tensor in made.graph.initializer:
        content = numpy_helper.to_array(tensor)
        if content.dtype == np.float32 and content.size > 1:
            step = np.spacing(np.abs(content).astype(np.float16)).astype(np.float32)
            moved = content + step * random.uniform(-0.5, 0.5, content.shape).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(moved.astype(np.float32), tensor.name))
    return made
