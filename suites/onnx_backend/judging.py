"""One model of the suite through the gate: contract and parity, with its stored inputs and without."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pytest_onnxaccel.runner.api import validate
from pytest_onnxaccel.runner.request import RunOptions
from pytest_onnxaccel.spec import InputSpec, ModelSpec
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

    @property
    def false_alarm(self) -> bool:
        """It failed, and whoever computes in that check gives the stored outputs on the stored inputs."""
        if self.verdict != "failed":
            return False
        if self.check == "parity" and self.backend == "reference":
            return bool(self.ort) and bool(self.evaluator)
        return bool(self.evaluator) if self.backend == "reference" else bool(self.ort)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def judge(case: Case, with_data: bool, backends: tuple[str, ...] = BACKENDS) -> list[Judged]:
    """The gate's verdicts on *case* in contract and parity."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        given = _given(case, folder) if with_data else ()
        spec = ModelSpec(case.name, case.save(folder), case.name, inputs=given, backends=backends)
        options = RunOptions(in_process=True, localise=False)
        results = validate(spec, checks=["contract", "parity"], options=options)
    ort, evaluator = ort_agrees(case), evaluator_agrees(case)
    return [
        Judged(
            case.name, case.kind, result.check, result.backend, result.verdict.value, result.code, result.message,
            ort, evaluator,
        )
        for result in results
    ]  # fmt: skip


def _given(case: Case, folder: Path) -> tuple[InputSpec, ...]:
    """The stored inputs as sample files, where such a file can hold them."""
    found = []
    for place, value in enumerate(case.fed):
        arrays = [inputs[place] for inputs, _ in case.sets if place < len(inputs)]
        if not arrays or any(not isinstance(array, np.ndarray) or array.dtype.kind == "V" for array in arrays):
            continue
        held = [array.astype(str) if array.dtype.kind == "O" else array for array in arrays]
        path = folder / f"input-{place}.npz"
        np.savez(path, **{f"sample_{i}": array for i, array in enumerate(held)})
        found.append(InputSpec(value.name, file=str(path)))
    return tuple(found)
