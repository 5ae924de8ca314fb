"""Of all failures of a search, the one that is told: the worst difference decides, not the first."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.preprocessing.guarded_call import Failure
from pytest_onnxaccel.preprocessing.report import counted
from pytest_onnxaccel.preprocessing.results.difference_kinds import STAGES

#: Values that differ by less than this share of the reference's magnitude do not hide another stage.
SMALL = 1e-3
#: A check counts where it fails on at least this share of the samples of the check that fails most often.
OFTEN = 1 / 3


@record(frozen=True)
class Found:
    """One failure, the sample in words, and whether that is of the corpus."""

    words: str
    failure: Failure
    replayed: bool = False


def decisive(found: Sequence[Found]) -> Found:
    """Return the failure that names the kind.

    The first check, in their order, that fails often, and of its failures the largest; of those that are about as
    large the first. Small errors of values come after every other check.
    """
    stages: dict[str, list[Found]] = {}
    for one in found:
        stages.setdefault(one.failure.stage, []).append(one)
    weight = {stage: float(len(ones)) for stage, ones in stages.items()}
    if "values" in stages and max(one.failure.share for one in stages["values"]) <= SMALL:
        weight["values"] = min(weight["values"], 0.5)
    most = max(weight.values())
    stage = next(stage for stage in STAGES if weight.get(stage, 0) >= most * OFTEN)
    ones = stages[stage]
    worst = max(one.failure.share for one in ones)
    # what failed before and was kept is named again, unless something far worse came
    replayed = [one for one in ones if one.replayed and one.failure.share >= worst * SMALL]
    if replayed:
        return replayed[0]
    return next(one for one in ones if one.failure.share >= worst * 0.5)


def also(found: Sequence[Found], chosen: Found, noun: str = "image") -> tuple[str, ...]:
    """Return in words the other checks that failed."""
    stages: dict[str, list[Found]] = {}
    for one in found:
        if one.failure.stage != chosen.failure.stage:
            stages.setdefault(one.failure.stage, []).append(one)
    names = {"mutation": "writes into its input", "aliasing": "gives memory that it writes again"}
    names |= {"raises": "one side raises", "determinism": "two calls differ"}
    return tuple(
        f"{names.get(stage, f'other {stage}')} on {len(ones)} {counted(len(ones), noun)} ({ones[0].words})"
        for stage, ones in stages.items()
    )
