"""The parity check on models in this process: what a run does through workers, without them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import onnx

from pytest_onnxaccel.backends.onnxruntime.cpu import OrtCpu
from pytest_onnxaccel.backends.protocol import LoadOptions, Session
from pytest_onnxaccel.backends.reference import ReferenceBackend
from pytest_onnxaccel.checks.parity.check import Noisy, ParityCase, parity
from pytest_onnxaccel.checks.parity.noise_floor import Variants
from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.core.results import CheckResult
from pytest_onnxaccel.core.specs import ModelInfo, Tolerance
from pytest_onnxaccel.graph.describe import inspect
from pytest_onnxaccel.graph.equivalents import applicable, variant
from pytest_onnxaccel.numerics.sampling.input_sets import Inputs
from pytest_onnxaccel.numerics.sampling.model_inputs import model_inputs

QUIET = LoadOptions(threads=1, spin=False)


@dataclass
class Judge:
    """Judges candidates against the model at *path*, in ONNX Runtime.

    Attributes:
        measured: how often the noise was measured.
    """

    path: Path
    always: bool = False
    measured: int = 0
    names: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, model: onnx.ModelProto, folder: Path) -> Judge:
        path = folder / "reference.onnx"
        onnx.save(model, path)
        return cls(path)

    def __call__(
        self, candidate: onnx.ModelProto | Path | Session, options: LoadOptions = QUIET, seeds: range = range(3)
    ) -> CheckResult:
        """The verdict on *candidate*, which runs with *options* where it is not a session yet."""
        if isinstance(candidate, onnx.ModelProto):
            target = self.path.with_name("candidate.onnx")
            onnx.save(candidate, target)
            candidate = target
        ours = OrtCpu().load(str(candidate), options) if isinstance(candidate, Path) else candidate
        return parity(ParityCase(
            "m", "candidate", "ort-cpu", ours, OrtCpu().load(str(self.path), QUIET), self.inputs(), Tolerance(),
            seeds=tuple(seeds), noisy=Noisy(self.variants(), always=self.always),
        ))  # fmt: skip

    def inputs(self) -> Inputs:
        return model_inputs(ModelInfo.from_json(inspect(str(self.path))), (), 0, {})

    def evaluator(self) -> Session:
        """The reference model in onnx's evaluator."""
        return ReferenceBackend().load(str(self.path), QUIET)

    def variants(self) -> Variants:
        def opened() -> Iterator[tuple[str, Session | OnnxAccelError]]:
            self.measured += 1
            yield "graph optimizations off", OrtCpu().load(str(self.path), LoadOptions(optimize=False, threads=1))
            yield "threads=2", OrtCpu().load(str(self.path), LoadOptions(threads=2, spin=False))
            for name in applicable(str(self.path)):
                target = self.path.with_name("variant.onnx")
                yield name, _attempt(lambda name=name, target=target: self._made(name, target))  # type: ignore[misc]

        return opened

    def _made(self, name: str, target: Path) -> Session:
        variant(str(self.path), str(target), name)
        self.names.append(name)
        return OrtCpu().load(str(target), QUIET)


def _attempt(make: Callable[[], Session]) -> Session | OnnxAccelError:
    try:
        return make()
    except OnnxAccelError as error:
        return error
