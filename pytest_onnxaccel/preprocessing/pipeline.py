"""Two whole pipelines on images: preprocess, model, postprocess; the first stage that makes them differ is named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from pytest_onnxaccel.core.errors import CheckFailure, ConfigError
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.results import Verdict
from pytest_onnxaccel.preprocessing.compare import compare
from pytest_onnxaccel.preprocessing.report import Report
from pytest_onnxaccel.preprocessing.side import name_of

#: The stages, in their order.
STAGES = ("preprocess", "model", "postprocess")

Stages = Sequence[Callable[..., Any]]


@record(frozen=True)
class PipelineReport:
    """What came of two pipelines.

    Attributes:
        report: of the end results.
        stage: the first stage that makes them differ; empty where they do not, or where none alone does.
        within: comparison of that stage alone, on the same images; None where it is not the first.
    """

    report: Report
    stage: str = ""
    within: Report | None = None

    @property
    def verdict(self) -> Verdict:
        """That of the end results."""
        return self.report.verdict

    @property
    def sentence(self) -> str:
        """What was found, in one sentence."""
        if self.report.verdict is Verdict.PASSED:
            return self.report.sentence
        if self.within is not None and self.within.kind is not None:
            return f"the {self.stage} stage makes the end results differ: {self.within.kind}: {self.within.sentence}"
        if self.stage:
            return f"the {self.stage} stage makes the end results differ: {self.report.sentence}"
        return self.report.sentence

    def __str__(self) -> str:
        head = "the pipelines are equivalent" if self.verdict is Verdict.PASSED else "the pipelines differ"
        lines = [f"{head}: {self.sentence}", "end results:", *(f"  {line}" for line in str(self.report).splitlines())]
        if self.within is not None:
            lines += [f"{self.stage} alone:", *(f"  {line}" for line in str(self.within).splitlines())]
        return "\n".join(lines)


def compare_pipelines(reference: Stages, candidate: Stages, **arguments: Any) -> PipelineReport:
    """Compare two pipelines of as many stages, of functions; *arguments* are those of ``compare``.

    Stage by stage the reference's is exchanged for the candidate's: the first exchange that makes the end results
    differ names the stage.

    Raises:
        ConfigError: the pipelines do not have the same number of stages, or an argument cannot be used.
    """
    first, second = list(reference), list(candidate)
    if len(first) != len(second) or not first or not all(callable(stage) for stage in (*first, *second)):
        raise ConfigError(
            f"pipelines of {len(first)} and {len(second)} stages",
            remedy="give (preprocess, model, postprocess) on both sides, each a function",
        )
    settings = {"examples": 20, **arguments}
    report = compare(_chain(first), _chain(second), **settings)
    if report.verdict is Verdict.PASSED or report.compared_nothing:
        return PipelineReport(report)
    names = STAGES if len(first) == len(STAGES) else tuple(f"stage {k + 1}" for k in range(len(first)))
    for place in range(len(first)):
        mixed = [*second[: place + 1], *first[place + 1 :]]
        found = compare(_chain(first), _chain(mixed), **settings) if place < len(first) - 1 else report
        if found.verdict is not Verdict.PASSED:
            within = compare(first[0], second[0], **_of_stage(settings)) if place == 0 else None
            alone = within if within is not None and within.kind is not None else None
            return PipelineReport(report, names[place], alone)
    return PipelineReport(report)


def _of_stage(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments for the first stage alone: the same images, the usual tolerance."""
    dropped = ("atol", "rtol", "ulp", "levels", "tolerance", "unordered", "layout", "faster")
    return {name: value for name, value in settings.items() if name not in dropped}


def _chain(stages: Stages) -> Callable[[Any], Any]:
    def run(sample: Any) -> Any:
        for stage in stages:
            sample = stage(*sample) if isinstance(sample, tuple) else stage(sample)
        return sample

    run.__qualname__ = " > ".join(name_of(stage).rpartition(":")[2] for stage in stages)
    run.__module__ = name_of(stages[0]).partition(":")[0]
    return run


def passed_or_raise(found: PipelineReport) -> PipelineReport:
    """Return *found* where it passed.

    Raises:
        CheckFailure: it did not.
    """
    if found.verdict is not Verdict.PASSED:
        raise CheckFailure(found, replace(found))
    return found
