"""What became of each planted fault: found, missed, or proven to be below the noise floor."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from onnx import ModelProto

from fixtures.mutations import FAMILIES, Fault, Kind, faults_of
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import Tolerance
from suites.mutation.floor import Floor, save
from suites.mutation.judge import Judge

FOUND, BELOW, MISSED = "found", "below the floor", "missed"


@dataclass(frozen=True)
class Outcome:
    """One fault and its verdict.

    Attributes:
        multiple: of a value fault, its true change in units of the noise floor; None where it was not asked for.
    """

    fault: Fault
    result: CheckResult
    multiple: float | None = None

    @property
    def found(self) -> bool:
        return self.result.verdict is Verdict.FAILED

    @property
    def state(self) -> str:
        if self.found:
            return FOUND
        return BELOW if self.multiple is not None and self.multiple <= 1 else MISSED

    @property
    def right_code(self) -> bool:
        """The code says what kind of thing is wrong."""
        if self.fault.family == "nonfinite":
            return self.result.code in ("V_CONTRACT", "V_NONFINITE")
        return self.result.code == ("V_CONTRACT" if self.fault.contract else "V_PARITY")

    def __str__(self) -> str:
        change = "" if self.multiple is None else f", true change {self.multiple:.3g} times the noise floor"
        return f"{self.fault.id}: {self.state}{change}; {self.result.code} {self.result.message}"


class Planted:
    """One model with its faults, and the open original."""

    def __init__(
        self,
        name: str,
        model: ModelProto,
        folder: Path,
        tolerance: Tolerance | None = None,
        families: Mapping[str, Sequence[Kind]] = FAMILIES,
    ) -> None:
        self.name = name
        self.model = model
        self.faults = faults_of(model, name, families)
        self.folder = folder
        self.original = save(model, folder / f"{name}.onnx")
        self._tolerance = tolerance
        self._results: dict[str, CheckResult] = {}
        self.judge = Judge(self.original, tolerance)

    @functools.cached_property
    def floor(self) -> Floor:
        return Floor(self.model, self.judge, self.folder)

    def pair(self, fault: Fault) -> tuple[Path, Path]:
        """Files of the original and of the mutated model; those of the next fault overwrite them."""
        original = self.original
        if fault.kind.ground is not None:
            original = save(fault.original(self.model), self.folder / f"{self.name}-original.onnx")
        return original, save(fault.mutated(self.model), self.folder / f"{self.name}-mutated.onnx")

    def judge_of(self, fault: Fault, original: Path) -> Judge:
        """The open one, but for a fault that needs an original of its own."""
        return self.judge if fault.kind.ground is None else Judge(original, self._tolerance)

    def outcome(self, fault: Fault, prove: bool = False) -> Outcome:
        """The verdict on one fault.

        Args:
            prove: compute the true change also where the fault was found.
        """
        if fault.id not in self._results:
            original, mutated = self.pair(fault)
            self._results[fault.id] = self.judge_of(fault, original).verdict(mutated)
        result = self._results[fault.id]
        missed = result.verdict is not Verdict.FAILED
        multiple = self.floor.multiple(fault) if not fault.contract and (prove or missed) else None
        return Outcome(fault, result, multiple)
