"""A parity check that has failed: which sample is looked into, and what that runs with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_onnxaccel.checks.parity.check import sample
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.numerics.sampling.input_sets import Inputs
from pytest_onnxaccel.runner.request import Request
from pytest_onnxaccel.runner.sessions.workers.engines import Engines

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

#: Breaches of the contract that are differences of values all the same.
BY_VALUE = ("nan", "inf", "shape", "rank")


@record(frozen=True)
class FailedCheck:
    """A failed parity check.

    Attributes:
        inputs: those that it ran on.
        failures: folder that cases are saved in; None saves none.
    """

    result: CheckResult
    request: Request
    inputs: Inputs
    engines: Engines
    failures: str | None = None

    @property
    def by_value(self) -> bool:
        """It failed by what the outputs hold, not by their names or types."""
        if self.result.verdict is not Verdict.FAILED:
            return False
        return self.result.code == "V_PARITY" or self.result.figures.get("breach") in BY_VALUE

    @property
    def sample(self) -> int:
        """Number of the sample that is looked into: of the worst output, or the one that broke the contract."""
        figures = self.result.figures
        if figures.get("breach"):
            return int(figures.get("breach_sample", 0))
        return int(figures.get("outputs", {}).get(figures.get("worst_output", ""), {}).get("sample", 0))

    @property
    def drawn(self) -> tuple[str, ...]:
        """The inputs whose values nobody gave, by a range, a file or golden data."""
        return tuple(spec.name for spec in self.inputs.specs if self.inputs.made_up(spec.name))

    def feeds(self) -> dict[str, Array]:
        """Return that sample: one array per input."""
        return sample(self.inputs, self.request.seeds, self.request.batch, self.sample)
