"""Whether what a comparison saw tells anything: outputs that answer, and weights that were reached."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pytest_onnxaccel.checks.reach.answers import Answers, Run, further, holding, remedy
from pytest_onnxaccel.checks.reach.sensitivity import Reach, hollow, judged_by_reach, with_reach
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.numerics.sampling.input_sets import Inputs
from pytest_onnxaccel.numerics.sampling.sample_numbers import ABSENT, LONG


@record(frozen=True)
class Telling:
    """What a check knows of how telling its inputs are.

    Attributes:
        model: its name, for remedies.
        inputs: of the check.
        ask: measures the reach, once for all checks that are fed the same; None where nobody can.
        least: share of the weights that the user wants to be reached; None for no wish.
        fixed: the samples are all that is asked for.
    """

    model: str
    inputs: Inputs
    ask: Callable[[], Reach | None] = lambda: None
    least: float | None = None
    fixed: bool = False

    def more(self, answers: Answers, first: int) -> Iterator[int]:
        """Yield the numbers of further samples to look at.

        These are samples that reach more, others while no output answers, and those that the graph of the other file
        (which the model is compared with) asks for.

        Args:
            answers: which outputs have answered so far.
            first: number of the next sample that was not looked at yet.
        """
        reach = self.ask()
        if self.fixed:
            return
        seen = set(range(first))
        for index in reach.further if reach is not None else ():
            if index not in seen:
                seen.add(index)
                yield index
        for index in further(self.inputs, first):
            if not answers.silent(self.by_design()):
                break
            if index not in seen:
                yield index
        if self.inputs.long is not None and LONG not in seen:
            yield LONG
        if self.inputs.absent:
            yield ABSENT
        yield from self.inputs.beyond_samples
        yield from self.inputs.extra_samples

    def by_design(self) -> frozenset[str]:
        """Return the outputs that the values of no input reach."""
        reach = self.ask()
        if reach is None or reach.answering is None:
            return frozenset()
        return frozenset(reach.outputs) - reach.answering

    def judged(self, result: CheckResult, answers: Answers, run: Run) -> CheckResult:
        """Return a passed *result* with what was reached; inconclusive where it proves nothing.

        Args:
            result: of the comparison.
            answers: which outputs have answered.
            run: the reference, to find out which input is to blame.
        """
        if result.verdict is not Verdict.PASSED:
            return result
        reach, design = self.ask(), self.by_design()
        silent = answers.silent(design)
        figures = {**result.figures, "silent": sorted(silent)} if silent else result.figures
        result = result.with_(figures=figures)
        if answers.hollow(design):
            what = remedy(holding(self.inputs, run, silent), self.inputs, self.model)
            result = result.with_(figures={**result.figures, **(reach.figures() if reach is not None else {})})
            return hollow(result, f"{answers.told(silent)}, which proves nothing: {what}")
        if silent:
            result = result.with_(notes=(*result.notes, f"{answers.told(silent)}: nothing is proven about that"))
        plain = with_reach(result, reach)
        return judged_by_reach(plain, reach, self.least, remedy([], self.inputs, self.model))
