"""One model of the suite through the gate: contract and parity, with its stored inputs and without."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pytest_onnxaccel.backends.reference_operators import further_operators
from pytest_onnxaccel.core.specs import ModelSpec, Tolerance
from pytest_onnxaccel.runner.api import validate
from pytest_onnxaccel.runner.request import RunOptions
from suites.onnx_backend.cases import Case
from suites.onnx_backend.plain import evaluator_agrees, ort_agrees

BACKENDS = ("ort-cpu", "reference")


@dataclass(frozen=True)
class Judged:
    """What the gate said of one case in one check, and what a plain script says.

    Attributes:
        ort, evaluator: whether they give the stored outputs on the stored inputs; None where they do not run.
    """

    case: str
    kind: str
    check: str
    backend: str
    verdict: str
    code: str
    message: str
    ort: bool | None
    evaluator: bool | None
    reference: str = ""
    #: The evaluator gives the stored outputs with those operators that the gate puts right.
    put_right: bool | None = None

    @property
    def false_alarm(self) -> bool:
        """It failed, and whoever computes in that check gives the stored outputs on the stored inputs."""
        if self.verdict != "failed":
            return False
        if self.check == "parity" and self.reference != "golden" and self.backend == "reference":
            return bool(self.ort) and bool(self.evaluator)
        return bool(self.evaluator) if self.backend == "reference" else bool(self.ort)

    @property
    def missed(self) -> bool:
        """It passed against what is stored, and a plain script says that the backend gives something else."""
        if self.verdict != "passed" or self.reference != "golden":
            return False
        return self.ort is False if self.backend == "ort-cpu" else self.put_right is False

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def judge(case: Case, with_data: bool, backends: tuple[str, ...] = BACKENDS) -> list[Judged]:
    """The gate's verdicts on *case* in contract and parity."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # What is stored was partly written by hand, to as many places as the suite allows
        tolerance = Tolerance(case.rtol, case.atol) if with_data else Tolerance()
        spec = ModelSpec(case.name, case.save(folder), case.name, backends=backends, tolerance=tolerance)
        if with_data:
            case.save_data(folder)
        options = RunOptions(in_process=True, localise=False)
        results = validate(spec, checks=["contract", "parity"], options=options)
    if with_data:  # engines are compared with each other without it, at tolerances that are measured
        results = [one for one in results if one.check == "contract" or one.reference == "golden"]
    ort, evaluator, put_right = ort_agrees(case), evaluator_agrees(case), evaluator_agrees(case, further_operators())
    return [
        Judged(
            case.name, case.kind, result.check, result.backend, result.verdict.value, result.code, result.message,
            ort, evaluator, result.reference or "", put_right,
        )
        for result in results
    ]  # fmt: skip
